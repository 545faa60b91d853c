//! From legs to one image.

use std::collections::HashSet;

use crate::{
    build::join::{
        annotations, belongs,
        content::LegContent,
        expected::Expected,
        part::{AttachedPart, ImagePart},
        parts::parts,
        platform_refusal,
        platforms::{clash, is_for, versions_clash},
        refusal,
    },
    error::Result,
    oci::{Descriptor, Digest, Index, Manifest, MediaType, Platform, Statement},
};

/// The documents of one image, and the blobs that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    /// The manifest or index that tags will point at.
    pub(crate) manifest: Manifest,
    /// What an index names, a child before the index that names it.
    pub(crate) children: Vec<Manifest>,
    /// Configurations and layers, each once.
    pub(crate) blobs: Vec<Descriptor>,
    /// What the legs say and the image does not, a sentence for each leg.
    pub(crate) left_out: Vec<String>,
}

/// Joins `legs`. A single leg stays as it is, byte for byte; several become one index, sorted by
/// platform, with attestations behind the images. Without `expected` nothing is compared with a
/// release.
///
/// # Errors
/// Refused (exit 4): a leg does not belong to the release, the legs do not fit together, or one of
/// them is not whole.
pub(crate) fn join(legs: &[LegContent], expected: Option<&Expected>) -> Result<Joined> {
    let (mut images, mut attached) = (Vec::new(), Vec::new());
    let (mut indexes, mut fields) = (Vec::new(), Vec::new());
    for leg in legs {
        if let Some(expected) = expected {
            belongs::check_claims(leg, expected)?;
        }
        let found = parts(leg)?;
        belongs::check_content(leg, &found.images)?;
        if let Some(expected) = expected {
            belongs::check_labels(&found.images, expected)?;
        }
        images.extend(found.images);
        attached.extend(found.attached);
        indexes.push((leg, found.indexes));
        fields.push((leg, found.fields));
    }
    images.sort_by(|a, b| {
        let by_platform = a.platform.cmp(&b.platform);
        by_platform.then_with(|| a.manifest.digest().cmp(b.manifest.digest()))
    });
    each_platform_once(&images)?;
    if let Some(expected) = expected {
        belongs::check_together(&images, expected)?;
        wanted_platforms(&images, legs, expected)?;
    }
    let attached = sorted(attached, &images)?;
    match legs {
        [leg] => Ok(alone(leg, &images, &attached.kept)),
        _ => {
            let mut joined = index(&images, &attached.kept, &indexes);
            let replaced = annotations::of_replaced(&attached.replaced);
            joined.left_out.extend(replaced);
            joined.left_out.extend(annotations::of_fields(&fields));
            Ok(joined)
        }
    }
}

fn each_platform_once(images: &[ImagePart<'_>]) -> Result<()> {
    for (place, image) in images.iter().enumerate() {
        let mut before = images[..place].iter();
        if let Some(known) = before.find(|known| clash(&known.platform, &image.platform)) {
            return Err(platform_refusal::twice(known, image));
        }
    }
    Ok(())
}

/// Every platform of the policy is there, and once.
fn wanted_platforms(
    images: &[ImagePart<'_>],
    legs: &[LegContent],
    expected: &Expected,
) -> Result<()> {
    let wanted = &expected.platforms;
    let is_of = |image: &&ImagePart<'_>, one: &Platform| is_for(&image.platform, one, wanted);
    let of = |one| images.iter().filter(move |image| is_of(image, one));
    if let Some(lacks) = wanted.iter().find(|one| of(one).next().is_none()) {
        return Err(platform_refusal::missing_platform(
            lacks, expected, images, legs,
        ));
    }
    // A single layout may hold more than the policy asks for: it is published as it is.
    let is_judged = |image: &&ImagePart<'_>| legs.len() > 1 || image.leg.claims.is_some();
    for one in wanted {
        let all: Vec<_> = of(one).filter(is_judged).collect();
        for (place, image) in all.iter().enumerate() {
            let mut before = all[..place].iter();
            if let Some(known) = before.find(|it| versions_clash(&it.platform, &image.platform)) {
                return Err(platform_refusal::twice_wanted(one, known, image));
            }
        }
    }
    let is_strange = |image: &&ImagePart<'_>| !wanted.iter().any(|one| is_of(image, one));
    let mut judged = images.iter().filter(is_judged);
    match judged.find(is_strange).filter(|_| !wanted.is_empty()) {
        Some(image) => Err(platform_refusal::strange_platform(image, wanted)),
        None => Ok(()),
    }
}

/// In the order of their subjects, then by digest, each once for a subject. Of entries that differ the first one in
/// the order of their JSON is kept; the others come with the one that is kept in their place.
fn sorted<'a>(
    attached: Vec<AttachedPart<'a>>,
    images: &[ImagePart<'_>],
) -> Result<SortedParts<'a>> {
    let mut placed = Vec::new();
    for part in attached {
        let subject = images
            .iter()
            .position(|image| *image.manifest.digest() == part.subject);
        match subject {
            Some(place) => placed.push((place, part)),
            None => return Err(refusal::lost_subject(&part)),
        }
    }
    placed.sort_by_cached_key(|(place, part)| {
        let entry = serde_json::to_string(&part.entry).unwrap_or_default();
        (*place, part.manifest.digest().clone(), entry)
    });
    let mut sorted = SortedParts::default();
    for (_, part) in placed {
        match sorted.kept.last() {
            Some(kept) if kept.is_same(&part) => sorted.replaced.push((part, kept.clone())),
            _ => sorted.kept.push(part),
        }
    }
    Ok(sorted)
}

/// What is about the images.
#[derive(Default)]
struct SortedParts<'a> {
    kept: Vec<AttachedPart<'a>>,
    /// What has come again, each with what is kept for it.
    replaced: Vec<(AttachedPart<'a>, AttachedPart<'a>)>,
}

fn alone(leg: &LegContent, images: &[ImagePart<'_>], attached: &[AttachedPart<'_>]) -> Joined {
    Joined {
        manifest: leg.manifest.clone(),
        children: leg.children.clone(),
        blobs: blobs(images, attached),
        left_out: Vec::new(),
    }
}

/// `indexes`: what the indexes of each leg say.
fn index(
    images: &[ImagePart<'_>],
    attached: &[AttachedPart<'_>],
    indexes: &[(&LegContent, Vec<Statement>)],
) -> Joined {
    let of_docker = images
        .iter()
        .all(|image| image.manifest.media_type.as_str() == MediaType::DOCKER_MANIFEST)
        && attached.is_empty();
    let entries = images.iter().map(|image| &image.entry);
    let entries = entries.chain(attached.iter().map(|part| &part.entry));
    let mut index = Index::new(entries.cloned().collect());
    index.media_type = Some(match of_docker {
        true => MediaType::DOCKER_INDEX.into(),
        false => MediaType::OCI_INDEX.into(),
    });
    if !of_docker {
        index.annotations = annotations::shared(images);
    }
    let left_out = annotations::left_out(indexes, images, &index.annotations, of_docker);
    let mut children: Vec<Manifest> = Vec::new();
    let manifests = images.iter().map(|image| image.manifest);
    for manifest in manifests.chain(attached.iter().map(|part| part.manifest)) {
        if !children
            .iter()
            .any(|known| known.digest() == manifest.digest())
        {
            children.push(manifest.clone());
        }
    }
    Joined {
        manifest: index.to_manifest(),
        children,
        blobs: blobs(images, attached),
        left_out,
    }
}

fn blobs(images: &[ImagePart<'_>], attached: &[AttachedPart<'_>]) -> Vec<Descriptor> {
    let mut known: HashSet<Digest> = HashSet::new();
    let of_images = images.iter().flat_map(|image| image.document.blobs());
    let all = of_images.chain(attached.iter().flat_map(|part| &part.blobs));
    all.filter(|blob| known.insert(blob.digest.clone()))
        .cloned()
        .collect()
}
