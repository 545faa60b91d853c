//! `[[announce]]`: messages to chat rooms and other services when a version is public.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::policy::{path::RepositoryPath, text_value::text_value};

/// One message about a version that is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AnnouncePolicy {
    /// Where the message is sent: the variable that holds the address, because the address is a secret.
    pub url: UrlSource,
    /// The minijinja template of the message, seen from the top of the repository. What it makes is JSON.
    pub template: RepositoryPath,
}

/// Where an address comes from that the policy must not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UrlSource {
    /// The environment variable that holds the address.
    pub env: VariableName,
}

/// The name of an environment variable: letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariableName(String);

impl VariableName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.len() <= 200
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match is_name {
            true => Ok(Self(text.to_owned())),
            // It may be the address itself, which is a secret: it is not repeated.
            false => {
                Err("the name of an environment variable is needed, such as `SLACK_URL`".to_owned())
            }
        }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_value!(VariableName: "^[A-Za-z_][A-Za-z0-9_]{0,199}$");

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn announcements_are_read_and_an_address_in_the_policy_is_refused() {
        let read = |text: &str| Policy::parse(text, "release.toml").map_err(|e| format!("{e:#}"));
        let policy = read(
            "[[announce]]\nurl = { env = \"SLACK_URL\" }\ntemplate = \".hoist/slack.json.jinja\"\n",
        );
        let announce = &policy.expect("it is good").announce[0];
        assert_eq!(announce.url.env.as_str(), "SLACK_URL");
        assert_eq!(announce.template.as_str(), ".hoist/slack.json.jinja");
        for (text, says) in [
            ("[[announce]]\nurl = { env = \"A\" }", "template"),
            ("[[announce]]\ntemplate = \"a\"", "url"),
            (
                "[[announce]]\nurl = \"https://hooks.example.org/secret\"\ntemplate = \"a\"",
                "url",
            ),
            (
                "[[announce]]\nurl = { env = \"https://hooks.example.org/x\" }\ntemplate = \"a\"",
                "name of an environment variable",
            ),
            (
                "[[announce]]\nurl = { env = \"A\" }\ntemplate = \"../a\"",
                "inside the repository",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
