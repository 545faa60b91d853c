//! Files of the project that are about an image: `[[attach]]`.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use serde_json::json;

use crate::{
    error::{Error, ErrorCode, Result},
    io::layout,
    oci::{
        Descriptor, Digest, Hasher, Image, Index, Manifest, ManifestDocument, Platform, annotation,
        referrer,
    },
    plan::{Plan, PlannedSource},
    policy::AttachPolicy,
    publish::Referrer,
    regular_file,
    release::facade::Release,
};

/// How much of a file is read at once, in bytes.
const PIECE: usize = 256 * 1024;

impl Release {
    /// What the policy attaches to the images that this release has made, complete on disk. An image that
    /// was published already has what was attached to it then.
    pub(super) fn attachments(&self, plan: &Plan, images: &[Image]) -> Result<Vec<Referrer>> {
        let mut all = Vec::new();
        for attach in &self.policy().attach {
            let mut made = plan.images.iter().zip(images).enumerate();
            let found = made.find(|(_, (planned, _))| {
                planned.source == PlannedSource::Build && planned.name == attach.image_name()
            });
            if let Some((index, (_, image))) = found {
                let content = self.attachment(attach, image)?;
                all.extend(Referrer::new(index, content, None));
            }
        }
        Ok(all)
    }

    /// Looks at the files that are to be attached, before anything is built. What is not there may be made
    /// yet; what is no file, or lies elsewhere, would be refused after the build.
    pub(super) fn check_attachments(&self) -> Result<String> {
        let attach = &self.policy().attach;
        let mut missing = 0;
        for attach in attach {
            match regular_file::inside(self.top(), attach.file.as_str()) {
                Ok(_) => {}
                Err(error) if regular_file::is_refusal(&error) => {
                    return Err(unusable(attach).because(&error));
                }
                Err(_) => missing += 1,
            }
        }
        let count = match attach.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        Ok(match missing {
            0 => count,
            missing => format!("{count}; {missing} not made yet"),
        })
    }

    fn attachment(&self, attach: &AttachPolicy, image: &Image) -> Result<Image> {
        let subject = subject(attach, image)?;
        let unusable = |error: &std::io::Error| unusable(attach).because(error);
        let path = regular_file::inside(self.top(), attach.file.as_str());
        let path = path.map_err(|error| unusable(&error))?;
        let file = described(attach, &path).map_err(|error| unusable(&error))?;
        let manifest = artifact(attach, subject, file.clone());
        self.store().hold(manifest.digest())?;
        let content = Image {
            dir: self.store().image_dir(manifest.digest()),
            blobs: vec![empty(), file.clone()],
            manifest,
            children: Vec::new(),
            listed: std::collections::BTreeMap::new(),
            of_layout: std::collections::BTreeMap::new(),
        };
        keep(&content, &path, &file).map_err(|error| unusable(&error))?;
        Ok(content)
    }
}

/// The manifest that the file is about.
fn subject(attach: &AttachPolicy, image: &Image) -> Result<Descriptor> {
    let whole = image.manifest.descriptor();
    let Some(platform) = &attach.platform else {
        return Ok(whole);
    };
    if !whole.media_type.is_index() {
        return match only_platform(image)? {
            Some(only) if only.satisfies(platform) => Ok(whole),
            only => {
                let only =
                    only.map_or_else(|| "none".to_owned(), |only| format!("`{}`", only.in_full()));
                Err(unusable(attach).cause(format!(
                    "the image has no platform `{platform}`: its only one is {only}"
                )))
            }
        };
    }
    let index: Index = serde_json::from_slice(&image.manifest.bytes)
        .map_err(|error| Error::bug("the image's index cannot be read").because(&error))?;
    let is_wanted = |entry: &&Descriptor| {
        !entry.is_attestation()
            && entry
                .platform
                .as_ref()
                .is_some_and(|one| one.satisfies(platform))
    };
    let Some(found) = index.manifests.iter().find(is_wanted) else {
        return Err(unusable(attach).cause(format!("the image has no platform `{platform}`")));
    };
    Ok(Descriptor::new(
        found.media_type.clone(),
        found.digest.clone(),
        found.size,
    ))
}

/// The platform of an image that is no index, by its configuration.
fn only_platform(image: &Image) -> Result<Option<Platform>> {
    let outlines = layout::outlines(image)?;
    Ok(outlines.into_iter().find_map(|one| one.platform))
}

/// The same manifest for the same file and image, whoever makes it and when.
fn artifact(attach: &AttachPolicy, subject: Descriptor, mut file: Descriptor) -> Manifest {
    let name = attach.file.file_name().to_owned();
    file.annotations.insert(annotation::TITLE.to_owned(), name);
    let mut config = empty();
    config.other.insert("data".to_owned(), json!("e30="));
    let mut document = ManifestDocument::new(config, vec![file], attach.annotations.clone());
    document.artifact_type = Some(attach.artifact_type.to_string());
    document.subject = Some(subject);
    document.to_manifest()
}

fn empty() -> Descriptor {
    let bytes = referrer::EMPTY;
    Descriptor::new(referrer::EMPTY_TYPE, Digest::of(bytes), bytes.len() as u64)
}

fn described(attach: &AttachPolicy, path: &Path) -> std::io::Result<Descriptor> {
    let (digest, size) = copy(path, &mut std::io::sink())?;
    Ok(Descriptor::new(attach.artifact_type.as_str(), digest, size))
}

/// Copies the file to where it is sent from, so that nobody changes it on the way.
fn keep(content: &Image, path: &Path, file: &Descriptor) -> std::io::Result<()> {
    let blobs = content.dir.join("blobs").join("sha256");
    fs::create_dir_all(&blobs)?;
    fs::write(content.blob_path(&empty().digest), referrer::EMPTY)?;
    let part = blobs.join("part");
    let (digest, _) = copy(path, &mut File::create(&part)?)?;
    if digest != file.digest {
        return Err(std::io::Error::other("it was changed while it was read"));
    }
    fs::rename(part, content.blob_path(&file.digest))
}

fn copy(path: &Path, to: &mut dyn std::io::Write) -> std::io::Result<(Digest, u64)> {
    let mut from = regular_file::open(path)?;
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        size += read as u64;
    }
}

fn unusable(attach: &AttachPolicy) -> Error {
    Error::failed(format!("cannot attach `{}` to the image", attach.file))
        .with_code(ErrorCode::AttachmentUnusable)
        .state("no tag has moved")
        .hint("`attach.file` is seen from the top of the repository; a `before-build` hook or the build can make it")
}
