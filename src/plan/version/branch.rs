//! What a branch releases, by its name and the policy's patterns.

use std::cmp::Reverse;

use crate::policy::{BranchPolicy, MaintenanceLine};

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
    #[must_use]
    pub fn of(policy: &BranchPolicy, name: Option<&str>) -> Self {
        let Some(name) = name else {
            return Self::Unnamed;
        };
        if policy.stable.iter().any(|glob| glob.is_match(name)) {
            return Self::Stable;
        }
        let prerelease = policy
            .prerelease
            .iter()
            .filter(|one| one.branches.is_match(name))
            .min_by_key(|one| {
                let glob = one.branches.as_str();
                (glob != name, Reverse(glob.len()))
            });
        if let Some(one) = prerelease {
            return Self::Prerelease(one.label.to_string());
        }
        policy
            .maintenance
            .iter()
            .find_map(|pattern| pattern.line(name))
            .map_or(Self::Unlisted, Self::Maintenance)
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::version::branch::*;
    use crate::policy::Policy;

    fn kind(policy: &str, name: &str) -> BranchKind {
        let policy = Policy::parse(policy, "release.toml").expect("a good policy");
        BranchKind::of(&policy.branches, Some(name))
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
