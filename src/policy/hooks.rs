//! `[hooks]`: programs of the project that run around a release.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::policy::{program_line::ProgramLine, publish::some_time};

/// `[hooks]`: the programs that run at each point of a release, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HookPolicy {
    /// Before the image is made.
    pub before_build: Vec<Hook>,
    /// The gate: when the image is in every repository by its digest, and nothing has a name yet.
    pub after_stage: Vec<Hook>,
    /// When everything is published.
    pub after_release: Vec<Hook>,
    /// When a release has failed, or was put back.
    pub on_failure: Vec<Hook>,
}

/// One program that runs at a point of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hook {
    /// The program with its arguments; it runs without a shell.
    pub run: ProgramLine,
    /// How long it may take.
    #[serde(with = "some_time", default = "ten_minutes")]
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = "^0{0,19}[1-9][0-9]{0,19}(ms|s|m|h)$")))]
    pub timeout: Duration,
    /// Environment variables that it gets on top of hoist's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether its failure is only a warning.
    #[serde(default)]
    pub allow_failure: bool,
}

/// The points of a release at which hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HookPoint {
    /// Before the image is made.
    BeforeBuild,
    /// The gate.
    AfterStage,
    /// When everything is published.
    AfterRelease,
    /// When a release has failed, or was put back.
    OnFailure,
}

impl HookPolicy {
    /// The hooks of one point, in order.
    #[must_use]
    pub fn at(&self, point: HookPoint) -> &[Hook] {
        match point {
            HookPoint::BeforeBuild => &self.before_build,
            HookPoint::AfterStage => &self.after_stage,
            HookPoint::AfterRelease => &self.after_release,
            HookPoint::OnFailure => &self.on_failure,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl HookPoint {
    /// The key in `[hooks]`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::BeforeBuild => "before-build",
            Self::AfterStage => "after-stage",
            Self::AfterRelease => "after-release",
            Self::OnFailure => "on-failure",
        }
    }
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn hooks_are_read_with_their_defaults_and_refused_where_they_say_nothing() {
        let read = |text: &str| Policy::parse(text, "release.toml").map_err(|e| format!("{e:#}"));
        let policy =
            read("[hooks]\nafter-stage = [{ run = [\"./smoke.sh\", \"-q\"] }]\n").expect("good");
        let hook = &policy.hooks.after_stage[0];
        assert_eq!(hook.run.to_string(), "./smoke.sh -q");
        assert_eq!(hook.timeout.as_secs(), 600);
        assert!(!hook.allow_failure && hook.env.is_empty());
        for (text, says) in [
            (
                "[hooks]\nafter-stage = [{ run = [] }]",
                "a program is needed",
            ),
            (
                "[hooks]\nafter-stage = [{ run = [\"\"] }]",
                "a program is needed",
            ),
            ("[hooks]\nafter-stage = [{ run = \"x\" }]", "sequence"),
            ("[hooks]\nafter-stage = [{ timeout = \"5m\" }]", "run"),
            (
                "[hooks]\nafter-stage = [{ run = [\"x\"], timeout = 5 }]",
                "string",
            ),
            (
                "[hooks]\nafter-stage = [{ run = [\"x\"], timeout = \"0s\" }]",
                "nothing can be done in no time",
            ),
            ("[hooks]\nafter-stages = []", "after-stage"),
            (
                "[hooks]\nafter-stage = [{ run = [\"x\"], allow-failure = true }]",
                "allow-failure",
            ),
            (
                "[hooks]\nbefore-build = [{ run = [\"x\"], allow-failure = true }]",
                "allow-failure",
            ),
            (
                "[hooks]\nafter-release = [{ run = [\"x\"], env = { \"A=B\" = \"\" } }]",
                "A=B",
            ),
            (
                "[hooks]\nafter-release = [{ run = [\"x\"], env = { HOIST_VERSION = \"\" } }]",
                "HOIST_VERSION",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
