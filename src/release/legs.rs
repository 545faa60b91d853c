//! Legs that other machines made, as a release is given them: paths to inputs, and the image source that
//! joins them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{
    build::{self, BuildRequest, ImageSource, LegInput, LegPolicy, LegsSource},
    error::{Error, ErrorCode, Result},
    io::layout::{self, WantedImage},
    oci::{Digest, Image, ImageName, annotation},
    plan::{Plan, release::preconditions::PolicyChange},
    release::{
        build::to_build,
        facade::Release,
        request::{ImageOptions, LegPath},
    },
    text::sanitize_line,
};

impl Release {
    /// The files that `from` names.
    ///
    /// # Errors
    /// Usage (exit 2) for a pattern that is not valid or an image that the policy does not have; failed
    /// (exit 6) where a pattern matches nothing.
    pub(super) fn leg_inputs(&self, from: &[LegPath]) -> Result<Vec<LegInput>> {
        let all: Vec<ImageName> = self.policy().all_images().collect();
        let mut inputs = Vec::new();
        for leg in from {
            let (image, path) = named(leg, &all)?;
            let found = build::expand(path, &leg.directory)?;
            if found.is_empty() {
                return Err(no_match(&leg.text));
            }
            inputs.extend(found.into_iter().map(|name| LegInput {
                path: leg.directory.join(&name),
                name,
                image: image.clone(),
            }));
        }
        Ok(inputs)
    }

    /// Refuses a layout that two images of `plan` are given, by `--from` or by the patterns of the policy: it would
    /// become a part of both.
    pub(super) fn refuse_shared_layouts(&self, plan: &Plan, options: &ImageOptions) -> Result<()> {
        if !options.legs.is_empty() {
            return self.refuse_shared_legs(plan, &options.legs);
        }
        let mut seen: BTreeMap<PathBuf, (ImageName, bool)> = BTreeMap::new();
        for (_, planned) in to_build(plan) {
            let source = self.build_policy(&planned.name).image_source;
            let layout = source.layout().filter(|_| source.command().is_none());
            let Some(layout) = layout else { continue };
            for place in build::expand(layout, self.top())? {
                let is_matched = place != layout;
                let name = planned.name.clone();
                match seen.insert(real(&self.top().join(&place)), (name, is_matched)) {
                    Some((other, was_matched)) if is_matched || was_matched => {
                        return Err(shared(&place, &other, &planned.name));
                    }
                    Some(_) | None => {}
                }
            }
        }
        Ok(())
    }

    /// Refuses a file that `--from` gives to two images, by whatever paths that lead there, unless each of them is
    /// another image of the layout there, by its name. Of an archive that is known once its images were read:
    /// see [`Release::refuse_same_pick`].
    fn refuse_shared_legs(&self, plan: &Plan, legs: &[LegInput]) -> Result<()> {
        let has_several = self.policy().all_images().nth(1).is_some();
        if let Some((leg, images)) = half_named(legs).filter(|_| has_several) {
            return Err(given_with_and_without(
                leg,
                &images,
                self.policy().all_images(),
            ));
        }
        for (leg, image, other) in shared_legs(legs) {
            let is_alone = |image: &ImageName| {
                let own = legs.iter().filter(|leg| leg.image.as_ref() == Some(image));
                own.count() == 1
            };
            let has_own = match (self.pick(plan, leg, image)?, self.pick(plan, leg, other)?) {
                (Pick::Image(one), Pick::Image(two)) => one != two,
                (Pick::Described, Pick::Described) => true,
                (Pick::OfArchive, Pick::OfArchive) => is_alone(image) && is_alone(other),
                _ => false,
            };
            if !has_own {
                return Err(given_twice(&leg.name, other, image));
            }
        }
        Ok(())
    }

    /// Refuses a file that `--from` gives to two images which came out as the same one.
    pub(super) fn refuse_same_pick(plan: &Plan, legs: &[LegInput], images: &[Image]) -> Result<()> {
        let digest = |name: &ImageName| {
            let mut all = plan.images.iter().zip(images);
            let found = all.find(|(planned, _)| planned.name == *name);
            found.map(|(_, image)| image.manifest.digest())
        };
        let mut shared = shared_legs(legs).into_iter();
        let same = shared.find(|(leg, image, other)| {
            let is_described = build::is_described(leg).unwrap_or_default();
            !is_described && digest(image).is_some_and(|digest_of| digest(other) == Some(digest_of))
        });
        match same {
            Some((leg, image, other)) => Err(given_twice(&leg.name, other, image)),
            None => Ok(()),
        }
    }

    /// Which image of a layout is taken for `image`.
    fn pick(&self, plan: &Plan, leg: &LegInput, image: &ImageName) -> Result<Pick> {
        let mut planned = to_build(plan).map(|(_, planned)| planned);
        let Some(planned) = planned.find(|planned| planned.name == *image) else {
            return Ok(Pick::Unknown);
        };
        if build::is_described(leg)? {
            return Ok(Pick::Described);
        }
        if build::is_archive(leg)? {
            return Ok(Pick::OfArchive);
        }
        let wanted = WantedImage {
            references: self.build_request(plan, planned, false).references,
            ..WantedImage::default()
        };
        Ok(match layout::glance(&leg.path, &wanted) {
            Ok(Some(found)) => Pick::Image(found.digest),
            Ok(None) | Err(_) => Pick::Unknown,
        })
    }

    /// The policy file, for those who make a leg again.
    pub(super) fn policy_of_legs(&self) -> Option<LegPolicy> {
        let path = self.project().policy_path()?;
        let uncommitted = self.project().uncommitted_policy();
        Some(match uncommitted {
            None => LegPolicy::Committed {
                file: self.project().pathspec(path),
            },
            Some(uncommitted) => LegPolicy::Uncommitted {
                file: uncommitted.pathspec,
                in_head: uncommitted.change != PolicyChange::Untracked,
            },
        })
    }

    /// What joins the legs of the image that `request` is for.
    pub(super) fn legs_source<'a>(
        &'a self,
        request: &BuildRequest,
        options: &ImageOptions,
    ) -> Result<Box<dyn ImageSource + 'a>> {
        let expected = request.expected.as_ref();
        let image = expected.map(|expected| expected.image.clone());
        let image = image.unwrap_or_default();
        Ok(Box::new(LegsSource {
            inputs: options.legs.clone(),
            repositories: self.apis(&self.policy().repositories_of(&image.plain()))?,
            image,
            all: self.policy().all_images().collect(),
            expected: request.expected.clone(),
            references: request.references.clone(),
            uncommitted: Mutex::default(),
        }))
    }
}

/// Each file that `--from` names for two images, and both of them, the one that was named first behind the other.
fn shared_legs(legs: &[LegInput]) -> Vec<(&LegInput, &ImageName, &ImageName)> {
    let mut seen: BTreeMap<PathBuf, Vec<&ImageName>> = BTreeMap::new();
    let mut shared = Vec::new();
    for leg in legs {
        let Some(image) = &leg.image else { continue };
        let known = seen.entry(real(&leg.path)).or_default();
        let others = known.iter().filter(|other| **other != image);
        shared.extend(others.map(|other| (leg, image, *other)));
        if !known.contains(&image) {
            known.push(image);
        }
    }
    shared
}

/// A file that `--from` names without an image, and for these images as well, though it does not say itself which
/// image it is of.
fn half_named(legs: &[LegInput]) -> Option<(&LegInput, Vec<&ImageName>)> {
    let without = legs.iter().filter(|leg| leg.image.is_none());
    let with_images = without.map(|leg| {
        let same = legs
            .iter()
            .filter(|other| real(&other.path) == real(&leg.path));
        (leg, same.filter_map(|other| other.image.as_ref()).collect())
    });
    let says_itself = |leg: &LegInput| {
        let is_layout = leg.path.is_dir() || leg.path.extension().is_some_and(|end| end == "tar");
        !is_layout || layout::is_marked(&leg.path, annotation::LEG)
    };
    let mut found = with_images
        .filter(|(leg, images): &(_, Vec<&ImageName>)| !images.is_empty() && !says_itself(leg));
    found.next()
}

/// Which image of a layout is meant.
enum Pick {
    Image(Digest),
    /// The legs there say it themselves, and one that is of another image is refused when it is read.
    Described,
    /// It is known once the archive was read.
    OfArchive,
    Unknown,
}

/// The place that a path leads to.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The image that a leg is said to be of, and the path.
fn named<'a>(leg: &'a LegPath, all: &[ImageName]) -> Result<(Option<ImageName>, &'a str)> {
    let Some((name, path)) = leg.text.split_once('=') else {
        return Ok((None, &leg.text));
    };
    if let Some(image) = all.iter().find(|image| image.to_string() == name) {
        return Ok((Some(image.clone()), path));
    }
    let is_path = leg.directory.join(&leg.text).exists() || name.starts_with(['.', '/', '*']);
    if is_path || !leg.directory.join(path).exists() && Path::new(name).components().count() > 2 {
        return Ok((None, &leg.text));
    }
    Err(unknown_image(name, all)
        .state("nothing was built or moved")
        .hint("`--from IMAGE=PATH` or `--from IMAGE/VARIANT=PATH`; a path with `=` in it begins with `./`"))
}

/// The policy has no image of that name.
pub(super) fn unknown_image(name: &str, all: &[ImageName]) -> Error {
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    Error::usage(format!(
        "the policy has no image `{}`",
        sanitize_line(name, 100)
    ))
    .cause(format!("it has `{}`", names.join("`, `")))
}

fn shared(place: &str, one: &ImageName, other: &ImageName) -> Error {
    if one == other {
        return Error::refused(format!(
            "`{}` is matched twice: the pattern of `layout` matches a link to it as well",
            sanitize_line(place, 200)
        ))
        .with_code(ErrorCode::ImageUnusable)
        .state("nothing was published")
        .hint("remove the link, or let the pattern match only one of the two");
    }
    Error::refused(format!(
        "`{}` belongs to two images: the layouts of `{one}` and of `{other}` name it",
        sanitize_line(place, 200)
    ))
    .with_code(ErrorCode::ImageUnusable)
    .state("nothing was published")
    .hint(
        "let the patterns of `layout` name no file of another image, such as by a folder for each",
    )
}

fn given_twice(place: &str, one: &ImageName, other: &ImageName) -> Error {
    Error::refused(format!(
        "the leg `{}` is given to two images: `--from` names it for `{one}` and for `{other}`",
        sanitize_line(place, 200)
    ))
    .with_code(ErrorCode::LegUnfit)
    .state("nothing was published")
    .hint("give each leg to one image, such as by a folder for each: `--from IMAGE=PATH`")
}

fn given_with_and_without(
    leg: &LegInput,
    images: &[&ImageName],
    mut all: impl Iterator<Item = ImageName>,
) -> Error {
    let place = sanitize_line(&leg.name, 200);
    let named: Vec<String> = images.iter().map(|of| format!("`{of}={place}`")).collect();
    let error = Error::usage(format!(
        "`--from` names the leg `{place}` with an image and without: {} and `{place}`",
        named.join(", ")
    ))
    .cause("the file does not say itself which image it is of")
    .state("nothing was built or moved")
    .hint(format!("leave out the argument `{place}`"));
    match all.find(|image| !images.contains(&image)) {
        Some(other) => error.hint(format!(
            "where it holds the image `{other}` as well, give it for that one, too: `--from {}={place} {other}={place}`",
            images[0]
        )),
        None => error,
    }
}

fn no_match(text: &str) -> Error {
    Error::failed(format!("there is no leg at `{}`", sanitize_line(text, 200)))
        .with_code(ErrorCode::ImageUnusable)
        .cause("the pattern matches nothing")
        .state("nothing was published")
        .hint("`hoist build --output DIR` makes a leg; let CI hand its files on to this job")
}
