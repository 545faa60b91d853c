//! `[image.budget]`: how large an image may be, and what it must not have.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{policy::text_value::text_value, text::bytes};

/// `[image.budget]`: measured after the build, before any manifest is put. A key that is not set is not judged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BudgetPolicy {
    /// The most bytes to pull.
    pub max: Option<ByteSize>,
    /// How many bytes more than the last release there may be to pull.
    pub growth: Option<Growth>,
    /// The most bytes of files that later layers delete or overwrite.
    pub waste: Option<ByteSize>,
    /// The most layers.
    pub layers: Option<usize>,
    /// What the image must not have.
    pub deny: BTreeSet<Denied>,
}

/// What an image must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Denied {
    /// It runs as root.
    RootUser,
    /// It has files that look like secrets.
    SecretFiles,
    /// It has caches of package managers.
    PackageCaches,
    /// Its base image is not named by a digest.
    UnpinnedBase,
}

/// A number of bytes: `120MB`, `1.5 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// How much an image may grow from one release to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// By so many hundredths of a percent: `10%`.
    Percent(u32),
    /// By so many bytes: `5MB`.
    Bytes(ByteSize),
}

const UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

impl BudgetPolicy {
    /// Whether nothing is judged.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// In one line, for people: `at most 120.0 MB to pull, growth 10%, no root-user`.
impl fmt::Display for BudgetPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules = Vec::new();
        rules.extend(
            self.max
                .map(|max| format!("at most {} to pull", bytes(max.0))),
        );
        rules.extend(
            self.growth
                .map(|growth| format!("at most {growth} more than the last release")),
        );
        rules.extend(
            self.waste
                .map(|waste| format!("at most {} wasted", bytes(waste.0))),
        );
        rules.extend(self.layers.map(|layers| format!("at most {layers} layers")));
        rules.extend(self.deny.iter().map(|denied| format!("no {denied}")));
        f.write_str(&rules.join(", "))
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootUser => "root-user",
            Self::SecretFiles => "secret-files",
            Self::PackageCaches => "package-caches",
            Self::UnpinnedBase => "unpinned-base",
        })
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || {
            format!(
                "`{text}` is not a valid size: expected a number and `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`"
            )
        };
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(error)?;
        let (number, unit) = (&text[..end], text[end..].trim_start());
        let unit = UNITS
            .iter()
            .find(|(name, _)| unit.eq_ignore_ascii_case(name));
        let (_, factor) = unit.ok_or_else(error)?;
        let scaled = decimal(number, *factor).ok_or_else(error)?;
        Ok(Self(scaled))
    }
}

impl FromStr for Growth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error =
            || format!("`{text}` is not a valid growth: expected `10%`, or a size such as `5MB`");
        if let Some(number) = text.strip_suffix('%') {
            let hundredths = decimal(number.trim_end(), 100).ok_or_else(error)?;
            return u32::try_from(hundredths)
                .map(Self::Percent)
                .map_err(|_| error());
        }
        text.parse().map(Self::Bytes).map_err(|_: String| error())
    }
}

/// `number`, which may have a fraction, times `factor`; what is less than one is left out.
fn decimal(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let no_point = !number.contains('.');
    if !is_number(whole) || !(no_point || is_number(fraction)) || fraction.len() > 12 {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    u64::try_from(digits.checked_mul(u128::from(factor))? / scale).ok()
}

/// In bytes, so that `1MB` and `1000kB` are one.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}B", self.0)
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(hundredths) => {
                let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
                let short = text.trim_end_matches('0').trim_end_matches('.');
                write!(f, "{short}%")
            }
            Self::Bytes(size) => size.fmt(f),
        }
    }
}

text_value!(
    ByteSize: r"^[0-9]+(\.[0-9]{1,12})?\s*([KkMmGgTt][Ii]?)?[Bb]$",
    Growth: r"^[0-9]+(\.[0-9]{1,12})?\s*(%|([KkMmGgTt][Ii]?)?[Bb])$",
);

#[cfg(test)]
mod tests {
    use crate::policy::{Policy, budget::*};

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [
            ("120MB", 120_000_000),
            ("120 MB", 120_000_000),
            ("120mb", 120_000_000),
            ("1.5GB", 1_500_000_000),
            ("0.1kB", 100),
            ("5MiB", 5 << 20),
            ("1.5KiB", 1536),
            ("0B", 0),
            ("007B", 7),
            ("18446744073709551615B", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(size)), "{text}");
        }
        for text in [
            "",
            "120",
            "MB",
            "-1MB",
            "+1MB",
            "1e3B",
            "1..5MB",
            ".5MB",
            "1.MB",
            "1.5.5MB",
            "120M",
            "120 Mbit",
            "1,5MB",
            "18446744073709551616B",
            "99999999TB",
            "0.0000000000001GB",
            "١MB",
            "1 MB x",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn growth_is_a_share_or_a_size() {
        for (text, growth, shown) in [
            ("10%", Growth::Percent(1_000), "10%"),
            ("2.5 %", Growth::Percent(250), "2.5%"),
            ("0%", Growth::Percent(0), "0%"),
            ("100%", Growth::Percent(10_000), "100%"),
            ("0.05%", Growth::Percent(5), "0.05%"),
            ("5MB", Growth::Bytes(ByteSize(5_000_000)), "5000000B"),
        ] {
            assert_eq!(text.parse(), Ok(growth), "{text}");
            assert_eq!(growth.to_string(), shown);
            assert_eq!(shown.parse(), Ok(growth));
        }
        for text in ["10", "%", "-1%", "ten%", "10%%", "99999999999%"] {
            assert!(text.parse::<Growth>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_budget_is_read_once_and_says_what_it_is() {
        let text = "[image.budget]\nmax = \"120MB\"\ngrowth = \"10%\"\nwaste = \"5MB\"\nlayers = 20\n\
                    deny = [\"unpinned-base\", \"root-user\", \"root-user\"]\n";
        let policy = Policy::parse(text, "release.toml").expect("a good policy");
        assert_eq!(
            policy.image.budget.to_string(),
            "at most 120.0 MB to pull, at most 10% more than the last release, at most 5.0 MB wasted, at most \
             20 layers, no root-user, no unpinned-base"
        );
        assert!(Policy::default().image.budget.is_unset());
        for (text, words) in [
            ("max = 120", "image.budget.max"),
            ("max = \"120\"", "is not a valid size"),
            ("growth = \"x\"", "is not a valid growth"),
            ("layers = -1", "layers"),
            ("deny = [\"root\"]", "root-user"),
            ("maximum = \"1MB\"", "max"),
        ] {
            let text = format!("[image.budget]\n{text}\n");
            let error = Policy::parse(&text, "release.toml").expect_err(&text);
            assert!(
                format!("{error:#} {:?}", error.hints()).contains(words),
                "{text}: {error:#}"
            );
        }
    }
}
