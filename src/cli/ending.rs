//! The last line of a run that did what it was asked to: what was released or moved, where, and how
//! long it took.

use std::time::Duration;

use serde::Serialize;

use crate::{
    oci::{Digest, Repository, Tag},
    outcome::{Outcome, OutcomeKind, TagReport},
    text::elapsed,
};

/// Most tags that are named.
const MOST_TAGS: usize = 12;

/// What a verb was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum RunVerb {
    Release,
    Promote,
    Resume,
    /// An unfinished release is undone.
    #[serde(rename = "rollback")]
    RollBack,
    /// The moving tags of a finished release go back.
    TakeBack,
    Repair,
}

impl RunVerb {
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Release => "Released",
            Self::Promote => "Promoted",
            Self::Resume => "Finished",
            Self::RollBack | Self::TakeBack => "Rolled back",
            Self::Repair => "Repaired",
        }
    }
}

/// The verb of the last line and its text. `None`: the outcome's error says how it ended.
pub(super) fn ending(
    outcome: &Outcome,
    deed: RunVerb,
    time: Duration,
) -> Option<(&'static str, String)> {
    if outcome.error.is_some() {
        return None;
    }
    let (version, time) = (&outcome.version, elapsed(time));
    let text = match (outcome.kind, deed) {
        (OutcomeKind::Published, RunVerb::Repair) => {
            format!("in {time}: {}", places(&outcome.tags))
        }
        (OutcomeKind::Published, _) => {
            format!(
                "{version} in {time}: {}{}",
                places(&outcome.tags),
                git_tag(outcome)
            )
        }
        (OutcomeKind::RolledBack, _) => {
            format!("{version} in {time}: {}", as_before(&outcome.tags))
        }
        _ => return None,
    };
    let verb = match outcome.kind {
        OutcomeKind::RolledBack => RunVerb::RollBack.done(),
        _ => deed.done(),
    };
    Some((verb, text))
}

fn git_tag(outcome: &Outcome) -> String {
    let tag = outcome.git_tag.as_ref();
    let tag = tag.filter(|tag| tag.pushed || tag.local);
    tag.map_or(String::new(), |tag| {
        let place = match tag.local {
            true => " in this clone alone (`git.push = false`)",
            false => "",
        };
        format!("; git tag {}{place}", tag.name.short())
    })
}

/// Which repositories show which image under which tags.
fn places(tags: &[TagReport]) -> String {
    let mut images: Vec<(&Repository, &Digest, Vec<&Tag>)> = Vec::new();
    for report in tags.iter().filter(|report| report.is_ours()) {
        let is_same = |image: &&mut (&Repository, &Digest, Vec<&Tag>)| {
            *image.0 == report.repository && *image.1 == report.wanted
        };
        match images.iter_mut().find(is_same) {
            Some((_, _, tags)) => tags.push(&report.tag),
            None => images.push((&report.repository, &report.wanted, vec![&report.tag])),
        }
    }
    let mut groups: Vec<(Vec<&Repository>, &Digest, Vec<&Tag>)> = Vec::new();
    for (repository, digest, tags) in images {
        match groups
            .iter_mut()
            .find(|group| *group.1 == *digest && group.2 == tags)
        {
            Some((repositories, ..)) => repositories.push(repository),
            None => groups.push((vec![repository], digest, tags)),
        }
    }
    let group = |(repositories, digest, tags): (Vec<&Repository>, &Digest, Vec<&Tag>)| {
        let shows = if repositories.len() == 1 {
            "shows"
        } else {
            "show"
        };
        format!(
            "{} {shows} {} as {}",
            list(&repositories, usize::MAX),
            digest.short(),
            list(&tags, MOST_TAGS)
        )
    };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}

fn as_before(tags: &[TagReport]) -> String {
    let mut repositories: Vec<&Repository> = tags.iter().map(|tag| &tag.repository).collect();
    repositories.dedup();
    let noun = if tags.len() == 1 { "tag" } else { "tags" };
    format!(
        "{} {noun} of {} as before",
        tags.len(),
        list(&repositories, usize::MAX)
    )
}

/// `a, b and c`.
pub(super) fn listed<T: ToString>(items: &[T]) -> String {
    list(items, usize::MAX)
}

/// `a, b and c`, or `a, b and 7 more`.
fn list<T: ToString>(items: &[T], most: usize) -> String {
    let (shown, left) = match items.len() > most {
        true => (most, items.len() - most),
        false => (items.len(), 0),
    };
    let mut words: Vec<String> = items[..shown].iter().map(ToString::to_string).collect();
    words.extend((left > 0).then(|| format!("{left} more")));
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{oci::Observed, outcome::GitTagReport};

    fn tag(repository: &str, tag: &str, wanted: char, now: char) -> TagReport {
        let digest = |c: char| -> Digest {
            let hex = c.to_string().repeat(64);
            format!("sha256:{hex}").parse().expect("a digest")
        };
        TagReport {
            repository: repository.parse().expect("a valid name"),
            tag: tag.parse().expect("a valid tag"),
            before: None,
            wanted: digest(wanted),
            now: Observed::At(digest(now)),
        }
    }

    fn outcome(kind: OutcomeKind, tags: Vec<TagReport>) -> Outcome {
        Outcome {
            kind,
            version: "1.1.0".parse().expect("a version"),
            commit: "a".repeat(40).parse().expect("an id"),
            images: Vec::new(),
            tags,
            git_tag: Some(GitTagReport {
                name: "refs/tags/v1.1.0".parse().expect("a ref"),
                object: None,
                pushed: true,
                local: false,
            }),
            branch: None,
            forge: None,
            moved: None,
            error: None,
        }
    }

    #[test]
    fn the_end_names_what_moved_where_and_how_long_it_took() {
        let one = || {
            vec![
                tag("docker.io/acme/api", "1.1.0", 'a', 'a'),
                tag("docker.io/acme/api", "latest", 'a', 'a'),
            ]
        };
        let two = || {
            let mut tags = one();
            tags.push(tag("ghcr.io/acme/api", "1.1.0", 'a', 'a'));
            tags.push(tag("ghcr.io/acme/api", "latest", 'a', 'a'));
            tags.push(tag("ghcr.io/acme/api", "1.1.0-alpine", 'b', 'b'));
            tags.push(tag("ghcr.io/acme/api", "not-moved", 'b', 'c'));
            tags
        };
        for (kind, tags, deed, expected) in [
            (
                OutcomeKind::Published,
                one(),
                RunVerb::Release,
                Some((
                    "Released",
                    "1.1.0 in 12 s: docker.io/acme/api shows aaaaaaaaaaaa as 1.1.0 and latest; git tag v1.1.0",
                )),
            ),
            (
                OutcomeKind::Published,
                two(),
                RunVerb::Promote,
                Some((
                    "Promoted",
                    "1.1.0 in 12 s: docker.io/acme/api and ghcr.io/acme/api show aaaaaaaaaaaa as 1.1.0 and latest; ghcr.io/acme/api shows bbbbbbbbbbbb as 1.1.0-alpine; git tag v1.1.0",
                )),
            ),
            (
                OutcomeKind::Published,
                one(),
                RunVerb::Repair,
                Some((
                    "Repaired",
                    "in 12 s: docker.io/acme/api shows aaaaaaaaaaaa as 1.1.0 and latest",
                )),
            ),
            (
                OutcomeKind::RolledBack,
                one(),
                RunVerb::RollBack,
                Some((
                    "Rolled back",
                    "1.1.0 in 12 s: 2 tags of docker.io/acme/api as before",
                )),
            ),
            (OutcomeKind::NeedsHuman, one(), RunVerb::Release, None),
        ] {
            let said = ending(&outcome(kind, tags), deed, Duration::from_secs(12));
            let said = said.as_ref().map(|(verb, text)| (*verb, &**text));
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(list::<&str>(&[], 2), "");
    }
}
