//! What one registry does differently from the others: the one home for it.
//!
//! A registry without an entry here is as the distribution specification says. To teach hoist a
//! registry's ways, add a profile and name its host in [`RegistryProfile::of`]. What can only be
//! found by looking is a [`Difference`]: it is remembered for the run and told once.

use std::{
    collections::BTreeSet,
    sync::{Mutex, Once},
};

use crate::{event::Events, oci::Registry};

/// What a registry does that the distribution specification does not say.
#[derive(Debug, PartialEq, Eq)]
pub struct RegistryProfile {
    /// The host that answers the distribution API, where it is not the host that people write.
    api_host: Option<&'static str>,
    /// The names under which Docker's configuration keeps the credentials, in the order in which they
    /// are looked for; none: the host, and the host with `https://`.
    credential_keys: &'static [&'static str],
    /// The base URL of an HTTP API like Docker Hub's own, which tells immutable tags and deletes tags.
    docker_hub_api: Option<&'static str>,
    /// An image whose headers tell how many pulls are left.
    pull_limit_image: Option<&'static str>,
    /// Whether its distribution API deletes tags, so that a new tag can be taken back.
    deletes_tags: bool,
}

/// A registry as the specification says.
const STANDARD: RegistryProfile = RegistryProfile {
    api_host: None,
    credential_keys: &[],
    docker_hub_api: None,
    pull_limit_image: None,
    deletes_tags: true,
};

/// Docker Hub. `docker login` writes the first of its keys; the others are what people write by hand.
const DOCKER_HUB: RegistryProfile = RegistryProfile {
    api_host: Some("registry-1.docker.io"),
    credential_keys: &[
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
    ],
    docker_hub_api: Some("https://hub.docker.com/"),
    pull_limit_image: Some("docker.io/ratelimitpreview/test"),
    deletes_tags: false,
};

impl RegistryProfile {
    /// The profile of `registry`.
    #[must_use]
    pub fn of(registry: &Registry) -> &'static Self {
        match registry.as_str() {
            Registry::DOCKER_HUB => &DOCKER_HUB,
            _ => &STANDARD,
        }
    }

    /// Whether a tag that a release has created can be deleted again. A registry that cannot do that
    /// commits first, while nothing else has been changed.
    #[must_use]
    pub fn deletes_new_tags(&self) -> bool {
        self.deletes_tags
    }

    /// Whether the registry tells beforehand which tags are immutable.
    #[must_use]
    pub fn tells_immutable_tags(&self) -> bool {
        self.docker_hub_api.is_some()
    }

    /// The host that answers the distribution API.
    pub(crate) fn api_host<'a>(&self, registry: &'a Registry) -> &'a str {
        self.api_host.unwrap_or(registry.as_str())
    }

    /// The base URL of an HTTP API like Docker Hub's own, where the registry has one.
    pub(crate) fn docker_hub_api(&self) -> Option<&'static str> {
        self.docker_hub_api
    }

    /// An image whose headers tell how many pulls are left, where the registry limits them.
    pub(crate) fn pull_limit_image(&self) -> Option<&'static str> {
        self.pull_limit_image
    }

    /// Whether reading a manifest by GET counts as a pull, of which there is a limited number.
    pub(crate) fn counts_gets(&self) -> bool {
        self.pull_limit_image.is_some()
    }

    /// The names under which Docker's configuration and its helpers keep the credentials for
    /// `registry`, in the order in which they are looked for.
    pub(crate) fn credential_keys(&self, registry: &Registry) -> Vec<String> {
        if self.credential_keys.is_empty() {
            return vec![registry.to_string(), format!("https://{registry}")];
        }
        self.credential_keys
            .iter()
            .map(|key| (*key).to_owned())
            .collect()
    }

    /// The name under which Docker itself files a login to `registry`.
    pub(crate) fn login_key(&self, registry: &Registry) -> String {
        self.credential_keys
            .first()
            .map_or_else(|| registry.to_string(), |key| (*key).to_owned())
    }
}

/// What a registry was seen to do differently from the specification, or from most registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// It does not take several tags in one request.
    SingleTagsOnly,
    /// It does not answer HEAD.
    RefusesHead,
    /// HEAD says 404 for what GET and the list of tags show.
    HeadHides,
    /// HEAD does not say which digest it shows, or of which type and size.
    HeadWithoutDigest,
    /// HEAD shows another digest than GET.
    HeadDisagrees,
    /// The header with the digest does not fit the content.
    WrongDigestHeader,
    /// Where there is no such tag, it says 403 and not 404.
    ForbidsWhatIsAbsent,
    /// It hides what is there from whoever has not logged in.
    HidesFromTheAnonymous,
    /// A 401 does not say how to log in; `/v2/` does.
    ChallengeAtBaseOnly,
    /// The list of tags names its next page on another host.
    PagesElsewhere,
    /// The list of tags has pages without tags.
    EmptyPages,
    /// It does not list what is about a digest.
    NoReferrersApi,
    /// Its token service does not say in a readable way how long a token lives.
    UnreadableLife,
    /// The API of its own that it has beside the registry's refuses the login.
    OwnApiRefuses,
}

impl Difference {
    /// What the registry does, after its name.
    fn words(self) -> &'static str {
        match self {
            Self::SingleTagsOnly => "takes one tag in a request",
            Self::RefusesHead => "does not answer HEAD: tags are read by GET from now on",
            Self::HeadHides => {
                "answers HEAD with 404 for what GET shows: tags are read by GET from now on"
            }
            Self::HeadWithoutDigest => {
                "does not tell digest, type and size by HEAD: tags are read by GET from now on"
            }
            Self::HeadDisagrees => {
                "shows another digest by HEAD than by GET: GET is believed, and tags are read by GET \
                 from now on"
            }
            Self::WrongDigestHeader => {
                "names a digest in `Docker-Content-Digest` that its content does not have: the \
                 content is believed"
            }
            Self::ForbidsWhatIsAbsent => "answers 403 for a tag that is not there",
            Self::HidesFromTheAnonymous => {
                "answers 403 or 404 to requests without credentials before it asks for any: what it \
                 did not show is read again with them"
            }
            Self::ChallengeAtBaseOnly => "says only at `/v2/` how to log in",
            Self::PagesElsewhere => {
                "names another host for the next page of its tags: the registry itself is asked"
            }
            Self::EmptyPages => "has pages without tags in its list of tags",
            Self::NoReferrersApi => {
                "does not list what is about a digest: the tag `sha256-…` is the list"
            }
            Self::UnreadableLife => {
                "does not say in a readable way how long its tokens live: 60 s are assumed"
            }
            Self::OwnApiRefuses => {
                "refuses this login at its own API: which tags are immutable cannot be read, and new \
                 tags could not be deleted again in a roll back"
            }
        }
    }

    /// Whether it is told to everybody: the registry says what is not so, or a release is less safe there.
    fn is_for_everybody(self) -> bool {
        matches!(
            self,
            Self::HeadDisagrees | Self::WrongDigestHeader | Self::OwnApiRefuses
        )
    }
}

/// The differences that were found during this run.
pub(crate) struct Differences {
    registry: Registry,
    events: Events,
    found: Mutex<BTreeSet<Difference>>,
    shows_nothing: Once,
}

impl Differences {
    pub(crate) fn new(registry: Registry, events: Events) -> Self {
        Self {
            registry,
            events,
            found: Mutex::default(),
            shows_nothing: Once::new(),
        }
    }

    /// Remembers a difference that an earlier run has told.
    pub(crate) fn knows(&self, difference: Difference) {
        self.found().insert(difference);
    }

    /// Remembers a difference, and tells it the first time.
    pub(crate) fn learn(&self, difference: Difference) {
        if !self.found().insert(difference) {
            return;
        }
        let text = format!("`{}` {}", self.registry, difference.words());
        if difference.is_for_everybody() {
            self.events.warning(text);
        } else {
            self.events.detail(text);
        }
    }

    /// Whether [`Self::shows_nothing`] was said.
    pub(crate) fn told_hidden(&self) -> bool {
        self.shows_nothing.is_completed()
    }

    /// Says, the first time, that a login may be needed to see what is there, and why there is none.
    pub(crate) fn shows_nothing(&self, why: &str) {
        self.shows_nothing.call_once(|| {
            let registry = &self.registry;
            self.events.warning(format!(
                "`{registry}` shows no tags to those who have not logged in, and what it has may be hidden \
                 from them: {why}"
            ));
        });
    }

    /// Whether the registry was seen to be so.
    pub(crate) fn has(&self, difference: Difference) -> bool {
        self.found().contains(&difference)
    }

    /// Whether HEAD is of no use for reading tags.
    pub(crate) fn reads_by_get(&self) -> bool {
        [
            Difference::RefusesHead,
            Difference::HeadHides,
            Difference::HeadWithoutDigest,
            Difference::HeadDisagrees,
        ]
        .into_iter()
        .any(|difference| self.has(difference))
    }

    fn found(&self) -> std::sync::MutexGuard<'_, BTreeSet<Difference>> {
        self.found.lock().expect("no thread panics with the lock")
    }
}

#[cfg(test)]
mod tests {
    use crate::{event::Event, io::registry::profile::*, oci::Repository};

    #[test]
    fn a_difference_is_told_once_and_a_lie_to_everybody() {
        let told = std::sync::Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let told = told.clone();
            move |event| told.lock().expect("nobody panics").push(event)
        });
        let differences = Differences::new(registry("r.test/a"), events);
        for _ in 0..2 {
            differences.learn(Difference::EmptyPages);
            differences.learn(Difference::HeadDisagrees);
        }
        assert!(differences.reads_by_get() && !differences.has(Difference::RefusesHead));
        let told = told.lock().expect("nobody panics");
        let [
            Event::Detail { text: first },
            Event::Warning { text: second },
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert!(first.starts_with("`r.test` has pages"), "{first}");
        assert!(second.contains("GET is believed"), "{second}");
    }

    fn registry(repository: &str) -> Registry {
        let repository: Repository = repository.parse().expect("a good name");
        repository.registry().clone()
    }

    #[test]
    fn docker_hub_is_known_by_all_its_names() {
        for name in [
            "acme/api",
            "index.docker.io/acme/api",
            "registry-1.docker.io/acme/api",
        ] {
            let hub = registry(name);
            let profile = RegistryProfile::of(&hub);
            assert_eq!(profile, &DOCKER_HUB, "{name}");
            assert_eq!(profile.api_host(&hub), "registry-1.docker.io");
            assert_eq!(profile.login_key(&hub), "https://index.docker.io/v1/");
            assert!(!profile.deletes_new_tags() && profile.tells_immutable_tags());
        }
    }

    #[test]
    fn any_other_registry_is_as_the_specification_says() {
        let other = registry("ghcr.io/acme/api");
        let profile = RegistryProfile::of(&other);
        assert_eq!(profile.api_host(&other), "ghcr.io");
        assert_eq!(
            profile.credential_keys(&other),
            ["ghcr.io", "https://ghcr.io"]
        );
        assert_eq!(profile.login_key(&other), "ghcr.io");
        assert!(profile.deletes_new_tags() && !profile.tells_immutable_tags());
    }
}
