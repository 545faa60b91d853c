//! What a registry allows, and how it refuses.

use std::{collections::BTreeSet, time::Duration};

use hoist::oci::Digest;

use super::auth::{Auth, Tokens};

/// The rules of one registry. Each can be set alone; the functions bundle what was read or measured
/// of real ones.
#[derive(Debug, Clone)]
pub struct Personality {
    pub auth: Auth,
    pub delete: Delete,
    pub multi_tag: MultiTag,
    pub immutable: Option<Immutable>,
    pub stale: Stale,
    /// A type that was not asked for is answered with 404.
    pub strict_accept: bool,
    /// PUT of a manifest that is there is answered with 409.
    pub conflict_on_second_put: bool,
    /// PUT of a manifest under a digest is answered with 403.
    pub no_digest_puts: bool,
    /// PUT of a manifest is answered without `Location`.
    pub no_location: bool,
    /// A manifest needs its blobs and children.
    pub checks_blobs: bool,
    /// HEAD says that it has these blobs, whether it does or not.
    pub pretends_to_have: BTreeSet<Digest>,
    /// Reads say which digest they show.
    pub names_digests: bool,
    /// Blobs can be mounted.
    pub mounts: bool,
    /// Tags on one page of the list.
    pub page: usize,
    /// A repository must be there before it is pushed to.
    pub repositories_must_exist: bool,
    /// The Docker Hub API is there, too.
    pub hub: bool,
    /// What is asked for without credentials is answered with this status, as if it were not there;
    /// uploads and `/v2/` ask for credentials.
    pub hides_from_anonymous: Option<u16>,
    /// `/v2/` is answered to everybody.
    pub open_base: bool,
    /// Only `/v2/` says how to log in.
    pub challenge_at_base_only: bool,
    /// Scheme and host in the links of the list of tags.
    pub link_host: String,
    /// What it makes of a manifest that is about another one.
    pub referrers: Referrers,
    /// A manifest that is about one which is not there is answered with 404.
    pub knows_subjects_only: bool,
    /// Referrers on one page of the list.
    pub referrers_page: usize,
    /// The `Warning` header of every answer.
    pub warning: Option<&'static str>,
    /// `ratelimit-*` headers of reads of manifests: limit and remaining pulls.
    pub pull_limit: Option<(u32, u32)>,
}

/// What a registry makes of manifests that are about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referrers {
    /// They are manifests as any other, and the API is answered with 404.
    Unknown,
    /// It lists them, and answers `OCI-Subject`.
    Listed,
    /// It lists them, and does not say so when one is put.
    ListedInSilence,
    /// It lists them with the type of their configuration for the type of the artifact.
    ListedByConfig,
}

/// What can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delete {
    /// Nothing: 405.
    Off,
    /// Digests; a tag is answered with this status.
    Digest(u16),
    /// Digests that no tag points at (else 403); a tag is answered with 405.
    UntaggedDigest,
    /// Tags and digests.
    Tag,
    /// Tags and digests; with a tag goes what it shows, and every other tag of that.
    TagAndImage,
}

/// What `?tag=` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiTag {
    /// Nothing: a plain PUT by digest.
    Off,
    /// All tags, named one a line.
    Whole,
    /// All tags, named in one line.
    WholeInOneLine,
    /// The first so many tags.
    Partial(usize),
    /// The first so many tags, then 500.
    PartialThen500(usize),
    /// 414, whatever is asked for.
    TooLong,
}

/// Tags that stay where they are.
#[derive(Debug, Clone)]
pub struct Immutable {
    /// Which tags.
    pub tags: fn(&str) -> bool,
    pub refusal: Refusal,
    /// The digest that it shows is refused, too.
    pub same_digest_too: bool,
}

/// How a tag that must stay is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Forbidden403,
    Conflict409,
    Precondition412,
    TagInvalid400,
}

/// How long reads of a tag show what was before a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    Never,
    /// For so many reads of the tag.
    Reads(u32),
    /// For so long.
    For(Duration),
}

impl Default for Personality {
    /// A registry without a password that keeps the specification.
    fn default() -> Self {
        Self {
            auth: Auth::Nobody,
            delete: Delete::Tag,
            multi_tag: MultiTag::Off,
            immutable: None,
            stale: Stale::Never,
            strict_accept: false,
            conflict_on_second_put: false,
            no_digest_puts: false,
            no_location: false,
            checks_blobs: true,
            pretends_to_have: BTreeSet::new(),
            names_digests: true,
            mounts: true,
            page: 1000,
            repositories_must_exist: false,
            hub: false,
            hides_from_anonymous: None,
            open_base: false,
            challenge_at_base_only: false,
            link_host: String::new(),
            referrers: Referrers::Listed,
            knows_subjects_only: false,
            referrers_page: 100,
            warning: None,
            pull_limit: None,
        }
    }
}

impl Personality {
    /// `distribution` 2.8 with deletion enabled.
    pub fn distribution() -> Self {
        Self {
            delete: Delete::Digest(400),
            strict_accept: true,
            referrers: Referrers::Unknown,
            ..Self::default()
        }
    }

    /// Docker Hub as documented.
    pub fn docker_hub() -> Self {
        Self {
            auth: Auth::Bearer(Tokens::default()),
            delete: Delete::UntaggedDigest,
            strict_accept: true,
            hub: true,
            pull_limit: Some((200, 187)),
            ..Self::default()
        }
    }

    /// GitHub's container registry.
    pub fn ghcr() -> Self {
        Self {
            auth: Auth::Bearer(Tokens::default()),
            delete: Delete::Off,
            stale: Stale::Reads(2),
            referrers: Referrers::Unknown,
            ..Self::default()
        }
    }

    /// Amazon's, with immutable version tags.
    pub fn ecr() -> Self {
        Self {
            auth: Auth::Basic,
            delete: Delete::Tag,
            repositories_must_exist: true,
            immutable: Some(Immutable {
                tags: is_version,
                refusal: Refusal::TagInvalid400,
                same_digest_too: true,
            }),
            ..Self::default()
        }
    }

    /// Harbor, with immutable version tags.
    pub fn harbor() -> Self {
        Self {
            auth: Auth::Bearer(Tokens::default()),
            delete: Delete::Digest(405),
            immutable: Some(Immutable {
                tags: is_version,
                refusal: Refusal::Precondition412,
                same_digest_too: true,
            }),
            ..Self::default()
        }
    }

    /// GitLab's: it knows the API, and refuses what is about a manifest that it does not have.
    pub fn gitlab() -> Self {
        Self {
            auth: Auth::Bearer(Tokens::default()),
            knows_subjects_only: true,
            referrers_page: 1,
            ..Self::default()
        }
    }

    /// A registry that lists referrers, and neither says so nor knows their types.
    pub fn careless() -> Self {
        Self {
            referrers: Referrers::ListedByConfig,
            ..Self::default()
        }
    }

    /// A registry that lists referrers, and does not say so.
    pub fn silent() -> Self {
        Self {
            referrers: Referrers::ListedInSilence,
            ..Self::default()
        }
    }

    /// zot since 2.1.16.
    pub fn zot() -> Self {
        Self {
            multi_tag: MultiTag::Whole,
            delete: Delete::Tag,
            ..Self::default()
        }
    }

    /// All of them, by name.
    pub fn all() -> [(&'static str, Self); 10] {
        [
            ("plain", Self::default()),
            ("distribution", Self::distribution()),
            ("docker hub", Self::docker_hub()),
            ("ghcr", Self::ghcr()),
            ("ecr", Self::ecr()),
            ("harbor", Self::harbor()),
            ("zot", Self::zot()),
            ("gitlab", Self::gitlab()),
            ("careless", Self::careless()),
            ("silent", Self::silent()),
        ]
    }
}

/// `1.2.3`, and nothing shorter.
pub fn is_version(tag: &str) -> bool {
    tag.split('.').count() == 3 && tag.split('.').all(|part| part.parse::<u32>().is_ok())
}
