//! Why legs are not joined. Every refusal names the leg, its file, and what was expected.

use crate::{
    build::join::{
        command::{LegPlace, build_command},
        content::LegContent,
        expected::Expected,
        leg::{LEG_FORMAT, Leg},
        part::{AttachedPart, ImagePart},
    },
    error::{Error, ErrorCode},
    git::CommitId,
    oci::{
        Descriptor, Digest, ImageName, Manifest, Platform, Repository, StatementPlace, annotation,
    },
    text::{sanitize_line, shell_word},
};

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

/// What went wrong with a document of the leg `file`, and does not name it.
pub(super) fn within(file: &str, error: Error) -> Error {
    error
        .cause(format!("it is of the leg `{}`", sanitize_line(file, 200)))
        .state("nothing was published")
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
        .hint("`hoist build --stage > leg.json` writes such a file")
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

/// The leg is of an image that the policy does not have.
pub(super) fn strange_image(
    file: &str,
    theirs: &ImageName,
    all: &[String],
    expected: Option<&Expected>,
) -> Error {
    let build = build_command(expected, None, LegPlace::Layout);
    of_other_image(file, theirs, &all.join("` or `")).hint(format!(
        "leave the leg out; {build} makes the legs of all images of this policy"
    ))
}

/// The leg that `image.build.layout` names is of another image.
pub(super) fn laid_out_for_other_image(file: &str, theirs: &ImageName, ours: &ImageName) -> Error {
    of_other_image(file, theirs, &ours.to_string()).hint(format!(
        "let `image.build.layout` of `{ours}` name a layout of that image, or let the builder of `{ours}` make the layout"
    ))
}

/// The leg is of another image of the policy than the command line says.
pub(super) fn other_image(
    file: &str,
    theirs: &ImageName,
    ours: &ImageName,
    expected: Option<&Expected>,
) -> Error {
    let build = build_command(expected, Some(ours), LegPlace::Layout);
    let from = shell_word(&sanitize_line(file, 200));
    of_other_image(file, theirs, &ours.to_string())
        .hint(format!(
            "leave the name out, for each leg says which image it is of: `--from {from}`"
        ))
        .hint(format!("{build} makes a leg of `{ours}`"))
}

fn of_other_image(file: &str, theirs: &ImageName, ours: &str) -> Error {
    refused(file, "is of another image").cause(format!(
        "expected `{ours}`, and it says `{}`",
        sanitize_line(&theirs.to_string(), 100)
    ))
}

pub(super) fn unnamed(file: &str, images: &[String]) -> Error {
    let what = "does not say which image it is of";
    let all = images.join("`, `");
    Error::usage(format!("the leg `{}` {what}", sanitize_line(file, 200)))
        .with_code(ErrorCode::LegUnfit)
        .cause(format!("expected one of `{all}`"))
        .state("nothing was published")
        .hint(format!(
            "name it: `--from {}`",
            shell_word(&format!(
                "{}={}",
                images.first().map_or("IMAGE", String::as_str),
                sanitize_line(file, 200)
            ))
        ))
}

pub(super) fn no_leg(image: &ImageName, looked_at: &[&str], expected: Option<&Expected>) -> Error {
    let build = build_command(expected, Some(image), LegPlace::Layout);
    Error::refused(format!("no leg is of the image `{image}`"))
        .with_code(ErrorCode::LegUnfit)
        .cause("with `--from` every image of the policy comes from legs")
        .cause(format!(
            "looked at: {}",
            list(
                looked_at
                    .iter()
                    .map(|file| format!("`{}`", sanitize_line(file, 200)))
            )
        ))
        .state("nothing was published")
        .hint(format!("{build} makes one"))
}

/// The description of a leg does not agree with the release.
pub(super) fn differs(
    (file, leg): (&str, &Leg),
    what: &str,
    (theirs, ours): (&str, &str),
    expected: &Expected,
) -> Error {
    let error = refused(file, &format!("has another {what}"))
        .cause(format!("expected {ours}, and it says {theirs}"));
    let error = match what {
        "tree" => error.cause(
            "one commit has one tree: the leg was built with changes that no commit holds, or its description was changed",
        ),
        _ => error,
    };
    let (platforms, place) = (leg.parsed_platforms(), LegPlace::of(leg));
    let error = match what {
        "policy" => {
            let error = error.hint(expected.make_with_policy(&platforms, place));
            let error = expected
                .take_policy_of_commit()
                .into_iter()
                .fold(error, Error::hint);
            error.hint("run the same version of hoist in every job: a key of the policy can have another default in another version")
        }
        _ => error.hint(expected.make_again(&platforms, place)),
    };
    error.hint(expected.agree())
}

/// The leg is of files that no commit holds.
pub(super) fn dirty(leg: &Leg, expected: &Expected, file: &str) -> Error {
    let again = expected.make_again(&leg.parsed_platforms(), LegPlace::of(leg));
    refused(file, "was built from uncommitted files")
        .cause(format!(
            "expected the files of {}, and it says that the working tree had changes",
            expected.commit
        ))
        .hint(again)
        .hint("release it as it is with `--allow-dirty`")
}

pub(super) fn elsewhere(leg: &Leg, expected: &Expected, file: &str, place: &Repository) -> Error {
    let ours = expected.repositories.iter();
    refused(file, "points elsewhere")
        .cause(format!(
            "expected content in {}, and it says that it was staged in `{place}`",
            list(ours.map(|repository| format!("`{repository}`")))
        ))
        .hint(expected.make_again(&leg.parsed_platforms(), LegPlace::Staged))
}

/// What was staged of the leg is gone.
pub(super) fn stage_again(leg: &Leg, expected: Option<&Expected>) -> String {
    let platforms = leg.parsed_platforms();
    let build = match expected {
        Some(expected) => expected.build_command(Some(&leg.image), &platforms, LegPlace::Staged),
        None => "`hoist build --stage > leg.json`".to_owned(),
    };
    format!("{build} again on that machine; registries sweep what has no tag after some time")
}

/// A label or an annotation of an image, the `what` of the release, does not agree with it.
pub(super) fn statement(
    image: &ImagePart<'_>,
    (key, what): (&str, &str),
    (place, theirs): (StatementPlace, &str),
    expected: &Expected,
) -> Error {
    let is_revision = key == annotation::REVISION;
    let (ours, own) = match is_revision {
        true => (
            expected.commit.to_string(),
            "$(git rev-parse HEAD)".to_owned(),
        ),
        false => (expected.version.to_string(), expected.version.to_string()),
    };
    Error::refused(format!(
        "the leg {} has another {what}",
        named(image.leg, &image.platform)
    ))
    .with_code(ErrorCode::LegUnfit)
    .cause(format!(
        "expected {ours}, and {} says {}",
        place.of_key(key),
        sanitize_line(theirs, 100)
    ))
    .state("nothing was published")
    .hint(made_anew(image.leg, expected))
    .hint(place.own_statement(key, &own))
}

/// Only what `hoist build` has made is made by it again.
fn made_anew(leg: &LegContent, expected: &Expected) -> String {
    match &leg.claims {
        Some(claims) => expected.make_again(&claims.parsed_platforms(), LegPlace::of(claims)),
        None => format!(
            "build the leg again from the commit that is released: `git checkout {}`",
            expected.parent.as_ref().unwrap_or(&expected.commit)
        ),
    }
}

pub(super) fn trial(
    image: &ImagePart<'_>,
    place: StatementPlace,
    theirs: &str,
    expected: &Expected,
) -> Error {
    let (place, ours) = (place.of_key(annotation::VERSION), &expected.version);
    let platforms = [image.platform.clone()];
    refused(&image.leg.file, "is a trial build")
        .cause(format!("expected {ours}, and {place} says {theirs}"))
        .hint(expected.make_again(&platforms, LegPlace::Layout))
}

pub(super) fn mixed(
    new: &ImagePart<'_>,
    old: &ImagePart<'_>,
    parent: &CommitId,
    expected: &Expected,
) -> Error {
    let (first, second) = (named(new.leg, &new.platform), named(old.leg, &old.platform));
    let what = match std::ptr::eq(new, old) {
        true => format!("the leg {first} names two commits"),
        false => format!("the legs {first} and {second} are of two commits"),
    };
    let commit = &expected.commit;
    Error::refused(what).with_code(ErrorCode::LegUnfit)
    .cause(format!(
        "the first is of {commit}, the second of {parent}, which that commit stands on; expected one commit for all"
    ))
    .state("nothing was published")
    .hint(expected.agree())
}
