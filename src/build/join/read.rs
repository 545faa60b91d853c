//! Finds out what the files are that legs come in, and reads those that need no network.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    build::join::{content::LegContent, expected::Expected, leg::Leg, refusal},
    error::{Error, ErrorCode, Result},
    event::Events,
    io::layout::{Collection, WantedImage},
    oci::{Digest, Image, ImageDocument, ImageName, Index, Manifest, annotation},
    regular_file,
};

/// Longest description of legs that is read, in bytes.
const MAX_DESCRIPTION: u64 = 4 << 20;

/// A file with legs, or a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LegInput {
    /// The place of the file.
    pub(crate) path: PathBuf,
    /// How messages call it.
    pub(crate) name: String,
    /// The image that it was said to be of.
    pub(crate) image: Option<ImageName>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LegKind {
    /// A layout directory or an archive.
    Layout,
    /// Descriptions of content that was staged.
    Staged(Vec<Leg>),
}

/// Tells layouts from descriptions.
///
/// # Errors
/// The file is not there, or is a description that cannot be read.
pub(super) fn kind(input: &LegInput) -> Result<LegKind> {
    let unreadable = |error: &std::io::Error| {
        Error::failed(format!("cannot read the leg `{}`", input.name))
            .with_code(ErrorCode::ImageUnusable)
            .because(error)
            .state("nothing was published")
            .hint(
                "let CI hand the files of the legs on to this job, and name them as they lie there",
            )
    };
    let metadata = fs::metadata(&input.path).map_err(|error| unreadable(&error))?;
    if metadata.is_dir() {
        return Ok(LegKind::Layout);
    }
    let mut text = Vec::new();
    regular_file::open(&input.path)
        .and_then(|file| file.take(64).read_to_end(&mut text))
        .map_err(|error| unreadable(&error))?;
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(first, Some(b'{' | b'[')) {
        return Ok(LegKind::Layout);
    }
    if metadata.len() > MAX_DESCRIPTION {
        let why = format!("it is longer than {MAX_DESCRIPTION} bytes");
        return Err(refusal::not_a_leg(&input.name, &why));
    }
    let text = regular_file::read_text(&input.path).map_err(|error| unreadable(&error))?;
    Leg::parse_all(&text, &input.name).map(LegKind::Staged)
}

/// Whether a leg is an archive.
///
/// # Errors
/// As [`kind`].
pub(crate) fn is_archive(input: &LegInput) -> Result<bool> {
    Ok(input.path.is_file() && kind(input)? == LegKind::Layout)
}

/// Whether what lies there says of itself which images it is of. Of an archive that is known once it was read.
///
/// # Errors
/// As [`kind`].
pub(crate) fn is_described(input: &LegInput) -> Result<bool> {
    if let LegKind::Staged(_) = kind(input)? {
        return Ok(true);
    }
    let index = regular_file::read_text(&input.path.join("index.json")).unwrap_or_default();
    let index: Option<Index> = serde_json::from_str(&index).ok();
    let entries = index.map(|index| index.manifests).unwrap_or_default();
    let mut entries = entries.iter();
    Ok(entries.any(|entry| entry.annotations.contains_key(annotation::LEG)))
}

/// Whether a leg of `input` is one of `image`'s: as the command line says, else as the leg itself does.
///
/// # Errors
/// The leg says that it is of an image that the policy does not have, or of another one than the
/// command line says; nobody says which image it is of, and the policy has several.
fn is_of(
    input: &LegInput,
    claims: Option<&Leg>,
    image: &ImageName,
    all: &[ImageName],
    expected: Option<&Expected>,
) -> Result<bool> {
    let names = || -> Vec<String> { all.iter().map(ToString::to_string).collect() };
    let said = claims.map(|leg| &leg.image);
    if let Some(said) = said.filter(|said| !all.contains(said)) {
        return Err(refusal::strange_image(
            &input.name,
            said,
            &names(),
            expected,
        ));
    }
    match (&input.image, said) {
        (Some(named), Some(said)) if said != named => {
            Err(refusal::other_image(&input.name, said, named, expected))
        }
        (Some(named), _) => Ok(named == image),
        (None, Some(said)) => Ok(said == image),
        (None, None) if all.len() == 1 => Ok(true),
        (None, None) => Err(refusal::unnamed(&input.name, &names())),
    }
}

/// Which of the legs of `input` are `image`'s: as [`is_of`], but where some are of the image that the command line
/// says, those of the policy's other images are passed over.
///
/// # Errors
/// As [`is_of`].
pub(super) fn are_of(
    input: &LegInput,
    legs: &[Option<&Leg>],
    (image, all): (&ImageName, &[ImageName]),
    expected: Option<&Expected>,
) -> Result<Vec<bool>> {
    let is_named = |leg: &Leg| input.image.as_ref() == Some(&leg.image);
    let has_named = legs.iter().flatten().any(|leg| is_named(leg));
    let is_beside = |leg: &Leg| has_named && !is_named(leg) && all.contains(&leg.image);
    let judge = |leg: &Option<&Leg>| match leg {
        Some(leg) if is_beside(leg) => Ok(false),
        leg => is_of(input, *leg, image, all, expected),
    };
    legs.iter().map(judge).collect()
}

/// Takes the legs of `image` that a layout holds.
///
/// # Errors
/// The layout cannot be used, or a leg in it is of no image that is known.
pub(super) fn layout(
    input: &LegInput,
    (image, all): (&ImageName, &[ImageName]),
    expected: Option<&Expected>,
    wanted: &WantedImage,
    collection: &Collection,
    events: &Events,
) -> Result<Vec<LegContent>> {
    let mut contents = Vec::new();
    let taken = collection.take(&input.path, wanted, annotation::LEG, events)?;
    let said = taken.iter().map(|taken| {
        let text = taken.entry.annotations.get(annotation::LEG);
        text.map(|text| Leg::parse(text, &input.name)).transpose()
    });
    let said: Vec<Option<Leg>> = said.collect::<Result<_>>()?;
    let claims: Vec<Option<&Leg>> = said.iter().map(Option::as_ref).collect();
    let are_ours = are_of(input, &claims, (image, all), expected)?;
    for ((taken, claims), is_ours) in taken.into_iter().zip(said).zip(are_ours) {
        if is_ours {
            let listed = taken.entry.annotations;
            contents.push(LegContent {
                listed,
                ..content(&input.name, claims, taken.image, collection)?
            });
        }
    }
    Ok(contents)
}

fn content(
    name: &str,
    claims: Option<Leg>,
    image: Image,
    collection: &Collection,
) -> Result<LegContent> {
    let mut configs = BTreeMap::new();
    for manifest in image.children.iter().chain([&image.manifest]) {
        if let Some(config) = config_of(manifest) {
            let bytes = collection.document(&config);
            let bytes = bytes.map_err(|error| refusal::within(name, error))?;
            configs.insert(config, bytes);
        }
    }
    Ok(LegContent {
        file: name.to_owned(),
        claims,
        listed: BTreeMap::new(),
        of_layout: image.of_layout,
        manifest: image.manifest,
        children: image.children,
        configs,
    })
}

/// The configuration of an image.
pub(crate) fn config_of(manifest: &Manifest) -> Option<Digest> {
    match ImageDocument::parse(manifest).ok()? {
        ImageDocument::Manifest(document) if document.config.media_type.is_image_config() => {
            Some(document.config.digest)
        }
        ImageDocument::Manifest(_) | ImageDocument::Index(_) | ImageDocument::NotAnImage => None,
    }
}

/// Paths that lead to one place are one input.
pub(super) fn each_once(inputs: &[LegInput]) -> Vec<LegInput> {
    let real = |input: &LegInput| fs::canonicalize(&input.path).unwrap_or(input.path.clone());
    let mut known: Vec<(PathBuf, Option<ImageName>)> = Vec::new();
    let mut kept = Vec::new();
    for input in inputs {
        let place = (real(input), input.image.clone());
        if !known.contains(&place) {
            known.push(place);
            kept.push(input.clone());
        }
    }
    kept
}

/// Whether the directory that `path` lies in is a layout, so that a pattern has reached into it.
pub(super) fn is_inside_layout(path: &Path) -> bool {
    path.parent()
        .is_some_and(|parent| parent.join("oci-layout").is_file())
}
