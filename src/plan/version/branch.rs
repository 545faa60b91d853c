//! What a branch releases, by its name and the policy's patterns.

use globset::Glob;
use regex::Regex;

use crate::{
    error::{Error, ErrorCode, Result},
    plan::history::facts::MaintenanceLine,
    policy::BranchPolicy,
};

/// What a branch releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchKind {
    /// Stable versions, of whatever line comes next.
    Stable,
    /// Pre-releases with this label.
    Prerelease(String),
    /// Stable versions of one line.
    Maintenance(MaintenanceLine),
    /// The policy does not name it. `next` and `plan` answer as for a stable branch; `release` asks
    /// for `--version` or `--pre`.
    Unlisted,
    /// There is no branch name, as on a detached HEAD: answered as for a stable branch.
    Unnamed,
}

impl BranchKind {
    /// What `name` releases under `policy`: `stable` is asked first, then `prerelease` (an exact
    /// name before a pattern, a longer pattern before a shorter one), then `maintenance`.
    ///
    /// # Errors
    /// A pattern that does not compile (exit 2).
    pub fn of(policy: &BranchPolicy, name: Option<&str>) -> Result<Self> {
        let Some(name) = name else {
            return Ok(Self::Unnamed);
        };
        for pattern in &policy.stable {
            if matches(pattern, name)? {
                return Ok(Self::Stable);
            }
        }
        let mut channels: Vec<_> = policy.prerelease.iter().collect();
        channels.sort_by_key(|(pattern, _)| (*pattern != name, std::cmp::Reverse(pattern.len())));
        for (pattern, label) in channels {
            if matches(pattern, name)? {
                return Ok(Self::Prerelease(label.clone()));
            }
        }
        for pattern in &policy.maintenance {
            if let Some(line) = line(pattern, name)? {
                return Ok(Self::Maintenance(line));
            }
        }
        Ok(Self::Unlisted)
    }
}

/// `*` and `?` do not cross a `/`, as in git's own patterns for refs.
fn matches(pattern: &str, name: &str) -> Result<bool> {
    let glob = globset::GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| {
            Error::usage(format!("`[branches]` has a bad pattern `{pattern}`"))
                .with_code(ErrorCode::InvalidPolicy)
                .cause(error.kind().to_string())
        })?;
    Ok(glob.compile_matcher().is_match(name))
}

/// The line that a maintenance branch called `name` stands for.
fn line(pattern: &str, name: &str) -> Result<Option<MaintenanceLine>> {
    // The glob's own translation keeps the two pattern languages the same; the placeholders are
    // letters to it and become groups afterwards.
    let glob = Glob::new(
        &pattern
            .replace("{major}", "MAJOR")
            .replace("{minor}", "MINOR"),
    )
    .map_err(|error| bad_maintenance(pattern, &error.kind().to_string()))?;
    let number = |group: &str| format!("(?P<{group}>0|[1-9][0-9]*)");
    let expression = glob
        .regex()
        .replacen("MAJOR", &number("major"), 1)
        .replacen("MINOR", &number("minor"), 1)
        .replace("(?-u)", "");
    let expression =
        Regex::new(&expression).map_err(|error| bad_maintenance(pattern, &error.to_string()))?;
    let Some(found) = expression.captures(name) else {
        return Ok(None);
    };
    let number = |group| found.name(group).map(|m| m.as_str().parse::<u64>());
    Ok(match (number("major"), number("minor")) {
        (Some(Ok(major)), None) => Some(MaintenanceLine { major, minor: None }),
        (Some(Ok(major)), Some(Ok(minor))) => Some(MaintenanceLine {
            major,
            minor: Some(minor),
        }),
        _ => None,
    })
}

fn bad_maintenance(pattern: &str, cause: &str) -> Error {
    Error::usage(format!(
        "`branches.maintenance` has a bad pattern `{pattern}`"
    ))
    .with_code(ErrorCode::InvalidPolicy)
    .cause(cause.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::plan::version::branch::*;
    use crate::policy::Policy;

    fn kind(policy: &str, name: &str) -> BranchKind {
        let policy = Policy::parse(policy, "release.toml").expect("a good policy");
        BranchKind::of(&policy.branches, Some(name)).expect("good patterns")
    }

    #[test]
    fn the_defaults_name_the_usual_branches() {
        let line = |major, minor| BranchKind::Maintenance(MaintenanceLine { major, minor });
        for (name, expected) in [
            ("main", BranchKind::Stable),
            ("master", BranchKind::Stable),
            ("next", BranchKind::Prerelease("rc".into())),
            ("beta/search", BranchKind::Prerelease("beta".into())),
            ("beta/a/b", BranchKind::Unlisted),
            ("1.x", line(1, None)),
            ("0.4.x", line(0, Some(4))),
            ("01.x", BranchKind::Unlisted),
            ("1.2.3.x", BranchKind::Unlisted),
            ("99999999999999999999.x", BranchKind::Unlisted),
            ("v1.x", BranchKind::Unlisted),
            ("topic", BranchKind::Unlisted),
        ] {
            assert_eq!(kind("", name), expected, "{name}");
        }
    }

    #[test]
    fn the_more_exact_pattern_wins() {
        let policy = "[branches]\nmaintenance = [\"release/v{major}.{minor}\"]\n\
                      prerelease = { \"*\" = \"dev\", \"next\" = \"rc\", \"ne*\" = \"beta\" }";
        assert_eq!(kind(policy, "next"), BranchKind::Prerelease("rc".into()));
        assert_eq!(kind(policy, "new"), BranchKind::Prerelease("beta".into()));
        assert_eq!(kind(policy, "x"), BranchKind::Prerelease("dev".into()));
        assert_eq!(kind(policy, "main"), BranchKind::Stable);
        assert_eq!(
            kind(policy, "release/v1.2"),
            BranchKind::Maintenance(MaintenanceLine {
                major: 1,
                minor: Some(2)
            })
        );
    }
}
