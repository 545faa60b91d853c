//! Collects everything that the top document needs, and verifies each piece.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    blobs::same_size,
    document::{check_type, parse, parse_index, parse_manifest},
    error::{UNUSABLE, broken, read_error},
    parallel::for_each,
    source::Source,
    unpack::unpack,
};
use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Descriptor, Digest, Hasher, Image, ImageConfig, Index, Manifest, Platform},
    text::sanitize_line,
};

/// How deep indexes may be nested; builders nest one, at most two.
const MAX_DEPTH: usize = 4;
const MAX_MANIFESTS: usize = 1_000;

/// A whole image, and what it runs on.
pub(super) struct CollectedImage {
    pub(super) image: Image,
    pub(super) platforms: Vec<Platform>,
}

#[derive(Default)]
struct Parts {
    /// Children before the index that names them; the top document is the last one.
    manifests: Vec<Manifest>,
    blobs: Vec<Descriptor>,
    /// The layers, each with the digest that it must have when it is unpacked.
    layers: Vec<(Descriptor, Digest)>,
    platforms: Vec<Platform>,
    /// Which platform's image a blob belongs to, where it is known.
    owners: HashMap<Digest, Platform>,
}

/// Copies everything below `top` to the source's blobs and verifies it.
pub(super) fn gather(source: &Source, top: Descriptor) -> Result<CollectedImage> {
    let mut parts = Parts::below(source, &top)?;
    for_each(&parts.blobs, |blob| {
        let stored = source.find_blob(&blob.digest)?;
        let platform = parts.owners.get(&blob.digest);
        let stored = stored.ok_or_else(|| missing(blob, platform, parts.manifests.len() > 1))?;
        same_size(&stored, blob)
    })?;
    for_each(&parts.layers, |(layer, diff_id)| {
        check_diff_id(source, layer, diff_id)
    })?;
    let manifest = parts
        .manifests
        .pop()
        .expect("the walk ends with the top document");
    Ok(CollectedImage {
        image: Image {
            dir: source.blobs().root().to_owned(),
            manifest,
            children: parts.manifests,
            blobs: parts.blobs,
            listed: top.annotations,
            of_layout: of_layout(source)?,
        },
        platforms: parts.platforms,
    })
}

/// The documents below `top`. Layers are neither looked for nor read.
pub(super) fn documents(source: &Source, top: &Descriptor) -> Result<Image> {
    let mut parts = Parts::below(source, top)?;
    let manifest = parts
        .manifests
        .pop()
        .expect("the walk ends with the top document");
    Ok(Image {
        dir: source.blobs().root().to_owned(),
        manifest,
        children: parts.manifests,
        blobs: parts.blobs,
        listed: top.annotations.clone(),
        of_layout: of_layout(source)?,
    })
}

/// The annotations of `index.json` itself.
fn of_layout(source: &Source) -> Result<BTreeMap<String, String>> {
    let index = source.document("index.json")?;
    let index: Option<Index> = index
        .map(|bytes| parse(&bytes, "`index.json`"))
        .transpose()?;
    Ok(index.map(|index| index.annotations).unwrap_or_default())
}

/// Makes sure that the copy of the content which a descriptor may hold is the content: some clients read it instead.
fn same_data(of: &Descriptor, content: &[u8], what: &str) -> Result<()> {
    let Some(copy) = of.other.get("data").filter(|copy| !copy.is_null()) else {
        return Ok(());
    };
    let copy = copy.as_str().and_then(|text| BASE64.decode(text).ok());
    match copy.as_deref() == Some(content) {
        true => Ok(()),
        false => Err(broken(format!(
            "the field `data` of the descriptor of {what} is not its content"
        ))),
    }
}

/// Makes sure that an image is for the platform for which `index.json` lists it, or one of its images is.
fn listed_rightly(top: &Descriptor, platforms: &[Platform]) -> Result<()> {
    let listed = top.platform.as_ref();
    let Some(listed) = listed.filter(|listed| !listed.is_unknown()) else {
        return Ok(());
    };
    if platforms.is_empty() || platforms.iter().any(|one| listed.lists(one)) {
        return Ok(());
    }
    let is: Vec<String> = platforms.iter().map(Platform::in_full).collect();
    Err(Error::refused(UNUSABLE)
        .with_code(ErrorCode::ImageUnusable)
        .cause(format!(
            "`index.json` says {}, and the configuration of that image {}",
            listed.in_full(),
            is.join(", ")
        ))
        .hint("let its builder make the image for the platform that it names; an entry of `index.json` may also leave `platform` out"))
}

impl Parts {
    /// The documents and blobs below `top`, which `index.json` lists.
    fn below(source: &Source, top: &Descriptor) -> Result<Self> {
        let mut parts = Self::default();
        parts.walk(source, top, 0)?;
        listed_rightly(top, &parts.platforms)?;
        Ok(parts)
    }

    fn walk(&mut self, source: &Source, at: &Descriptor, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH || self.manifests.len() >= MAX_MANIFESTS {
            return Err(broken(
                "its indexes are nested too deeply, or there are too many manifests",
            ));
        }
        let stored = source.find_blob(&at.digest)?;
        let stored = stored.ok_or_else(|| missing(at, at.platform.as_ref(), depth > 0))?;
        same_size(&stored, at)?;
        let bytes = source.blobs().document(&stored)?;
        let what = format!("the manifest {}", at.digest);
        same_data(at, &bytes, &what)?;
        if at.media_type.is_index() {
            check_type(&bytes, &at.media_type, &what)?;
            let index = parse_index(&bytes, &what)?;
            if depth == 0 && index.manifests.is_empty() {
                return Err(broken("its index is empty: there is no image in it"));
            }
            for child in &index.manifests {
                if self
                    .manifests
                    .iter()
                    .any(|known| *known.digest() == child.digest)
                {
                    continue;
                }
                self.walk(source, child, depth + 1)?;
            }
        } else if at.media_type.is_image_manifest() {
            check_type(&bytes, &at.media_type, &what)?;
            self.manifest(source, at, &bytes, depth > 0)?;
        } else if depth == 0 {
            return Err(broken(format!(
                "its type is `{}`, which is not the type of an image or an index",
                sanitize_line(at.media_type.as_str(), 200)
            )));
        } else {
            self.unknown(&bytes);
        }
        self.manifests
            .push(Manifest::new(at.media_type.clone(), bytes));
        Ok(())
    }

    fn manifest(
        &mut self,
        source: &Source,
        at: &Descriptor,
        bytes: &[u8],
        below_index: bool,
    ) -> Result<()> {
        let document = parse_manifest(bytes, &format!("the manifest {}", at.digest))?;
        let mut platform = at.platform.clone();
        if document.config.media_type.is_image_config() {
            let stored = source.find_blob(&document.config.digest)?;
            let stored =
                stored.ok_or_else(|| missing(&document.config, platform.as_ref(), below_index))?;
            let config = source.blobs().document(&stored)?;
            let what = format!("the configuration {}", document.config.digest);
            same_data(&document.config, &config, &what)?;
            let config: ImageConfig = parse(&config, &what)?;
            self.check_layers(&document.layers, config.diff_ids(), what.as_str())?;
            // What the entry in an index says is compared with the configuration elsewhere.
            platform = match below_index {
                true => platform.or_else(|| config.platform()),
                false => config.platform().or(platform),
            };
            self.platforms.extend(platform.clone());
        }
        for blob in std::iter::once(document.config).chain(document.layers) {
            self.blob(blob, platform.as_ref());
        }
        Ok(())
    }

    /// A manifest of a type that hoist does not know is carried as it is, with the blobs that it
    /// names where manifests name them. Whether it is taken is for the registry to say.
    fn unknown(&mut self, bytes: &[u8]) {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let config = document.get("config").into_iter();
        let lists = ["layers", "blobs"].iter();
        let lists = lists.filter_map(|field| document.get(*field)?.as_array());
        for value in config.chain(lists.flatten()) {
            if let Ok(blob) = Descriptor::deserialize(value) {
                self.blob(blob, None);
            }
        }
    }

    fn blob(&mut self, blob: Descriptor, platform: Option<&Platform>) {
        if !self.blobs.iter().any(|known| known.digest == blob.digest) {
            if let Some(platform) = platform {
                self.owners.insert(blob.digest.clone(), platform.clone());
            }
            self.blobs.push(blob);
        }
    }

    /// Pairs the layers that can be unpacked with their diff ids.
    fn check_layers(
        &mut self,
        layers: &[Descriptor],
        diff_ids: &[Digest],
        config: &str,
    ) -> Result<()> {
        if layers.len() == diff_ids.len() {
            let pairs = layers.iter().cloned().zip(diff_ids.iter().cloned());
            self.layers
                .extend(pairs.filter(|(layer, _)| layer.media_type.is_unpackable()));
            return Ok(());
        }
        // Content that is not a file system, such as an attestation, need not have diff ids.
        if layers.iter().any(|layer| !layer.media_type.is_tar()) {
            return Ok(());
        }
        Err(broken(format!(
            "the count of layers differs: a manifest names {}, and {config} names {}",
            layers.len(),
            diff_ids.len()
        )))
    }
}

/// Unpacks a layer and compares its digest with the configuration.
fn check_diff_id(source: &Source, layer: &Descriptor, diff_id: &Digest) -> Result<()> {
    if source.was_packed_from(&layer.digest, diff_id) {
        return Ok(());
    }
    let mut reader = unpack(source.blobs().open(&layer.digest)?)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 128 << 10];
    loop {
        source.blobs().check_cancelled()?;
        let n = reader.read(&mut buffer).map_err(|e| {
            let error = read_error(&e);
            error.cause(format!("layer {} is damaged", layer.digest))
        })?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    let found = hasher.finish();
    if found == *diff_id {
        return Ok(());
    }
    Err(broken(format!(
        "layer {} unpacks to {found}, and the configuration says {diff_id}",
        layer.digest
    )))
}

/// The refusal of an image that lacks this blob or manifest. A layout can hold an index and only
/// some of its images, which tools call sparse: `platform` says whose blob it is.
fn missing(blob: &Descriptor, platform: Option<&Platform>, below_index: bool) -> Error {
    let mut error = broken(format!("blob {} is missing", blob.digest));
    if let Some(platform) = platform {
        error = error.cause(format!(
            "it belongs to the image for {}",
            platform.in_full()
        ));
    }
    if blob.media_type.is_foreign() {
        return error.hint("only the vendor distributes this layer (as with Windows base images); let the builder put it into the layout");
    }
    if below_index {
        return error.hint("a release needs everything that its index lists: copy all platforms (`skopeo copy --all`), or let the builder make an index of those that are there");
    }
    error
}
