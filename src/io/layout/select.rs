//! Chooses one of the images in a layout or archive. Pure.

use std::collections::BTreeMap;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Descriptor, Digest, ImageName, Platform, annotation},
    text::{sanitize_line, shell_word},
};

/// Most images that an error names.
const NAMED: usize = 10;

/// What the caller knows about the image that it wants.
#[derive(Debug, Clone, Default)]
pub struct WantedImage {
    /// Names that decide between several images: the version, a full reference, a tag.
    pub references: Vec<String>,
    /// Platforms that the image must have; empty if any will do.
    pub platforms: Vec<Platform>,
    /// Whether the image was built for this release, so that its manifest may be written anew.
    pub built_here: bool,
    /// How messages call what the image is taken from, where it is a leg and not `image.build.layout`.
    pub leg: Option<String>,
    /// Annotations for a manifest that hoist writes. Other manifests keep their bytes.
    pub annotations: BTreeMap<String, String>,
    /// The layout as a command names it, where it is only looked at, and nothing is released.
    pub looks_at: Option<String>,
    /// Whether the only image, too, has to have one of the `references`.
    pub is_named: bool,
}

impl WantedImage {
    /// The first and the last of the names, which is the shortest one.
    fn names_in_words(&self) -> String {
        let name = |name: &String| format!("`{}`", sanitize_line(name, 200));
        match &*self.references {
            [] => "after the version".to_owned(),
            [one] => name(one),
            [first, .., last] => format!("{} or {}", name(first), name(last)),
        }
    }
}

/// One of the images to choose from.
#[derive(Debug)]
pub(super) struct ImageCandidate<T> {
    pub(super) names: Vec<String>,
    /// The images of the policy that it is a leg of.
    pub(super) leg_of: Vec<String>,
    pub(super) digest: Option<Digest>,
    pub(super) platform: Option<Platform>,
    pub(super) item: T,
}

impl<T> ImageCandidate<T> {
    /// Whether one of its names is the `reference`, which is one of `all` that are wanted.
    fn is_named(&self, reference: &str, all: &[String]) -> bool {
        let mut names = self.names.iter();
        names.any(|name| is_named(name, reference, all))
    }

    /// Whether somebody who looks means it, by any of its names.
    fn is_meant(&self, reference: &str) -> bool {
        let digest = self.digest.as_ref().map(Digest::as_str);
        self.is_named(reference, &[])
            || self.leg_of.iter().any(|image| image == reference)
            || digest == Some(reference)
    }
}

/// The names that an entry of `index.json` has: the one of the OCI specification, and containerd's.
pub(super) fn names(descriptor: &Descriptor) -> Vec<String> {
    [annotation::REF_NAME, annotation::CONTAINERD_NAME]
        .iter()
        .filter_map(|key| descriptor.annotations.get(*key).cloned())
        .collect()
}

/// The image of the policy that an entry is a leg of.
pub(super) fn leg_of(descriptor: &Descriptor) -> Option<String> {
    let leg = descriptor.annotations.get(annotation::LEG)?;
    let image: ImageName = serde_json::from_str(leg).ok()?;
    Some(image.to_string())
}

/// Chooses the only image, or of several images the one with a wanted name, or else the one with the
/// wanted platform. If that does not leave exactly one, nothing is chosen and it is an error.
pub(super) fn select<T>(mut all: Vec<ImageCandidate<T>>, wanted: &WantedImage) -> Result<T> {
    if all.len() == 1 && !wanted.is_named {
        return Ok(all.remove(0).item);
    }
    let named = |candidate: &ImageCandidate<T>, reference: &String| match wanted.looks_at {
        Some(_) => candidate.is_meant(reference),
        None => candidate.is_named(reference, &wanted.references),
    };
    let by_name = wanted
        .references
        .iter()
        .find_map(|reference| only(&all, |candidate| named(candidate, reference)));
    let by_platform = || match &*wanted.platforms {
        [platform] => only(&all, |candidate| {
            candidate
                .platform
                .as_ref()
                .is_some_and(|has| has.satisfies(platform))
        }),
        _ => None,
    };
    match (by_name.or_else(by_platform), &wanted.looks_at) {
        (Some(index), _) => Ok(all.swap_remove(index).item),
        (None, Some(place)) if !all.is_empty() => Err(several(&all, place, &wanted.references)),
        (None, _) => Err(ambiguous(&all, wanted)),
    }
}

/// Whether `name` is the reference that is wanted, or a full name of a wanted repository with it as its tag.
fn is_named(name: &str, reference: &str, all: &[String]) -> bool {
    if name == reference {
        return true;
    }
    let Some((repository, tag)) = name.rsplit_once(':') else {
        return false;
    };
    let mut ours = all.iter().filter_map(|one| {
        let (repository, _) = one.rsplit_once(':')?;
        Some(repository)
    });
    let is_ours = |ours: &str| {
        let is_end = ours.strip_suffix(without_default_host(repository));
        is_end.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    let knows_none = ours.clone().next().is_none();
    tag == reference && (knows_none || ours.any(is_ours))
}

/// A repository without what engines put before the name of an image that was built here, and that no registry has.
fn without_default_host(repository: &str) -> &str {
    ["docker.io/library/", "docker.io/", "localhost/"]
        .iter()
        .find_map(|host| repository.strip_prefix(host))
        .unwrap_or(repository)
}

fn only<T>(all: &[ImageCandidate<T>], keep: impl Fn(&ImageCandidate<T>) -> bool) -> Option<usize> {
    let mut found = (0..all.len()).filter(|&index| keep(&all[index]));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn ambiguous<T>(all: &[ImageCandidate<T>], wanted: &WantedImage) -> Error {
    let what = match &wanted.leg {
        Some(leg) => format!("the leg `{}`", sanitize_line(leg, 200)),
        None => "`image.build.layout`".to_owned(),
    };
    if all.is_empty() {
        return Error::failed(format!("there is no image in {what}"))
            .with_code(ErrorCode::ImageUnusable)
            .cause("its list of images is empty")
            .hint("let its builder put an image into it; `umoci init`, for example, makes a layout without one");
    }
    let mut error = Error::refused(format!(
        "{what} holds {} images, and nothing says which one to release",
        all.len()
    ))
    .with_code(ErrorCode::ImageUnusable);
    error = with_names(error, all);
    if wanted.leg.is_some() {
        return error.hint(format!("make a leg that holds one image (for several platforms: one index), such as by `hoist build --output DIR`, or name the image in the leg {}", wanted.names_in_words()));
    }
    error.hint(format!("name the image in the layout {}, or make a layout that holds one image (for several platforms: one index)", wanted.names_in_words()))
}

/// Said to whoever looks at a layout of several images, or names one that it does not have.
fn several<T>(all: &[ImageCandidate<T>], place: &str, asked: &[String]) -> Error {
    let holds = match all.len() {
        1 => "the layout holds 1 image".to_owned(),
        count => format!("the layout holds {count} images"),
    };
    let message = match asked {
        [] => format!("{holds}, and one at a time is shown"),
        [name, ..] => {
            let name = sanitize_line(name, 200);
            let found = all
                .iter()
                .filter(|one| asked.iter().any(|name| one.is_meant(name)));
            match found.count() {
                0 => format!("{holds}, and none of them is `{name}`"),
                count => format!("{holds}, and {count} of them are `{name}`"),
            }
        }
    };
    let error = Error::refused(message).with_code(ErrorCode::ImageUnusable);
    let error = with_names(error, all).state("nothing was shown");
    let place = shell_word(place);
    let commands = all.iter().take(NAMED).filter_map(|one| {
        let name = shell_word(&own_name(one, all)?);
        Some(format!("`hoist inspect {place} --image-name {name}`"))
    });
    commands.fold(error, Error::hint)
}

/// The name that only this image of a layout has: that of the policy, one of the layout, or its digest.
fn own_name<T>(one: &ImageCandidate<T>, all: &[ImageCandidate<T>]) -> Option<String> {
    let names = one.leg_of.iter().chain(&one.names).cloned();
    let mut names = names.chain(one.digest.as_ref().map(ToString::to_string));
    names.find(|name| all.iter().filter(|other| other.is_meant(name)).count() == 1)
}

/// The images, a cause each.
fn with_names<T>(mut error: Error, all: &[ImageCandidate<T>]) -> Error {
    for candidate in all.iter().take(NAMED) {
        let platform = candidate
            .platform
            .as_ref()
            .map_or(String::new(), |platform| {
                format!(" ({})", platform.in_full())
            });
        let name = match &*candidate.names {
            [] => "without a name".to_owned(),
            names => format!("`{}`", sanitize_line(&names.join("`, `"), 200)),
        };
        error = error.cause(format!("{name}{platform}"));
    }
    match all.len().saturating_sub(NAMED) {
        0 => error,
        more => error.cause(format!("and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(architecture: &str) -> Platform {
        Platform::new("linux", architecture, None)
    }

    fn candidate(name: &str, architecture: &str) -> ImageCandidate<String> {
        ImageCandidate {
            names: vec![name.to_owned()],
            leg_of: Vec::new(),
            digest: Some(Digest::of(format!("{name} {architecture}").as_bytes())),
            platform: Some(platform(architecture)),
            item: format!("{name} {architecture}"),
        }
    }

    fn chosen(all: &[(&str, &str)], names: &[&str], platforms: &[&str]) -> Result<String> {
        let wanted = WantedImage {
            references: names.iter().map(|&name| name.to_owned()).collect(),
            platforms: platforms.iter().map(|p| platform(p)).collect(),
            ..WantedImage::default()
        };
        select(all.iter().map(|(n, a)| candidate(n, a)).collect(), &wanted)
    }

    #[test]
    fn a_choice_needs_a_reason() {
        let two = [("1.2.0", "amd64"), ("docker.io/acme/api:1.3.0", "arm64")];
        let ok = |result: Result<String>| result.expect("one is meant");
        assert_eq!(ok(chosen(&two[..1], &["other"], &[])), "1.2.0 amd64");
        assert_eq!(ok(chosen(&two, &["1.2.0"], &[])), "1.2.0 amd64");
        assert_eq!(
            ok(chosen(&two, &["1.3.0"], &[])),
            "docker.io/acme/api:1.3.0 arm64"
        );
        assert_eq!(
            ok(chosen(&two, &["x"], &["arm64"])),
            "docker.io/acme/api:1.3.0 arm64"
        );
        assert_eq!(ok(chosen(&two, &["x", "1.2.0"], &["arm64"])), "1.2.0 amd64");
    }

    #[test]
    fn a_tag_of_another_repository_is_no_name() {
        let wanted = ["ghcr.io/acme/api:1.3.0", "1.3.0"];
        for (name, is_ours) in [
            ("1.3.0", true),
            ("ghcr.io/acme/api:1.3.0", true),
            ("docker.io/acme/api:1.3.0", true),
            ("docker.io/library/api:1.3.0", true),
            ("localhost/api:1.3.0", true),
            ("acme/api:1.3.0", true),
            ("api:1.3.0", true),
            ("pi:1.3.0", false),
            ("redis:1.3.0", false),
            ("docker.io/other/api:1.3.0", false),
            ("quay.io/acme/api:1.3.0", false),
            ("ghcr.io/acme/api:1.2.0", false),
        ] {
            let two = [(name, "amd64"), ("edge", "amd64")];
            assert_eq!(chosen(&two, &wanted, &[]).is_ok(), is_ours, "{name}");
        }
    }

    #[test]
    fn what_leaves_a_choice_is_refused_with_the_choices() {
        let same = [("latest", "amd64"), ("latest", "amd64")];
        let error = chosen(&same, &["latest"], &["amd64"]).expect_err("both fit");
        assert_eq!(
            error.causes(),
            ["`latest` (linux/amd64)", "`latest` (linux/amd64)"]
        );
        assert!(chosen(&[], &[], &[]).is_err());
        let wanted = WantedImage {
            leg: Some("dist/b".to_owned()),
            ..WantedImage::default()
        };
        for all in [&same[..], &[]] {
            let all = all.iter().map(|(n, a)| candidate(n, a)).collect();
            let error = select(all, &wanted).expect_err("a leg");
            assert!(error.message().contains("the leg `dist/b`"), "{error:?}");
            let told = format!("{error:?}");
            assert!(!told.contains("image.build.layout"), "{told}");
        }
    }

    fn looked_at(name: Option<&str>) -> WantedImage {
        WantedImage {
            looks_at: Some("dist/all of it".to_owned()),
            references: name.map(str::to_owned).into_iter().collect(),
            is_named: name.is_some(),
            ..WantedImage::default()
        }
    }

    #[test]
    fn who_only_looks_is_told_a_command_for_each_image_and_nothing_of_a_release() {
        let all = |count: usize| -> Vec<_> {
            let all = (0..count).map(|number| candidate(&format!("1.{number}"), "amd64"));
            all.collect()
        };
        assert!(select(all(1), &looked_at(None)).is_ok());
        let error = select(all(12), &looked_at(None)).expect_err("there are several");
        let causes = error.causes().join("; ");
        assert!(causes.starts_with("`1.0` (linux/amd64); `1.1`"), "{causes}");
        assert!(causes.ends_with("; and 2 more"), "{causes}");
        assert_eq!(error.state_now(), Some("nothing was shown"));
        assert_eq!(
            error.hints()[1],
            "`hoist inspect 'dist/all of it' --image-name 1.1`"
        );
        assert_eq!(error.hints().len(), 10);
        assert_eq!(
            select(all(12), &looked_at(Some("1.11"))).ok(),
            Some("1.11 amd64".into())
        );
        for count in [1, 12] {
            let error = select(all(count), &looked_at(Some("2.0"))).expect_err("none is named so");
            assert!(
                error.message().ends_with("none of them is `2.0`"),
                "{error}"
            );
        }
    }

    #[test]
    fn each_image_has_a_name_of_its_own() {
        let mut all = vec![candidate("1.0", "amd64"), candidate("1.0", "arm64")];
        all.push(candidate("w-1.0", "amd64"));
        all[2].leg_of = vec!["worker".to_owned()];
        let names: Vec<_> = all.iter().map(|one| own_name(one, &all)).collect();
        let digest = |place: usize| all[place].digest.as_ref().map(ToString::to_string);
        assert_eq!(names, [digest(0), digest(1), Some("worker".to_owned())]);
        for name in names.into_iter().flatten() {
            let all = vec![candidate("1.0", "amd64"), candidate("1.0", "arm64"), {
                let mut worker = candidate("w-1.0", "amd64");
                worker.leg_of = vec!["worker".to_owned()];
                worker
            }];
            assert!(select(all, &looked_at(Some(&name))).is_ok(), "{name}");
        }
        let both = select(all, &looked_at(Some("1.0"))).expect_err("two are named so");
        assert!(both.message().ends_with("2 of them are `1.0`"), "{both}");
    }
}
