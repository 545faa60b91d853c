//! Why legs are not joined. Every refusal names the leg, its file, and what was expected.

use crate::{
    build::join::{
        content::LegContent,
        leg::{LEG_FORMAT, Leg},
        part::{AttachedPart, ImagePart},
        platforms::shown,
    },
    error::{Error, ErrorCode},
    git::CommitId,
    oci::{Descriptor, Digest, Manifest, Platform, Repository},
    text::sanitize_line,
};

/// How jobs on several machines come to build the same.
const AGREE: &str = "`hoist plan --json > plan.json` in a first job, and `--plan plan.json` for `hoist build` and `hoist release` in the others, makes all of them build the same";
/// What helps where the content of a leg is wrong.
const BUILD_AGAIN: &str = "build the leg again, and pass it on as it was written";

fn refused(file: &str, what: &str) -> Error {
    Error::refused(format!("the leg `{}` {what}", sanitize_line(file, 200)))
        .with_code(ErrorCode::LegUnfit)
        .state("nothing was published")
}

/// A leg whose content is not as it has to be.
fn broken(leg: &LegContent, cause: String) -> Error {
    refused(&leg.file, "cannot be used")
        .cause(cause)
        .hint(BUILD_AGAIN)
}

/// A leg, and behind it the platform that is meant.
fn named(leg: &LegContent, platform: &Platform) -> String {
    format!(
        "`{}` (for {})",
        sanitize_line(&leg.file, 200),
        shown(platform)
    )
}

fn list(platforms: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = platforms.into_iter().collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join(", "),
    }
}

pub(super) fn not_a_leg(file: &str, why: &str) -> Error {
    refused(file, "cannot be read")
        .cause(sanitize_line(why, 300))
        .cause("expected the JSON that `hoist build --stage` prints, or an OCI layout")
        .hint("`hoist build --platform PLATFORM --stage > leg.json` writes such a file")
}

pub(super) fn of_newer_hoist(file: &str, v: u64) -> Error {
    refused(file, "was made by a newer hoist")
        .cause(format!(
            "its format is {v}, and this hoist knows formats up to {LEG_FORMAT}"
        ))
        .hint("run the same version of hoist in every job")
}

pub(super) fn without_image(leg: &LegContent) -> Error {
    broken(
        leg,
        format!(
            "expected an image, and nothing below {} is one",
            leg.manifest.digest()
        ),
    )
}

pub(super) fn too_much(leg: &LegContent) -> Error {
    broken(
        leg,
        "its indexes are nested too deeply, in a circle, or list too much".to_owned(),
    )
}

pub(super) fn missing(leg: &LegContent, digest: &Digest) -> Error {
    broken(leg, format!("expected {digest}, which it does not have"))
}

pub(super) fn other_size(leg: &LegContent, entry: &Descriptor, found: &Manifest) -> Error {
    broken(
        leg,
        format!(
            "expected {} bytes for {}, and it has {}",
            entry.size,
            entry.digest,
            found.bytes.len()
        ),
    )
}

pub(super) fn other_type(leg: &LegContent, entry: &Descriptor, found: &Manifest) -> Error {
    let expected = sanitize_line(entry.media_type.as_str(), 200);
    let has = sanitize_line(found.media_type.as_str(), 200);
    broken(
        leg,
        format!(
            "expected the type `{expected}` for {}, and it is `{has}`",
            entry.digest
        ),
    )
}

pub(super) fn tampered(leg: &LegContent, expected: &Digest, found: &Digest) -> Error {
    broken(
        leg,
        format!("expected {expected}, and its content hashes to {found}"),
    )
}

pub(super) fn unreadable(leg: &LegContent, digest: &Digest, error: &serde_json::Error) -> Error {
    let why = sanitize_line(&error.to_string(), 200);
    broken(
        leg,
        format!("expected a document at {digest}, and it cannot be read: {why}"),
    )
}

pub(super) fn not_an_image(leg: &LegContent, entry: &Descriptor, kind: &str) -> Error {
    refused(&leg.file, "holds something that is not an image")
        .cause(format!(
            "expected an image, or something about one of the images; {} is neither ({})",
            entry.digest,
            sanitize_line(kind, 100)
        ))
        .hint("let the builder put images and their attestations alone into the leg")
}

pub(super) fn without_subject(leg: &LegContent, entry: &Descriptor) -> Error {
    refused(&leg.file, "has an attestation that names no image")
        .cause(format!(
            "expected the digest of an image in the entry of {}",
            entry.digest
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn lost_subject(part: &AttachedPart<'_>) -> Error {
    let what = "has an attestation of an image that is not there";
    refused(&part.leg.file, what)
        .cause(format!(
            "expected {}, which {} is about, among the images of the legs",
            part.subject,
            part.manifest.digest()
        ))
        .hint("pass the attestation on together with its image; one about an index does not outlast a join")
}

pub(super) fn mislisted(leg: &LegContent, listed: &Platform, configured: &Platform) -> Error {
    refused(&leg.file, "contradicts itself")
        .cause(format!(
            "its index says {}, and the configuration of that image {}",
            shown(listed),
            shown(configured)
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn without_platform(leg: &LegContent, digest: &Digest) -> Error {
    refused(&leg.file, "does not say what it runs on")
        .cause(format!(
            "expected `os` and `architecture` in the configuration of {digest}"
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn other_platform(leg: &LegContent, said: &[String], has: &Platform) -> Error {
    refused(&leg.file, "is not for the platform that it says")
        .cause(format!(
            "expected {}, and it has an image for {}",
            list(said.iter().map(|text| sanitize_line(text, 60))),
            shown(has)
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn lost_platform(leg: &LegContent, said: &[String], has: &[Platform]) -> Error {
    refused(&leg.file, "lacks a platform that it says")
        .cause(format!(
            "expected {}, and it has {}",
            list(said.iter().map(|text| sanitize_line(text, 60))),
            list(has.iter().map(shown))
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn twice(one: &ImagePart<'_>, other: &ImagePart<'_>) -> Error {
    let (one, other) = match one.leg.file <= other.leg.file {
        true => (one, other),
        false => (other, one),
    };
    let (platform, again) = (shown(&one.platform), shown(&other.platform));
    let same = match platform == again {
        true => format!("both are for {platform}"),
        false => format!("{platform} and {again} are one platform for an engine"),
    };
    let (first, second) = (
        sanitize_line(&one.leg.file, 200),
        sanitize_line(&other.leg.file, 200),
    );
    let error = match std::ptr::eq(one.leg, other.leg) {
        true => refused(&first, &format!("has two images for {platform}")),
        false => Error::refused(format!(
            "the legs `{first}` and `{second}` are for one platform"
        ))
        .with_code(ErrorCode::LegUnfit)
        .state("nothing was published"),
    };
    error
        .cause(format!("expected each platform once; {same}"))
        .cause(format!(
            "they are {} and {}",
            one.manifest.digest(),
            other.manifest.digest()
        ))
        .hint("leave one of them out; a leg of an earlier run may still lie there")
}

pub(super) fn missing_platform(
    lacks: &Platform,
    images: &[ImagePart<'_>],
    legs: &[LegContent],
) -> Error {
    let mut error = Error::refused(format!("no leg is for {}", shown(lacks)))
        .with_code(ErrorCode::LegUnfit)
        .state("nothing was published")
        .cause("expected every platform that `image.build.platforms` names");
    for leg in legs {
        let of_leg = images.iter().filter(|image| std::ptr::eq(image.leg, leg));
        error = error.cause(format!(
            "`{}` is for {}",
            sanitize_line(&leg.file, 200),
            list(of_leg.map(|image| shown(&image.platform)))
        ));
    }
    error.hint(format!(
        "`hoist build --platform {lacks} --output DIR` on a machine of that kind makes it"
    ))
}

pub(super) fn strange_platform(image: &ImagePart<'_>, wanted: &[Platform]) -> Error {
    let what = format!(
        "is for {}, which the policy does not name",
        shown(&image.platform)
    );
    refused(&image.leg.file, &what)
        .cause(format!(
            "expected one of {}",
            list(wanted.iter().map(shown))
        ))
        .hint("leave the leg out, or add the platform to `image.build.platforms`")
}

pub(super) fn other_image(file: &str, theirs: &str, ours: &str) -> Error {
    refused(file, "is of another image")
        .cause(format!(
            "expected `{ours}`, and it says `{}`",
            sanitize_line(theirs, 100)
        ))
        .hint(
            "name the image that each leg is of: `--from IMAGE=PATH`, `--from IMAGE/VARIANT=PATH`",
        )
}

pub(super) fn unnamed(file: &str, images: &[String]) -> Error {
    let what = "does not say which image it is of";
    let all = images.join("`, `");
    Error::usage(format!("the leg `{}` {what}", sanitize_line(file, 200)))
        .with_code(ErrorCode::LegUnfit)
        .cause(format!("expected one of `{all}`"))
        .state("nothing was published")
        .hint(format!(
            "name it: `--from {}={}`",
            images.first().map_or("IMAGE", String::as_str),
            sanitize_line(file, 200)
        ))
}

pub(super) fn no_leg(image: &str) -> Error {
    Error::refused(format!("no leg is of the image `{image}`"))
        .with_code(ErrorCode::LegUnfit)
        .cause("with `--from` every image of the policy comes from legs")
        .state("nothing was published")
        .hint("`hoist build --output DIR` makes the legs of all images of the policy")
}

/// The description of a leg does not agree with the release.
pub(super) fn differs(leg: &Leg, file: &str, what: &str, theirs: &str, ours: &str) -> Error {
    let error = refused(file, &format!("has another {what}"))
        .cause(format!("expected {ours}, and it says {theirs}"));
    let error = match what {
        "commit" | "tree" => error.hint(format!(
            "build it from the commit that is released: `git checkout {ours}`, then `hoist build --platform {}` again",
            leg.platforms.first().map_or("PLATFORM", String::as_str)
        )),
        "version" => error.hint(format!(
            "build it again as that version: `hoist build --version {ours}`"
        )),
        _ => error.hint("build it again with the `release.toml` of this commit"),
    };
    error.hint(AGREE)
}

pub(super) fn elsewhere(file: &str, place: &Repository, ours: &[Repository]) -> Error {
    refused(file, "points elsewhere")
        .cause(format!(
            "expected content in {}, and it says that it was staged in `{place}`",
            list(ours.iter().map(|repository| format!("`{repository}`")))
        ))
        .hint("stage it under the policy of this commit: `hoist build --stage`")
}

/// The label or annotation of an image does not agree with the release.
pub(super) fn label(image: &ImagePart<'_>, what: &str, theirs: &str, ours: &dyn ToString) -> Error {
    Error::refused(format!(
        "the leg {} has another {what}",
        named(image.leg, &image.platform)
    ))
    .with_code(ErrorCode::LegUnfit)
    .cause(format!(
        "expected {}, and its label `org.opencontainers.image.{what}` says {}",
        ours.to_string(),
        sanitize_line(theirs, 100)
    ))
    .state("nothing was published")
    .hint("build the leg again from the commit that is released")
    .hint(format!("a label of the base image is inherited: let the builder set its own `org.opencontainers.image.{what}`"))
}

pub(super) fn trial(leg: &LegContent, theirs: &semver::Version, ours: &semver::Version) -> Error {
    refused(&leg.file, "is a trial build")
        .cause(format!("expected {ours}, and it is labelled {theirs}"))
        .hint("`hoist build --output DIR` or `hoist build --stage` makes a leg")
}

pub(super) fn mixed(
    new: &ImagePart<'_>,
    old: &ImagePart<'_>,
    commit: &CommitId,
    parent: &CommitId,
) -> Error {
    Error::refused(format!(
        "the legs {} and {} are of two commits",
        named(new.leg, &new.platform),
        named(old.leg, &old.platform)
    ))
    .with_code(ErrorCode::LegUnfit)
    .cause(format!(
        "the first is of {commit}, the second of {parent}, which that commit stands on; expected one commit for all"
    ))
    .state("nothing was published")
    .hint(AGREE)
}
