//! A program with its arguments, as keys name one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A program with its arguments, as a list that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("minItems" = 1)))]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ProgramLine {
    /// The program's name, or its path seen from the top of the repository.
    pub program: String,
    /// The arguments that the program gets.
    pub args: Vec<String>,
}

impl fmt::Display for ProgramLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl TryFrom<Vec<String>> for ProgramLine {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        match words.next() {
            Some(program) if !program.is_empty() => Ok(Self {
                program,
                args: words.collect(),
            }),
            _ => Err("a program is needed, e.g. [\"./smoke.sh\", \"--quick\"]".to_owned()),
        }
    }
}

impl From<ProgramLine> for Vec<String> {
    fn from(line: ProgramLine) -> Self {
        std::iter::once(line.program).chain(line.args).collect()
    }
}
