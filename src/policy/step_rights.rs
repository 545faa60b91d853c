//! `image.build.ulimits` and `image.build.allow`: what the processes of a build's steps may use.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::policy::text_value::text_value;

/// The limits that a process has (`getrlimit`), by the names that Docker gives them.
const NAMES: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// A limit of the processes of a build's steps: `nofile=1024:2048`, the soft one and the hard one, or one for both.
/// -1 stands for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// The limit's name.
    pub name: String,
    /// Where a process begins.
    pub soft: i64,
    /// How far a process may raise it.
    pub hard: i64,
}

/// What a build may do that a builder does not allow by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Entitlement {
    /// Steps may use the network of the machine which builds (`RUN --network=host`).
    #[serde(rename = "network.host")]
    NetworkHost,
    /// Steps may do what root may do on the machine which builds (`RUN --security=insecure`).
    #[serde(rename = "security.insecure")]
    SecurityInsecure,
}

impl FromStr for Ulimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| format!("`{text}` is not a limit: {why}");
        let expected = || wrong("expected `name=soft:hard`, such as `nofile=1024:2048`");
        let (name, values) = text.split_once('=').ok_or_else(expected)?;
        if !NAMES.contains(&name) {
            return Err(wrong(&format!("the names are {}", NAMES.join(", "))));
        }
        let number = |text: &str| {
            let number = text.parse::<i64>().ok();
            number.filter(|number| *number >= -1).ok_or_else(expected)
        };
        let (soft, hard) = match values.split_once(':') {
            Some((soft, hard)) => (number(soft)?, number(hard)?),
            None => (number(values)?, number(values)?),
        };
        if hard != -1 && (soft == -1 || soft > hard) {
            return Err(wrong("the soft limit is above the hard one"));
        }
        Ok(Self {
            name: name.to_owned(),
            soft,
            hard,
        })
    }
}

impl fmt::Display for Ulimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.name, self.soft, self.hard)
    }
}

text_value!(Ulimit: "^[a-z]+=-?[0-9]+(:-?[0-9]+)?$");

impl Entitlement {
    /// Its name, as BuildKit and `docker build --allow` have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetworkHost => "network.host",
            Self::SecurityInsecure => "security.insecure",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_a_name_and_two_values() {
        for (text, shown) in [
            ("nofile=1024:2048", "nofile=1024:2048"),
            ("nofile=1024", "nofile=1024:1024"),
            ("core=0", "core=0:0"),
            ("memlock=-1", "memlock=-1:-1"),
            ("nproc=5:-1", "nproc=5:-1"),
        ] {
            let limit: Ulimit = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(limit.to_string(), shown);
        }
        for (text, why) in [
            ("nofile", "expected `name=soft:hard`"),
            ("nofile=", "expected `name=soft:hard`"),
            ("nofile=a", "expected `name=soft:hard`"),
            ("nofile=1:2:3", "expected `name=soft:hard`"),
            ("nofile=-2", "expected `name=soft:hard`"),
            ("files=1", "the names are core, cpu"),
            ("nofile=2:1", "above the hard one"),
            ("nofile=-1:1", "above the hard one"),
        ] {
            let error = text.parse::<Ulimit>().expect_err(text);
            assert!(error.contains(why) && error.contains(text), "{error}");
        }
    }

    #[test]
    fn an_entitlement_has_buildkits_name() {
        for entitlement in [Entitlement::NetworkHost, Entitlement::SecurityInsecure] {
            let json = serde_json::to_string(&entitlement).expect("it is written");
            assert_eq!(json, format!("\"{}\"", entitlement.as_str()));
        }
    }
}
