//! Why legs are not joined. Every refusal names the leg, its file, and what was expected.

use semver::Version;

use crate::{
    build::join::{
        content::LegContent,
        expected::Expected,
        leg::{LEG_FORMAT, Leg},
        part::{AttachedPart, ImagePart},
    },
    error::{Error, ErrorCode},
    git::CommitId,
    oci::{Descriptor, Digest, Manifest, Platform, Repository, StatementPlace, annotation},
    text::sanitize_line,
};

/// How jobs on several machines come to build the same.
pub(super) const AGREE: &str = "`hoist plan --json > plan.json` in a first job, and `--plan plan.json` for `hoist build` and `hoist release` in the others, makes all of them build the same";
/// What helps where the content of a leg is wrong.
pub(super) const BUILD_AGAIN: &str = "build the leg again, and pass it on as it was written";

pub(super) fn refused(file: &str, what: &str) -> Error {
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
pub(super) fn named(leg: &LegContent, platform: &Platform) -> String {
    format!(
        "`{}` (for {})",
        sanitize_line(&leg.file, 200),
        platform.in_full()
    )
}

pub(super) fn list(platforms: impl IntoIterator<Item = String>) -> String {
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
        "its indexes are nested too deeply, in a circle, or list too much; expected one level, with an entry for each platform".to_owned(),
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

pub(super) fn other_image(file: &str, theirs: &str, ours: &str) -> Error {
    refused(file, "is of another image")
        .cause(format!(
            "expected `{ours}`, and it says `{}`",
            sanitize_line(theirs, 100)
        ))
        .hint(
            "name the image that each leg is of: `--from IMAGE=PATH`, `--from IMAGE/VARIANT=PATH`; `--from PATH` takes it for the one that it says",
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
pub(super) fn differs(file: &str, what: &str, theirs: &str, ours: &str) -> Error {
    let error = refused(file, &format!("has another {what}"))
        .cause(format!("expected {ours}, and it says {theirs}"));
    match what {
        "tree" => error.cause(
            "one commit has one tree: the leg was built with changes that no commit holds, or its description was changed",
        ),
        _ => error,
    }
}

/// How the leg is made so that it agrees: from the commit, with the policy and as the version of the release. A
/// release commit is on no branch yet; the commit below it is, and the plan names the other one.
pub(super) fn make_again(
    leg: &Leg,
    version: Option<&Version>,
    commit: &CommitId,
    parent: Option<&CommitId>,
) -> String {
    let platforms = leg.parsed_platforms();
    let platform = platforms.first().map(ToString::to_string);
    let is_plain = |text: &String| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        text.bytes().all(plain)
    };
    let platform = platform.filter(is_plain);
    let platform = platform.as_deref().unwrap_or("PLATFORM");
    let build = match (parent, version) {
        (Some(_), _) => {
            format!("`hoist build --plan plan.json --platform {platform} --output DIR`")
        }
        (None, Some(version)) => {
            format!("`hoist build --version {version} --platform {platform} --output DIR`")
        }
        (None, None) => format!("`hoist build --platform {platform} --output DIR`"),
    };
    let commit = parent.unwrap_or(commit);
    format!("build it again from that commit: `git checkout {commit}`, then {build}")
}

/// The leg is of files that no commit holds.
pub(super) fn dirty(leg: &Leg, expected: &Expected, file: &str) -> Error {
    let (version, parent) = (Some(&expected.version), expected.parent.as_ref());
    refused(file, "was built from uncommitted files")
        .cause(format!(
            "expected the files of {}, and it says that the working tree had changes",
            expected.commit
        ))
        .hint(make_again(leg, version, &expected.commit, parent))
        .hint("release it as it is with `--allow-dirty`")
}

pub(super) fn elsewhere(file: &str, place: &Repository, ours: &[Repository]) -> Error {
    refused(file, "points elsewhere")
        .cause(format!(
            "expected content in {}, and it says that it was staged in `{place}`",
            list(ours.iter().map(|repository| format!("`{repository}`")))
        ))
        .hint("stage it under the policy of this commit: `hoist build --stage`")
}

/// A label or an annotation of an image, the `what` of the release, does not agree with it.
pub(super) fn statement(
    image: &ImagePart<'_>,
    (key, what): (&str, &str),
    place: StatementPlace,
    theirs: &str,
    ours: &dyn ToString,
) -> Error {
    let own = match place {
        StatementPlace::Label => {
            format!("a label of the base image is inherited: let the builder set its own `{key}`")
        }
        StatementPlace::Manifest
        | StatementPlace::Entry
        | StatementPlace::Index
        | StatementPlace::Layout => {
            format!("let the builder write its own annotation `{key}`, or leave it out")
        }
    };
    Error::refused(format!(
        "the leg {} has another {what}",
        named(image.leg, &image.platform)
    ))
    .with_code(ErrorCode::LegUnfit)
    .cause(format!(
        "expected {}, and {} says {}",
        ours.to_string(),
        place.of_key(key),
        sanitize_line(theirs, 100)
    ))
    .state("nothing was published")
    .hint("build the leg again from the commit that is released")
    .hint(own)
}

pub(super) fn trial(
    leg: &LegContent,
    place: StatementPlace,
    theirs: &str,
    ours: &Version,
) -> Error {
    let place = place.of_key(annotation::VERSION);
    refused(&leg.file, "is a trial build")
        .cause(format!("expected {ours}, and {place} says {theirs}"))
        .hint("`hoist build --output DIR` or `hoist build --stage` makes a leg")
}

pub(super) fn mixed(
    new: &ImagePart<'_>,
    old: &ImagePart<'_>,
    commit: &CommitId,
    parent: &CommitId,
) -> Error {
    let (first, second) = (named(new.leg, &new.platform), named(old.leg, &old.platform));
    let what = match std::ptr::eq(new, old) {
        true => format!("the leg {first} names two commits"),
        false => format!("the legs {first} and {second} are of two commits"),
    };
    Error::refused(what).with_code(ErrorCode::LegUnfit)
    .cause(format!(
        "the first is of {commit}, the second of {parent}, which that commit stands on; expected one commit for all"
    ))
    .state("nothing was published")
    .hint(AGREE)
}
