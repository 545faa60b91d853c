//! Why the platforms of legs do not fit: to what they say, to each other, or to the policy.

use crate::{
    build::join::{
        command::LegPlace,
        content::LegContent,
        expected::Expected,
        part::ImagePart,
        refusal::{BUILD_AGAIN, list, named, refused},
    },
    error::{Error, ErrorCode},
    oci::{Digest, Platform},
    text::sanitize_line,
};

pub(super) fn mislisted(leg: &LegContent, listed: &Platform, configured: &Platform) -> Error {
    refused(&leg.file, "contradicts itself")
        .cause(format!(
            "its index says {}, and the configuration of that image {}",
            listed.in_full(),
            configured.in_full()
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
            has.in_full()
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn lost_platform(leg: &LegContent, said: &[String], has: &[Platform]) -> Error {
    refused(&leg.file, "lacks a platform that it says")
        .cause(format!(
            "expected {}, and it has {}",
            list(said.iter().map(|text| sanitize_line(text, 60))),
            list(has.iter().map(Platform::in_full))
        ))
        .hint(BUILD_AGAIN)
}

pub(super) fn twice(one: &ImagePart<'_>, other: &ImagePart<'_>) -> Error {
    let (one, other) = match one.leg.file <= other.leg.file {
        true => (one, other),
        false => (other, one),
    };
    let (platform, again) = (one.platform.in_full(), other.platform.in_full());
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
    expected: &Expected,
    images: &[ImagePart<'_>],
    legs: &[LegContent],
) -> Error {
    let (lacking, image) = (lacks.in_full(), &expected.image);
    let platforms = std::slice::from_ref(lacks);
    let build = || {
        let build = expected.build_command(Some(image), platforms, LegPlace::Layout);
        format!("{build} on a machine of that kind makes it")
    };
    let (what, hint) = match (&expected.layouts, expected.is_one_of_several) {
        (Some(pattern), _) => (
            format!("no layout of the image `{image}` is for {lacking}"),
            format!(
                "let its builder make a layout for {lacks} that `{pattern}` matches, or take the platform out of `image.build.platforms`"
            ),
        ),
        (None, true) => (
            format!("no leg of the image `{image}` is for {lacking}"),
            build(),
        ),
        (None, false) => (format!("no leg is for {lacking}"), build()),
    };
    let among = expected.layouts.as_ref();
    let among = among.map_or_else(String::new, |it| format!(" among what `{it}` matches"));
    let mut error = Error::refused(what)
        .with_code(ErrorCode::LegUnfit)
        .state("nothing was published")
        .cause(format!(
            "expected every platform that `image.build.platforms` names{among}"
        ));
    for leg in legs {
        let of_leg = images.iter().filter(|image| std::ptr::eq(image.leg, leg));
        error = error.cause(format!(
            "`{}` is for {}",
            sanitize_line(&leg.file, 200),
            list(of_leg.map(|image| image.platform.in_full()))
        ));
    }
    error.hint(hint)
}

/// Two images for one platform of the policy, such as `arm64/v8` and `arm64/v9` for `arm64`.
pub(super) fn twice_wanted(wanted: &Platform, one: &ImagePart<'_>, other: &ImagePart<'_>) -> Error {
    Error::refused(format!("two images are for {}", wanted.in_full()))
        .with_code(ErrorCode::LegUnfit)
        .state("nothing was published")
        .cause("expected each platform of `image.build.platforms` once")
        .cause(format!(
            "they are of {} and {}",
            named(one.leg, &one.platform),
            named(other.leg, &other.platform)
        ))
        .hint("leave one of them out, or name both platforms in `image.build.platforms`")
}

pub(super) fn strange_platform(image: &ImagePart<'_>, wanted: &[Platform]) -> Error {
    let what = format!(
        "is for {}, which the policy does not name",
        image.platform.in_full()
    );
    refused(&image.leg.file, &what)
        .cause(format!(
            "expected one of {}",
            list(wanted.iter().map(Platform::in_full))
        ))
        .hint("leave the leg out, or add the platform to `image.build.platforms`")
}
