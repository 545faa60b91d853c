//! The tables of `docs/design.md`: who may use whom, and where the outside world is touched.

use std::{collections::BTreeSet, path::Path};

use super::source::{Source, is_within};

/// What a module of the crate may use of the others.
pub struct Floor {
    pub module: String,
    may: Vec<String>,
    never: Vec<String>,
}

/// A part of the outside world, and the only modules that may touch it.
pub struct Outside {
    what: String,
    homes: Vec<String>,
}

/// Both tables.
pub struct Design {
    pub floors: Vec<Floor>,
    outside: Vec<Outside>,
}

const CLOCK: [&str; 4] = ["Utc::now", "Local::now", "SystemTime::now", "Instant::now"];

impl Design {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/design.md");
        Self::parse(&std::fs::read_to_string(path).unwrap())
    }

    fn parse(text: &str) -> Self {
        let floors = rows(text, "floors").map(|row| match &row[..] {
            [module, may, never] => Floor {
                module: names(module).concat(),
                may: names(may),
                never: names(never),
            },
            _ => panic!("a row of the floors has three columns: {row:?}"),
        });
        let outside = rows(text, "outside").map(|row| match &row[..] {
            [what, homes] => Outside {
                what: names(what).concat(),
                homes: names(homes),
            },
            _ => panic!("a row of the outside has two columns: {row:?}"),
        });
        let design = Self {
            floors: floors.collect(),
            outside: outside.collect(),
        };
        assert!(design.floors.len() > 10, "the floors were not found");
        assert!(design.outside.len() > 10, "the outside was not found");
        design
    }

    /// The row that decides about a module: the longest that it lies in.
    fn floor(&self, source: &Source) -> Option<&Floor> {
        self.floors
            .iter()
            .filter(|floor| source.is_in(&floor.module))
            .max_by_key(|floor| floor.module.len())
    }

    /// What the tables say against one file.
    pub fn violations(&self, source: &Source, modules: &BTreeSet<&str>) -> Vec<String> {
        // The crate's face names everything.
        if source.module.is_empty() {
            return Vec::new();
        }
        let Some(floor) = self.floor(source) else {
            return vec![format!("{} has no row", source.path.display())];
        };
        let against = |path: &String| {
            let forbidden = match path.strip_prefix("crate::") {
                Some(inner) => !floor.allows(inner),
                None => self.is_away(path, source) || self.is_forbidden(path, floor),
            };
            forbidden.then(|| format!("{} uses {path}", source.path.display()))
        };
        source.paths(modules).iter().filter_map(against).collect()
    }

    /// A part of the outside world that is touched where it is not at home.
    fn is_away(&self, path: &str, source: &Source) -> bool {
        // What was known when it was compiled is not a look at the world.
        let constant = is_within(path, "std::env::consts");
        !constant
            && self.outside.iter().any(|outside| {
                is_within(path, &outside.what)
                    && !outside.homes.iter().any(|home| source.is_in(home))
            })
    }

    fn is_forbidden(&self, path: &str, floor: &Floor) -> bool {
        floor.never.iter().any(|never| match &**never {
            "outside" => self.outside.iter().any(|outside| {
                is_within(path, &outside.what) && !is_within(path, "std::env::consts")
            }),
            "clock" => CLOCK.iter().any(|now| path.ends_with(now)),
            never => is_within(path, never),
        })
    }
}

impl Floor {
    /// Whether a path inside the crate may be named here. The longest name that fits decides.
    fn allows(&self, inner: &str) -> bool {
        let longest = |names: &[String]| {
            names
                .iter()
                .filter(|name| is_within(inner, name))
                .map(String::len)
                .max()
        };
        let may =
            longest(&self.may).max(is_within(inner, &self.module).then_some(self.module.len()));
        may.is_some_and(|may| longest(&self.never).is_none_or(|never| never < may))
    }
}

/// The rows of the table between `<!-- name -->` and `<!-- /name -->`, head and line left out.
fn rows<'a>(text: &'a str, name: &str) -> impl Iterator<Item = Vec<&'a str>> {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
    table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let line = line.strip_prefix('|').unwrap().strip_suffix('|').unwrap();
            line.split('|').map(str::trim).collect()
        })
}

/// The names in backticks of a cell.
fn names(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(ToOwned::to_owned)
        .collect()
}
