//! Tags that are not part of the answer, and that a person should hear of all the same: versions of
//! another template, versions that leave out numbers, higher versions elsewhere.

use semver::Version;

use crate::{
    plan::{
        history::facts::{Facts, VersionTag, has_label},
        version::{
            bump::{core, higher},
            decision::ComputedVersion,
        },
    },
    policy::{BranchPolicy, GitTagTemplate, MaintenanceLine, Policy},
    text::sanitize_line,
};

/// What is to be said of the clone's tags beside the answer.
pub(crate) fn tag_notes(
    policy: &Policy,
    facts: &Facts,
    line: Option<MaintenanceLine>,
    answer: &ComputedVersion,
    named: bool,
) -> Vec<String> {
    let template = &policy.version.tag;
    let mut notes = Vec::new();
    notes.extend(other_template(template, &facts.unmatched));
    notes.extend(facts.short.as_ref().map(|tag| short(template, tag)));
    if let Some(version) = answer.version.as_ref().filter(|_| !named) {
        notes.extend(elsewhere(&policy.branches, facts, line, version));
    }
    notes
}

/// A tag that leaves out a number: nothing follows from it, so nobody may think that it counts.
fn short(template: &GitTagTemplate, tag: &VersionTag) -> String {
    let name = sanitize_line(&tag.name, 72);
    let full = template.name(&tag.version);
    format!(
        "the tag `{name}` is not a whole version and does not count; `git tag {full} {name}` says that {} is meant",
        tag.version
    )
}

/// No tag is a version, and some are versions of another template.
fn other_template(template: &GitTagTemplate, names: &[String]) -> Option<String> {
    let (fitting, count, highest) = fitting(names, subject(template).as_deref())?;
    let more = match count {
        1 => "is a version".to_owned(),
        2 => "and 1 more tag are versions".to_owned(),
        _ => format!("and {} more tags are versions", count - 1),
    };
    let highest = sanitize_line(&highest, 72);
    Some(format!(
        "no tag is a version of `version.tag = \"{template}\"`, but `{highest}` {more} of `{fitting}`: set `version.tag = \"{fitting}\"` if they are versions of this image"
    ))
}

/// What the versions of a template are versions of, where it says so: `api` of `api-v{version}`.
fn subject(template: &GitTagTemplate) -> Option<String> {
    const MEANINGLESS: [&str; 6] = ["v", "ver", "version", "r", "rel", "release"];
    let text = template
        .to_string()
        .replace("{version}", " ")
        .to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words
        .filter(|word| !word.is_empty() && !MEANINGLESS.contains(word))
        .collect();
    (!words.is_empty()).then(|| words.join("-"))
}

/// The template that fits most of these names (of equals the shorter one, which is rather the
/// whole repository's), how many it fits, and which of them is the highest version. Versions that
/// are plainly of something else than `own` are left out: other images of the repository.
fn fitting(names: &[String], own: Option<&str>) -> Option<(GitTagTemplate, usize, String)> {
    let mut found: Vec<(GitTagTemplate, usize, Version, String)> = Vec::new();
    for name in names {
        let Some((template, version)) = template_of(name) else {
            continue;
        };
        if let (Some(own), Some(other)) = (own, subject(&template))
            && own != other
        {
            continue;
        }
        match found.iter_mut().find(|(known, ..)| *known == template) {
            Some((_, count, highest, of)) => {
                *count += 1;
                if higher(&version, highest) {
                    (*highest, *of) = (version, name.clone());
                }
            }
            None => found.push((template, 1, version, name.clone())),
        }
    }
    let (template, count, _, highest) = found.into_iter().min_by_key(|(template, count, ..)| {
        (std::cmp::Reverse(*count), template.to_string().len())
    })?;
    Some((template, count, highest))
}

/// The template of a tag that ends with a version; leading zeros are allowed.
fn template_of(name: &str) -> Option<(GitTagTemplate, Version)> {
    let starts = name.char_indices().filter(|(at, c)| {
        let before = &name[..*at];
        c.is_ascii_digit() && !before.ends_with(|c: char| c.is_ascii_digit() || c == '.')
    });
    for (at, _) in starts {
        let Ok(template) = format!("{}{{version}}", &name[..at]).parse::<GitTagTemplate>() else {
            continue;
        };
        let version = template.version(name);
        if let Some(version) = version.or_else(|| template.without_leading_zeros(name)) {
            return Some((template, version));
        }
    }
    None
}

/// The highest version that is tagged somewhere HEAD does not descend from, where it is above the
/// computed one. Pre-releases of a channel of the policy are ahead as a rule.
fn elsewhere(
    branches: &BranchPolicy,
    facts: &Facts,
    line: Option<MaintenanceLine>,
    version: &Version,
) -> Option<String> {
    let of_channel = |other: &Version| {
        let mut channels = branches.prerelease.iter();
        channels.any(|one| has_label(other, &one.label.to_string()))
    };
    // That the version itself is out, which this is a pre-release of, is said where it is computed.
    let told = |tag: &&VersionTag| {
        higher(&tag.version, version)
            && tag.version != core(version)
            && line.is_none_or(|line| line.contains(&tag.version))
            && (tag.version.pre.is_empty() || !of_channel(&tag.version))
    };
    let known = facts.elsewhere.iter().filter(told);
    let tag = known.max_by(|a, b| a.version.cmp_precedence(&b.version))?;
    let at = tag
        .commit
        .map_or_else(String::new, |commit| format!(" at {}", commit.short()));
    Some(format!(
        "`{version}` is below `{}`{at}, which is tagged on a commit that HEAD does not descend from",
        sanitize_line(&tag.name, 72)
    ))
}

#[cfg(test)]
mod tests {
    use crate::plan::version::tag_notes::*;

    fn fits(names: &[&str], own: &str) -> Option<String> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let own = own.parse().expect("a template");
        fitting(&names, subject(&own).as_deref())
            .map(|(template, count, highest)| format!("{template} {count} {highest}"))
    }

    #[test]
    fn the_template_that_fits_most_tags_is_named() {
        for (names, expected) in [
            (&["7.14.0"][..], Some("{version} 1 7.14.0")),
            (&["7.9.0", "7.14.0", "x"], Some("{version} 2 7.14.0")),
            (
                &["api@1.0.0", "api@1.1.0", "9.0.0"],
                Some("api@{version} 2 api@1.1.0"),
            ),
            (
                &["release/2.0.0-rc.1"],
                Some("release/{version} 1 release/2.0.0-rc.1"),
            ),
            (
                &["api2-1.0.0", "web-1.0.0"],
                Some("web-{version} 1 web-1.0.0"),
            ),
            (&["2026.07.2"], Some("{version} 1 2026.07.2")),
            (&["v1.2", "nightly", "1", "é"], None),
            (&[], None),
        ] {
            assert_eq!(fits(names, "v{version}").as_deref(), expected, "{names:?}");
        }
        let names = ["api-v1.0.0", "api-v1.1.0", "2.0.0", "web/release-1.0.0"];
        for (own, expected) in [
            ("api@{version}", "api-v{version} 2 api-v1.1.0"),
            ("web-v{version}", "{version} 1 2.0.0"),
            ("web/{version}", "{version} 1 2.0.0"),
        ] {
            assert_eq!(fits(&names, own).as_deref(), Some(expected), "{own}");
        }
        assert_eq!(fits(&names[..2], "web-v{version}"), None);
    }
}
