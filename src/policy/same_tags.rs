//! Tags that cannot be told apart, or cannot be made, in any release: what would only be found on
//! the day of the first one.

use chrono::{DateTime, Utc};

use crate::policy::{
    placeholder::{DateFormat, Placeholder, Values},
    problem::Problem,
    release_toml::Policy,
    tag_template::{TagTemplate, is_tag_character},
    tags::{TagPolicy, TemplateList},
    template::{Part, Rendered},
};

/// Checks what the templates of `policy` give whatever the release.
pub(super) fn check_tags(policy: &Policy) -> Result<(), Problem> {
    let tags = &policy.tags;
    for (list, template) in tags.templates() {
        dates(tags, list, template)?;
    }
    for fixed in &tags.fixed {
        let form = canonical(tags, fixed, false);
        let same = |other: &&TagTemplate| canonical(tags, other, false) == form;
        if let Some(moving) = tags.moving.iter().find(same) {
            return Err(fixed_and_moving((fixed, "fixed"), (moving, "moving")));
        }
    }
    // In `tags.prerelease` what names a version or a commit is fixed.
    let is_fixed = |template: &&TagTemplate| {
        template.has(|value| matches!(value, Placeholder::Version | Placeholder::Sha(_)))
    };
    for fixed in tags.prerelease.iter().filter(is_fixed) {
        let form = canonical(tags, fixed, true);
        let mut moving = tags.prerelease.iter().filter(|other| !is_fixed(other));
        if let Some(moving) = moving.find(|other| canonical(tags, other, true) == form) {
            return Err(fixed_and_moving(
                (fixed, "prerelease"),
                (moving, "prerelease"),
            ));
        }
    }
    labels(policy)?;
    variants(policy)
}

fn fixed_and_moving(fixed: (&TagTemplate, &str), moving: (&TagTemplate, &str)) -> Problem {
    let ((fixed, of_fixed), (moving, of_moving)) = (fixed, moving);
    let problem = match fixed == moving {
        true => Problem::new(format!(
            "`{fixed}` is in `tags.{of_fixed}` and in `tags.{of_moving}`"
        )),
        false => Problem::new(format!(
            "`{fixed}` in `tags.{of_fixed}` and `{moving}` in `tags.{of_moving}` always give the same tag"
        )),
    };
    let problem = problem.cause("a tag either moves or does not");
    match of_fixed == of_moving {
        true => problem.hint(format!(
            "take `{moving}` out: `{fixed}` gives the tag, and it never moves"
        )),
        false => problem.hint("take it out of one of the two"),
    }
}

/// A template in a form that two templates share where they give one tag in every release.
fn canonical(tags: &TagPolicy, template: &TagTemplate, prerelease: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut add = |part: Part| match (parts.last_mut(), part) {
        (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
        (_, part) => parts.push(part),
    };
    let text = |text: &str| Part::Text(text.to_owned());
    for part in template.parts() {
        match part {
            Part::Value(Placeholder::Version) => {
                add(Part::Value(Placeholder::Major));
                add(text("."));
                add(Part::Value(Placeholder::Minor));
                add(text("."));
                add(Part::Value(Placeholder::Patch));
                if prerelease {
                    add(text("-"));
                    add(Part::Value(Placeholder::Prerelease));
                }
            }
            Part::Value(Placeholder::Date(None)) => {
                add(Part::Value(Placeholder::Date(Some(tags.date.clone()))));
            }
            Part::Value(Placeholder::CommitDate(None)) => {
                add(Part::Value(Placeholder::CommitDate(Some(
                    tags.date.clone(),
                ))));
            }
            part => add(part.clone()),
        }
    }
    parts
}

/// A date whose format has what no tag can hold. A day of one digit is tried, which some formats
/// fill up with a space.
fn dates(tags: &TagPolicy, list: TemplateList, template: &TagTemplate) -> Result<(), Problem> {
    for (place, part) in template.parts().iter().enumerate() {
        let own = match part {
            Part::Value(Placeholder::Date(own) | Placeholder::CommitDate(own)) => own,
            _ => continue,
        };
        let format = own.as_ref().unwrap_or(&tags.date);
        let text = rendered(format);
        let start = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let begins = place > 0 || text.starts_with(start);
        if begins && text.chars().all(is_tag_character) {
            continue;
        }
        let example = text.escape_debug();
        return Err(
            Problem::new(format!("`{template}` in `tags.{list}` gives no valid tag"))
                .cause(format!("the format `{format}` gives dates like `{example}`"))
                .hint("a tag holds letters, digits, `.`, `_` and `-`, and starts with none of `.` and `-`: use a format such as `%Y-%m-%d`"),
        );
    }
    Ok(())
}

fn rendered(format: &DateFormat) -> String {
    let instant = "2001-02-03T04:05:06Z".parse::<DateTime<Utc>>();
    let instant = instant.expect("the instant is valid");
    instant.format(format.as_str()).to_string()
}

/// A label by which a pre-release would take a tag of stable versions.
fn labels(policy: &Policy) -> Result<(), Problem> {
    let version = semver::Version::new(1, 2, 3);
    for branches in &policy.branches.prerelease {
        let label = branches.label.as_str();
        for template in &policy.tags.prerelease {
            let of_labels = template.has(|value| *value == Placeholder::Channel)
                && !template.has(|value| *value != Placeholder::Channel);
            let values = Values {
                version: &version,
                channel: Some(label),
                commit: None,
                commit_time: DateTime::default(),
                instant: DateTime::default(),
                branch: None,
                date: &policy.tags.date,
            };
            let Rendered::Text(name) = template.render(&values) else {
                continue;
            };
            let mut moving = policy.tags.moving.iter();
            if of_labels && moving.any(|other| other.literal() == Some(&*name)) {
                return Err(Problem::new(format!(
                    "the pre-release label `{label}` of `branches.prerelease` gives the tag `{name}`, which is in `tags.moving`"
                ))
                .cause("whoever follows that tag expects stable versions")
                .hint("choose another label"));
            }
        }
    }
    Ok(())
}

/// A variant whose `latest` is called like a tag of another image.
fn variants(policy: &Policy) -> Result<(), Problem> {
    let has = |name: &str| {
        let mut moving = policy.tags.moving.iter();
        moving.any(|template| template.literal() == Some(name))
    };
    if !has("latest") {
        return Ok(());
    }
    for (name, variant) in &policy.variants {
        let latest = variant.latest(name);
        if has(&latest) {
            return Err(Problem::new(format!(
                "`latest` of variant `{name}` is called `{latest}`, which `tags.moving` has for the main image"
            ))
            .cause("a tag shows one image")
            .hint(format!(
                "take `{latest}` out of `tags.moving`, or set `variants.{name}.latest-suffix = true`"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn what_fails_in_every_release_is_refused_before_the_first() {
        for (text, words) in [
            (
                "[tags]\nmoving = [\"{major}.{minor}.{patch}\"]",
                "`{version}` in `tags.fixed` and `{major}.{minor}.{patch}` in `tags.moving` always give",
            ),
            (
                "[tags]\nfixed = [\"{version}\", \"v{version}\"]\nmoving = [\"v{major}.{minor}.{patch}\"]",
                "`v{major}.{minor}.{patch}`",
            ),
            (
                "[tags]\nfixed = [\"{version}\", \"{sha}-{date}\"]\nmoving = [\"{sha:7}-{date:%Y-%m-%d}\"]",
                "`{sha:7}-{date:%Y-%m-%d}`",
            ),
            (
                "[tags]\nprerelease = [\"{version}\", \"{major}.{minor}.{patch}-{prerelease}\"]",
                "take `{major}.{minor}.{patch}-{prerelease}` out",
            ),
            ("[tags]\nmoving = [\"{date:%H:%M}\"]", "dates like `04:05`"),
            ("[tags]\nmoving = [\"d-{date:%e}\"]", "dates like ` 3`"),
            (
                "[tags]\nmoving = [\"{commit_date:-%Y}\"]",
                "dates like `-2001`",
            ),
            ("[tags]\ndate = \"%Y/%m\"", "dates like `2001/02`"),
            (
                "[branches.prerelease]\nnext = \"latest\"",
                "the pre-release label `latest`",
            ),
            (
                "[tags]\nmoving = [\"latest\", \"next-rc\"]\nprerelease = [\"{version}\", \"next-{channel}\"]",
                "gives the tag `next-rc`",
            ),
            (
                "[tags]\nmoving = [\"latest\", \"alpine\"]\n[variants.alpine]\ntarget = \"x\"\nlatest-suffix = false",
                "`latest` of variant `alpine` is called `alpine`",
            ),
        ] {
            let error = Policy::parse(text, "release.toml").expect_err(text);
            assert_eq!(error.exit_code(), 2, "{text}: {error}");
            assert!(
                format!("{error:#} {:?}", error.hints()).contains(words),
                "{text}: {error:#}"
            );
        }
    }

    #[test]
    fn what_may_differ_is_kept() {
        for text in [
            "[tags]\nmoving = [\"{major}.{minor}\", \"v{major}.{minor}.{patch}\"]",
            // Listed once.
            "[tags]\nfixed = [\"{version}\", \"{major}.{minor}.{patch}\"]",
            "[tags]\nmoving = [\"{date:%Y%m%d}\", \"{date}\", \"x.{date:.%d}\"]",
            "[tags]\ndate = \"%Y/%m\"\nmoving = [\"{date:%Y}\"]",
            "[tags]\nmoving = [\"alpine\"]\n[variants.alpine]\ntarget = \"x\"\nlatest-suffix = false",
        ] {
            assert!(Policy::parse(text, "release.toml").is_ok(), "{text}");
        }
    }
}
