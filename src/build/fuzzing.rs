//! The readers of legs and Dockerfiles, for fuzz targets and the laws that they share with the tests. This
//! module is not part of the public interface.

use crate::{
    build::{Leg, dockerfile},
    error::Result,
};

/// Every description of a leg in `text`, which comes from `file`.
///
/// # Errors
/// Refused (exit 4): one is not a leg, or one of a newer hoist.
pub fn legs(text: &str, file: &str) -> Result<Vec<Leg>> {
    Leg::parse_all(text, file)
}

/// An instruction of a Dockerfile, as error messages use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadInstruction {
    /// On one line, without comments.
    pub text: String,
    /// Its first and its last line, from 1.
    pub lines: (usize, usize),
    /// The index of its stage; `None` before the first `FROM`.
    pub stage: Option<usize>,
    /// Its number in the file, and in its stage, from 1.
    pub numbers: (usize, usize),
}

/// The instructions of a Dockerfile.
#[must_use]
pub fn instructions(text: &str) -> Vec<ReadInstruction> {
    let all = dockerfile::instructions(text).into_iter();
    all.map(|it| ReadInstruction {
        lines: (it.first, it.last),
        stage: it.stage,
        numbers: (it.number, it.stage_number),
        text: it.text,
    })
    .collect()
}

/// Whether a Dockerfile has this stage, as far as hoist can know.
///
/// # Errors
/// Refused (exit 4), with the stages that there are.
pub fn check_target(text: &str, target: &str) -> Result<()> {
    dockerfile::check_target(text, "Dockerfile", Some(target))
}
