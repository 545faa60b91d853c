//! `org.opencontainers.image.*` on the image: where it comes from, as the OCI image specification
//! names it ("Pre-Defined Annotation Keys").

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use url::Url;

use crate::{
    oci::{Digest, Repository, Tag, annotation},
    policy::{ImagePolicy, Rendered, Template, Values},
};

/// What the labels say beyond the policy.
#[derive(Debug, Clone)]
pub struct LabelFacts<'a> {
    /// What placeholders stand for.
    pub values: Values<'a>,
    /// `SOURCE_DATE_EPOCH` where the environment sets it, else the commit's time: so a rebuild of
    /// a commit can give the same bytes.
    pub created: DateTime<Utc>,
    /// The URL of the git remote, as git has it.
    pub remote: Option<&'a str>,
    /// Where the image goes; the title is its last part unless the policy has one.
    pub repository: Option<&'a Repository>,
    /// The version's own tag.
    pub version_tag: Option<&'a Tag>,
    /// The image it was built on, where the builder knows.
    pub base: Option<Base<'a>>,
}

/// The image that an image was built on.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// Its reference, `docker.io/library/debian:12`.
    pub name: &'a str,
    /// The digest of its manifest or index, where the builder knows it.
    pub digest: Option<&'a Digest>,
}

/// The labels of the image's config: the standard ones, then `image.labels`, which win.
#[must_use]
pub fn labels(policy: &ImagePolicy, facts: &LabelFacts<'_>) -> BTreeMap<String, String> {
    merge(standard(policy, facts), &policy.labels, facts)
}

/// The annotations of the manifest: the standard ones, then `image.annotations`, which win.
#[must_use]
pub fn annotations(policy: &ImagePolicy, facts: &LabelFacts<'_>) -> BTreeMap<String, String> {
    merge(standard(policy, facts), &policy.annotations, facts)
}

fn standard(policy: &ImagePolicy, facts: &LabelFacts<'_>) -> BTreeMap<String, String> {
    let source = facts.remote.and_then(source_url);
    let title = facts
        .repository
        .and_then(|repository| repository.path().rsplit('/').next());
    let text = |text: &str| Some(text.to_owned());
    [
        (annotation::VERSION, Some(facts.values.version.to_string())),
        (
            annotation::REVISION,
            facts.values.commit.map(|id| id.to_string()),
        ),
        (
            annotation::CREATED,
            Some(facts.created.to_rfc3339_opts(SecondsFormat::Secs, true)),
        ),
        (
            annotation::URL,
            policy.url.clone().or_else(|| source.clone()),
        ),
        (annotation::SOURCE, source),
        (
            annotation::TITLE,
            policy.title.clone().or_else(|| text(title?)),
        ),
        (annotation::DESCRIPTION, policy.description.clone()),
        (annotation::LICENSES, policy.licenses.clone()),
        (
            annotation::REF_NAME,
            facts.version_tag.map(ToString::to_string),
        ),
        (
            annotation::BASE_NAME,
            facts.base.map(|base| base.name.to_owned()),
        ),
        (
            annotation::BASE_DIGEST,
            facts
                .base
                .and_then(|base| base.digest)
                .map(ToString::to_string),
        ),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

fn merge(
    mut all: BTreeMap<String, String>,
    own: &BTreeMap<String, Template>,
    facts: &LabelFacts<'_>,
) -> BTreeMap<String, String> {
    for (name, template) in own {
        match template.render(&facts.values) {
            Rendered::Text(value) => all.insert(name.clone(), value),
            // As in tags: without a value there is nothing to say.
            Rendered::Missing(_) => all.remove(name),
        };
    }
    all
}

/// Where a browser finds what a git remote's URL names: no credentials, no `.git`, `https` for
/// what ssh and git carry. `None` for a path on this machine.
#[must_use]
pub fn source_url(remote: &str) -> Option<String> {
    let trimmed = |path: &str| {
        let path = path.trim_matches('/');
        path.strip_suffix(".git").unwrap_or(path).to_owned()
    };
    if let Ok(url) = Url::parse(remote)
        && remote.contains("://")
    {
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let path = trimmed(url.path());
        return match (url.scheme(), url.port()) {
            ("http", None) => Some(format!("http://{host}/{path}")),
            (scheme @ ("http" | "https"), Some(port)) => {
                Some(format!("{scheme}://{host}:{port}/{path}"))
            }
            ("https" | "ssh" | "git" | "git+ssh" | "ssh+git", _) => {
                Some(format!("https://{host}/{path}"))
            }
            _ => None,
        };
    }
    // `git@host:path`, as scp has it; a `/` before the `:` makes it a path here.
    let (host, path) = remote.split_once(':')?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let legal = !host.is_empty() && !host.contains(['/', '\\']) && host.len() > 1;
    legal.then(|| format!("https://{host}/{}", trimmed(path)))
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use crate::plan::release::labels::*;
    use crate::policy::Policy;

    const COMMIT: &str = "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3";

    fn all(policy: &str) -> BTreeMap<String, String> {
        let policy: Policy = toml::from_str(policy).expect("a good policy");
        let version = Version::new(1, 2, 3);
        let repository: Repository = "ghcr.io/acme/api".parse().expect("a good name");
        let tag: Tag = "1.2.3".parse().expect("a good tag");
        let time: DateTime<Utc> = "2026-11-23T14:00:00.5Z".parse().expect("a good time");
        let digest = Digest::of(b"base");
        let facts = LabelFacts {
            values: Values {
                version: &version,
                channel: None,
                commit: Some(COMMIT.parse().expect("a commit id")),
                commit_time: time,
                instant: time,
                branch: None,
                date: &policy.tags.date,
            },
            created: time,
            remote: Some("https://user:secret@github.com/acme/api.git"),
            repository: Some(&repository),
            version_tag: Some(&tag),
            base: Some(Base {
                name: "docker.io/library/debian:12",
                digest: Some(&digest),
            }),
        };
        labels(&policy.image, &facts)
    }

    fn short(labels: &BTreeMap<String, String>) -> Vec<String> {
        let line = |(key, value): (&String, &String)| {
            format!(
                "{}={value}",
                key.strip_prefix("org.opencontainers.image.").unwrap_or(key)
            )
        };
        labels.iter().map(line).collect()
    }

    #[test]
    fn the_standard_labels_come_from_repository_and_policy() {
        let policy = "[image]\ndescription = \"An API\"\nlicenses = \"MIT\"";
        let base = format!("base.digest={}", Digest::of(b"base"));
        assert_eq!(
            short(&all(policy)),
            [
                &*base,
                "base.name=docker.io/library/debian:12",
                "created=2026-11-23T14:00:00Z",
                "description=An API",
                "licenses=MIT",
                "ref.name=1.2.3",
                &format!("revision={COMMIT}"),
                "source=https://github.com/acme/api",
                "title=api",
                "url=https://github.com/acme/api",
                "version=1.2.3",
            ]
        );
    }

    #[test]
    fn the_users_own_win_and_are_templates() {
        let policy = "[image]\ntitle = \"T\"\nurl = \"https://example.org\"\n[image.labels]\n\
                      \"org.opencontainers.image.version\" = \"v{version}\"\nteam = \"{{core}}\"\n\
                      \"org.opencontainers.image.source\" = \"{branch}\"";
        let labels = all(policy);
        assert_eq!(labels["org.opencontainers.image.version"], "v1.2.3");
        assert_eq!(labels["org.opencontainers.image.title"], "T");
        assert_eq!(
            labels["org.opencontainers.image.url"],
            "https://example.org"
        );
        assert_eq!(labels["team"], "{core}");
        assert!(!labels.contains_key("org.opencontainers.image.source"));
    }

    #[test]
    fn a_remote_becomes_what_a_browser_opens_without_credentials() {
        for (remote, expected) in [
            (
                "git@github.com:acme/api.git",
                Some("https://github.com/acme/api"),
            ),
            (
                "ssh://git@github.com:22/acme/api.git",
                Some("https://github.com/acme/api"),
            ),
            (
                "https://x:y@gitlab.example.org:8443/a/b/",
                Some("https://gitlab.example.org:8443/a/b"),
            ),
            ("git://host/a", Some("https://host/a")),
            ("http://host/a.git", Some("http://host/a")),
            ("/srv/git/api.git", None),
            ("../api", None),
            ("file:///srv/git/api.git", None),
            ("C:\\git\\api", None),
        ] {
            assert_eq!(source_url(remote).as_deref(), expected, "{remote}");
        }
    }
}
