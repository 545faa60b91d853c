//! The image that an image was built on: whose it is, whether it is pinned, and which files are its.

use crate::{
    oci::{Contents, Reference},
    plan::inspect::{
        merge::Merged,
        report::{BaseReport, ImageUser},
    },
};

/// A file of each distribution: where one of them is in the lowest layer, that layer is a base image.
const MARKS: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/debian_version",
    "etc/redhat-release",
    "etc/alpine-release",
    "etc/arch-release",
];
/// Where a distribution's own files lie.
const SYSTEM: &[&str] = &["usr", "lib", "lib64", "bin", "sbin", "etc", "var"];
/// Repositories of base images that their makers or Docker look after.
const OFFICIAL: &[&str] = &[
    "docker.io/library/",
    "public.ecr.aws/docker/library/",
    "gcr.io/distroless/",
    "cgr.dev/chainguard/",
    "mcr.microsoft.com/",
    "registry.access.redhat.com/",
    "registry.suse.com/",
    "docker.io/redhat/",
    "quay.io/fedora/",
    "ghcr.io/distroless/",
];

pub(super) fn base(contents: &Contents) -> Option<BaseReport> {
    let known = contents.base.as_ref();
    let distribution = contents.distribution.clone();
    if known.is_none() && distribution.is_none() {
        return None;
    }
    let name = known.and_then(|base| base.name.clone());
    let digest = known.and_then(|base| base.digest.clone());
    let in_name = || {
        name.as_deref()
            .is_some_and(|name| name.contains("@sha256:"))
    };
    Some(BaseReport {
        pinned: known.map(|_| digest.is_some() || in_name()),
        name,
        digest,
        distribution,
        created: contents.lowest_created,
    })
}

pub(super) fn user(contents: &Contents) -> ImageUser {
    let name = contents.user.clone().filter(|name| !name.trim().is_empty());
    ImageUser {
        root: name.as_deref().is_none_or(is_root),
        name,
    }
}

/// `root`, `0`, `0:1000`: the user is root, whatever the group is.
fn is_root(user: &str) -> bool {
    let user = user.split(':').next().unwrap_or(user).trim();
    user == "root" || user.parse::<u32>() == Ok(0)
}

/// The files of the distribution that can be seen: those of the lowest layer, where that is a base image.
pub(super) fn files(merged: &Merged) -> Vec<&String> {
    let lowest = |path: &str| {
        let file = merged.paths.get(path).map(|file| &merged.files[*file]);
        file.is_some_and(|file| file.layer == 0)
    };
    if !MARKS.iter().any(|mark| lowest(mark)) {
        return Vec::new();
    }
    let system = SYSTEM.iter().flat_map(|directory| merged.below(directory));
    let own = system.filter(|(_, file)| file.layer == 0);
    own.map(|(path, _)| path).collect()
}

/// Whether the base image is one that its maker or Docker looks after; `None` where its name is not known.
pub(super) fn is_official(base: &BaseReport) -> Option<bool> {
    let name = base.name.as_deref()?;
    let reference: Reference = name.parse().ok()?;
    let repository = reference.repository.to_string();
    Some(
        OFFICIAL
            .iter()
            .any(|official| repository.starts_with(official)),
    )
}
