//! How the build of a variant differs from that of the main image, where a variant has no key for it.

use crate::init::{chosen_tags::own_texts, push::Build};

/// What a variant cannot have of its own.
pub(super) fn differing(build: &Build, main: &Build) -> Option<String> {
    if build.unknown != main.unknown && !build.unknown.is_empty() {
        return Some("nothing here tells what it is built from".into());
    }
    if let Some(name) = main
        .args
        .keys()
        .find(|name| !build.args.contains_key(*name))
    {
        return Some(format!(
            "it is built without `{name}`, and a variant has the build arguments of the main image"
        ));
    }
    let name = build
        .contexts
        .iter()
        .find(|(name, value)| main.contexts.get(*name) != Some(value))
        .or_else(|| {
            let mut contexts = main.contexts.iter();
            contexts.find(|(name, _)| !build.contexts.contains_key(*name))
        });
    name.map(|(name, _)| {
        format!(
            "its build context `{name}` is another one, and a variant has the build contexts of the main image"
        )
    })
}

/// What the build of a variant is told otherwise than the main image, and a variant has no key for.
pub(super) fn told_otherwise(build: &Build, main: &Build) -> Vec<&'static str> {
    let differ = [
        (
            "labels",
            own_texts(&build.labels) != own_texts(&main.labels),
        ),
        (
            "annotations",
            own_texts(&build.annotations) != own_texts(&main.annotations),
        ),
        ("secrets", build.secrets != main.secrets),
        ("ssh", build.ssh != main.ssh),
        ("cache-from", build.cache_from != main.cache_from),
        ("cache-to", build.cache_to != main.cache_to),
        ("provenance", build.provenance != main.provenance),
        ("sbom", build.sbom != main.sbom),
        ("pull", build.pull != main.pull),
        ("no-cache", build.no_cache != main.no_cache),
        ("network", build.network != main.network),
        ("add-hosts", build.add_hosts != main.add_hosts),
        ("ulimits", build.ulimits != main.ulimits),
        ("shm-size", build.shm_size != main.shm_size),
        ("allow", build.allow != main.allow),
    ];
    let differ = differ.into_iter().filter(|(_, differs)| *differs);
    differ.map(|(key, _)| key).collect()
}
