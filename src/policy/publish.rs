//! `[publish]`, `[git]` and `[registry.HOST]`: the transaction and its surroundings.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::git::RefName;

/// `[publish]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PublishPolicy {
    /// What happens when not all tags can be moved.
    pub on_failure: OnFailure,
    /// How long a registry may take to show a tag that it has accepted.
    #[serde(with = "duration")]
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = "^[0-9]{1,20}(ms|s|m|h)$")))]
    pub verify_timeout: Duration,
    /// How long hoist keeps trying to move the tags.
    #[serde(with = "some_time")]
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = "^0{0,19}[1-9][0-9]{0,19}(ms|s|m|h)$")))]
    pub deadline: Duration,
    /// How much time is left after a signal to finish or roll back.
    #[serde(with = "duration")]
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = "^[0-9]{1,20}(ms|s|m|h)$")))]
    pub grace: Duration,
}

/// What happens when not all tags of a release can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Every tag is put back.
    #[default]
    Rollback,
    /// The release is left for `hoist resume` or `hoist rollback`.
    Hold,
}

/// `[git]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitPolicy {
    /// Whether the git tag is pushed and the lock kept on the remote.
    pub push: bool,
    /// The name of the git remote that tag, branch and lock go to.
    pub remote: String,
    /// Whether the git tag is signed, with git's own settings.
    pub sign: bool,
    /// Whether a commit that the remote does not have is refused.
    pub require_pushed: bool,
    /// The ref below which the locks are.
    pub lock_refs: RefName,
}

/// `[registry."HOST"]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistryPolicy {
    /// Whether the registry is spoken to without TLS. A loopback address does not need the key.
    pub plain_http: bool,
    /// A further certificate authority in a PEM file, seen from the directory of `release.toml`. With
    /// it, a loopback address is spoken to in TLS as well.
    pub ca_file: Option<String>,
    /// The host of the registry's token service, where that is neither the registry's own nor under
    /// the same domain. Credentials are sent to no other host.
    pub token_host: Option<String>,
}

impl GitPolicy {
    /// Below which the marks of withdrawn versions are: `refs/hoist/withdrawn/`.
    #[must_use]
    pub fn marks(&self) -> String {
        marks_below(self.lock_refs.as_str())
    }
}

/// The same for any prefix of locks.
pub(crate) fn marks_below(lock_refs: &str) -> String {
    format!("{lock_refs}/withdrawn/")
}

impl Default for PublishPolicy {
    fn default() -> Self {
        Self {
            on_failure: OnFailure::Rollback,
            verify_timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(600),
            grace: Duration::from_secs(8),
        }
    }
}

impl Default for GitPolicy {
    fn default() -> Self {
        Self {
            push: true,
            remote: "origin".into(),
            sign: false,
            require_pushed: true,
            lock_refs: "refs/hoist".parse().expect("the default is legal"),
        }
    }
}

/// No time that is waited for is longer.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// `500ms`, `60s`, `10m`, `2h`: a whole number and a unit.
///
/// # Errors
/// What is wrong with it, for a person.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let error = || {
        format!(
            "`{text}` is not a valid duration: expected a whole number and `ms`, `s`, `m` or `h`, and at most a year"
        )
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let number: u64 = text[..digits].parse().map_err(|_| error())?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => None,
    }
    .filter(|duration| *duration <= LONGEST)
    .ok_or_else(error)
}

/// A duration as `release.toml` has it; written in milliseconds, so that `60s` and `1m` are one.
pub(super) mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, parse_duration};

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }

    pub(in crate::policy) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}ms", duration.as_millis()))
    }
}

/// The same for what nothing can be done in no time.
pub(super) mod some_time {
    use super::{Deserializer, Duration, Serializer, duration};

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let time = duration::deserialize(from)?;
        match time.is_zero() {
            true => Err(serde::de::Error::custom(
                "it is a time limit, and nothing can be done in no time",
            )),
            false => Ok(time),
        }
    }

    pub(in crate::policy) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::duration::serialize(duration, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(parse_duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        for bad in [
            "",
            "60",
            "s",
            "1.5s",
            "1d",
            "-1s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
