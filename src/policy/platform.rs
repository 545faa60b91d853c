//! Platforms of the policy. The documents of an image may name any; a policy names one that exists.

use std::{fmt, str::FromStr};

use crate::{oci::Platform, policy::text_value::text_value};

/// A platform as text; the documents of an image have it as an object.
pub(super) struct PlatformText(pub(super) Platform);

/// Operating systems and their architectures: those that Go knows, since engines are written in Go
/// and compare with its names.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "linux",
        &[
            "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
            "ppc64", "ppc64le", "riscv64", "s390x", "sparc64",
        ],
    ),
    ("windows", &["386", "amd64", "arm", "arm64"]),
    ("darwin", &["386", "amd64", "arm", "arm64"]),
    ("freebsd", &["386", "amd64", "arm", "arm64", "riscv64"]),
    ("netbsd", &["386", "amd64", "arm", "arm64"]),
    (
        "openbsd",
        &["386", "amd64", "arm", "arm64", "mips64", "ppc64", "riscv64"],
    ),
    ("dragonfly", &["amd64"]),
    ("solaris", &["amd64"]),
    ("illumos", &["amd64"]),
    ("aix", &["ppc64"]),
    ("plan9", &["386", "amd64", "arm"]),
    ("zos", &["s390x"]),
    ("android", &["386", "amd64", "arm", "arm64"]),
    ("ios", &["amd64", "arm64"]),
    ("wasi", &["wasm"]),
    ("wasip1", &["wasm"]),
    ("js", &["wasm"]),
];

/// Other names of architectures, with the platform that is meant.
const ALIASES: &[(&str, &str)] = &[
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("armv8", "arm64"),
    ("i386", "386"),
    ("i686", "386"),
    ("x86", "386"),
    ("armhf", "arm/v7"),
    ("armv7", "arm/v7"),
    ("armv7l", "arm/v7"),
    ("armel", "arm/v6"),
    ("armv6", "arm/v6"),
    ("armv6l", "arm/v6"),
    ("arm32v7", "arm/v7"),
    ("arm64v8", "arm64"),
    ("loongarch64", "loong64"),
    ("powerpc64le", "ppc64le"),
    ("riscv", "riscv64"),
];

/// The variants of an architecture; `None` where any may be named.
fn variants(architecture: &str) -> Option<&'static [&'static str]> {
    Some(match architecture {
        "amd64" => &["v1", "v2", "v3", "v4"],
        "arm" => &["v5", "v6", "v7", "v8"],
        "arm64" => &[
            "v8", "v8.0", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9",
            "v9", "v9.0", "v9.1", "v9.2", "v9.3", "v9.4", "v9.5",
        ],
        "386" | "s390x" | "loong64" | "wasm" => &[],
        _ => return None,
    })
}

impl FromStr for PlatformText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let platform: Platform = text.parse().map_err(|error| match repaired_short(text) {
            Some(meant) => format!("{error}; did you mean `{meant}`?"),
            None => format!("{error}"),
        })?;
        let shown: String = text.chars().take(100).collect();
        let refused = |what: String, near: Option<String>| match near {
            Some(near) => Err(format!(
                "`{shown}` is not a platform: {what}; did you mean `{near}`?"
            )),
            None => Err(format!("`{shown}` is not a platform: {what}")),
        };
        let Some((os, architectures)) = KNOWN.iter().find(|(os, _)| *os == platform.os) else {
            let what = format!("there is no operating system `{}`", platform.os);
            let all = KNOWN.iter().map(|(os, _)| *os);
            let near = nearest(&platform.os, all, 1).map(|os| text.replacen(&platform.os, os, 1));
            return refused(what, near.filter(|near| near.parse::<Self>().is_ok()));
        };
        let architecture = &*platform.architecture;
        if !architectures.contains(&architecture) {
            let what = format!("`{os}` does not run on `{architecture}`");
            let near = meant(architecture, architectures);
            return refused(what, near.map(|near| format!("{os}/{near}")));
        }
        if let (Some(variant), Some(known)) = (&platform.variant, variants(architecture))
            && !known.contains(&variant.as_str())
        {
            let what = format!("`{architecture}` has no variant `{variant}`");
            let with_v = format!("v{}", variant.trim_start_matches(['v', 'V']));
            let near = known.contains(&&*with_v);
            return refused(what, near.then(|| format!("{os}/{architecture}/{with_v}")));
        }
        Ok(Self(platform))
    }
}

impl fmt::Display for PlatformText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The platform that a text names, as the policy reads it.
///
/// # Errors
/// It is none that a container runs on; with what was probably meant.
#[cfg(feature = "cli")]
pub fn known_platform(text: &str) -> Result<Platform, String> {
    text.parse().map(|PlatformText(platform)| platform)
}

/// An architecture alone, as `docker build --platform` takes it.
fn repaired_short(text: &str) -> Option<String> {
    let (_, architectures) = KNOWN.first()?;
    let found = meant(text, architectures)?;
    Some(format!("linux/{found}"))
}

fn meant(architecture: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = architecture.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == lower);
    let alias = alias.map(|(_, name)| *name);
    let fits = |name: &&str| known.contains(&name.split('/').next().unwrap_or_default());
    alias
        .filter(fits)
        .or_else(|| nearest(&lower, known.iter().copied(), 2))
}

fn nearest(
    name: &str,
    known: impl Iterator<Item = &'static str>,
    most: usize,
) -> Option<&'static str> {
    let name = name.to_lowercase();
    known
        .map(|one| (strsim::damerau_levenshtein(one, &name), one))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, one)| one)
}

text_value!(PlatformText);

/// serde for one platform that may be unset.
pub(super) mod optional {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::PlatformText;
    use crate::oci::Platform;

    pub(in crate::policy) fn serialize<S: Serializer>(
        platform: &Option<Platform>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        platform.clone().map(PlatformText).serialize(serializer)
    }

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Platform>, D::Error> {
        let text = PlatformText::deserialize(deserializer)?;
        Ok(Some(text.0))
    }

    #[cfg(test)]
    pub(in crate::policy) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": super::expression() })
    }
}

/// The schema of a list of platforms, each of them once.
#[cfg(test)]
pub(super) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "items": { "type": "string", "pattern": expression() },
        "uniqueItems": true,
    })
}

/// What matches every platform, and nothing else.
#[cfg(test)]
fn expression() -> String {
    let one = |os: &str, architecture: &str| {
        let variant = match variants(architecture) {
            None => "(/[^/]+)?".to_owned(),
            Some([]) => String::new(),
            Some(known) => format!("(/({}))?", known.join("|").replace('.', "\\.")),
        };
        format!("{os}/{architecture}{variant}")
    };
    let all = KNOWN.iter();
    let all = all.flat_map(|(os, all)| all.iter().map(move |architecture| one(os, architecture)));
    format!("^({})$", all.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use crate::policy::platform::PlatformText;

    #[test]
    fn platforms_that_exist_are_taken() {
        for text in [
            "linux/amd64",
            "linux/amd64/v3",
            "linux/arm/v7",
            "linux/arm64",
            "linux/arm64/v8",
            "linux/riscv64/rva20u64",
            "linux/ppc64le/power9",
            "linux/s390x",
            "linux/loong64",
            "windows/amd64",
            "freebsd/arm64",
            "wasi/wasm",
        ] {
            let platform: PlatformText = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(platform.to_string(), text);
        }
    }

    #[test]
    fn platforms_that_do_not_exist_are_refused_with_the_one_that_is_meant() {
        for (text, meant) in [
            ("linux/amd46", Some("linux/amd64")),
            ("linux/amd65", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("linux/aarch64", Some("linux/arm64")),
            ("linux/armhf", Some("linux/arm/v7")),
            ("linux/ARM64", Some("linux/arm64")),
            ("Linux/amd64", Some("linux/amd64")),
            ("linx/arm64/v8", Some("linux/arm64/v8")),
            ("linux/arm/7", Some("linux/arm/v7")),
            ("linux/arm64/V8", Some("linux/arm64/v8")),
            ("linux/arm/v9", None),
            ("linux/s390x/v1", None),
            ("darwin/s390x", None),
            ("linux/vax", None),
            ("windows/riscv64", None),
            ("beos/amd64", None),
            ("amd64", Some("linux/amd64")),
            ("linux", None),
            ("linux/amd64/v1/x", None),
            ("linux/amd64,linux/arm64", None),
            (" linux/amd64", Some("linux/amd64")),
            ("", None),
        ] {
            let error = match text.parse::<PlatformText>() {
                Ok(_) => panic!("{text} was taken"),
                Err(error) => error,
            };
            match meant {
                Some(meant) => assert!(
                    error.ends_with(&format!("did you mean `{meant}`?")),
                    "{error}"
                ),
                None => assert!(!error.contains("did you mean"), "{error}"),
            }
        }
    }
}
