//! A long wait in words: until when, since when, for what, and what came instead.

use crate::{
    event::{Awaited, LongWait},
    text::sanitize_line,
};

/// The longest reason that is shown, in characters.
const MAX_REASON: usize = 300;

/// What follows the verb `waiting`.
pub(super) fn text(wait: &LongWait) -> String {
    let until = wait.until.map_or(String::new(), |until| {
        format!("until {}, ", until.format("%H:%M:%S UTC"))
    });
    let why = wait.why.as_ref().map_or(String::new(), |why| {
        format!(": {}", sanitize_line(why, MAX_REASON))
    });
    format!(
        "{until}since {}, for {}{why}",
        wait.since.format("%H:%M:%S"),
        awaited(&wait.awaited)
    )
}

fn awaited(awaited: &Awaited) -> String {
    match awaited {
        Awaited::Answer { request } => format!("the answer to {request}"),
        Awaited::Throttle { request } => {
            format!("the registry, which takes no more requests for now, among them {request}")
        }
        Awaited::TagsMove { repository, tags } => {
            format!("{} to move", named(&repository.to_string(), tags))
        }
        Awaited::TagsBack { repository, tags } => {
            format!("{} to go back", named(&repository.to_string(), tags))
        }
        Awaited::TagsShow { tags: 1 } => "1 tag to show what its registry accepted".to_owned(),
        Awaited::TagsShow { tags } => {
            format!("{tags} tags to show what their registries accepted")
        }
        Awaited::GitRemote { remote, call } => format!("the git remote `{remote}` ({call})"),
        Awaited::GitRefs { remote } => format!("the refs of the git remote `{remote}`"),
        Awaited::Draft { page } => format!("the draft of {page} and its files"),
        Awaited::Forge { page } => format!("{page} to be public"),
        Awaited::Release {
            version,
            owner,
            since,
        } => format!(
            "the release {version}, which {owner} has had since {}",
            since.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        Awaited::Build => "another release of this clone, which makes its image".to_owned(),
        Awaited::FormerHolder => {
            "requests that the former holder of the lock may have sent".to_owned()
        }
        Awaited::UnseenAnswer => {
            "a request that had no clear answer, and may still be carried out".to_owned()
        }
    }
}

/// Tags of one repository.
fn named<T: ToString>(repository: &str, tags: &[T]) -> String {
    let names: Vec<_> = tags
        .iter()
        .map(|tag| format!("`{}`", tag.to_string()))
        .collect();
    let noun = if names.len() == 1 { "tag" } else { "tags" };
    format!("the {noun} {} of {repository}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_says_for_what_since_when_and_until_when() {
        let time = |text: &str| format!("2026-03-01T{text}Z").parse().expect("a time");
        let tag = |name: &str| name.parse().expect("a valid tag");
        let repository = || "docker.io/acme/api".parse().expect("a valid name");
        for (awaited, why, until, said) in [
            (
                Awaited::TagsMove {
                    repository: repository(),
                    tags: vec![tag("latest")],
                },
                Some("PUT https://r/v2/acme/api/manifests/latest: 500"),
                Some("12:02:00"),
                "until 12:02:00 UTC, since 12:00:05, for the tag `latest` of docker.io/acme/api to move: PUT https://r/v2/acme/api/manifests/latest: 500",
            ),
            (
                Awaited::TagsBack {
                    repository: repository(),
                    tags: vec![tag("1"), tag("latest")],
                },
                None,
                None,
                "since 12:00:05, for the tags `1`, `latest` of docker.io/acme/api to go back",
            ),
            (
                Awaited::GitRemote {
                    remote: "origin".into(),
                    call: "push".into(),
                },
                Some("a\u{1b}[2Jb"),
                Some("12:00:25"),
                "until 12:00:25 UTC, since 12:00:05, for the git remote `origin` (push): a\\u{1b}[2Jb",
            ),
            (
                Awaited::TagsShow { tags: 2 },
                None,
                Some("13:00:00"),
                "until 13:00:00 UTC, since 12:00:05, for 2 tags to show what their registries accepted",
            ),
        ] {
            let wait = LongWait {
                awaited,
                why: why.map(str::to_owned),
                since: time("12:00:05"),
                until: until.map(time),
            };
            assert_eq!(text(&wait), said);
        }
    }
}
