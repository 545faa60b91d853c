//! Puts an image into the engine, to be tried there.

use std::{collections::HashSet, fs::File, io};

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::StreamExt as _;
use tokio_util::io::ReaderStream;

use crate::{
    build::{
        docker::client::Engine,
        engine::error::failed,
        errors::{interrupted, task_result},
    },
    error::{Error, ErrorCode, Result},
    io::environment::Environment,
    oci::{Digest, Image, ImageConfig, ImageDocument, Manifest, Platform},
};

/// Loads the image for this machine's platform into the engine under `reference`.
///
/// # Errors
/// The engine does not answer or does not take it; the image is for no platform that this machine runs.
pub(crate) async fn load(
    environment: &Environment,
    image: &Image,
    reference: &str,
    cancel: &tokio_util::sync::CancellationToken,
) -> Result<()> {
    let (image, name) = (image.clone(), reference.to_owned());
    let archive = tokio::task::spawn_blocking(move || {
        archive(&image, &name).map_err(|error| {
            Error::failed("cannot write the image for the engine").because(&error)
        })?
    });
    let archive = task_result(archive.await)?;
    let engine = Engine::connect(environment).await?;
    let file = tokio::fs::File::from_std(archive);
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let answers = engine
        .docker
        .import_image_stream(options, ReaderStream::new(file), None);
    let loading = async {
        let mut answers = Box::pin(answers);
        while let Some(answer) = answers.next().await {
            answer.map_err(|error| failed("cannot load the image into the engine", &error))?;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(interrupted()),
        loaded = loading => loaded,
    }
}

/// An archive as `docker save` writes it: every engine reads that, also those without OCI layouts.
fn archive(image: &Image, reference: &str) -> io::Result<Result<File>> {
    let Some((config, layers)) = for_this_machine(image) else {
        return Ok(Err(not_for_this_machine()));
    };
    let mut tar = tar::Builder::new(tempfile::tempfile()?);
    let mut put = |name: &str, size: u64, content: &mut dyn io::Read| {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content)
    };
    let mut names = Vec::new();
    let mut written = HashSet::new();
    for layer in &layers {
        let name = format!("{}.tar", layer.hex());
        if written.insert(layer.clone()) {
            let file = File::open(image.blob_path(layer))?;
            put(&name, file.metadata()?.len(), &mut &file)?;
        }
        names.push(name);
    }
    let name = format!("{}.json", config.hex());
    let file = File::open(image.blob_path(&config))?;
    put(&name, file.metadata()?.len(), &mut &file)?;
    let list = serde_json::json!([
        { "Config": name, "RepoTags": [reference], "Layers": names }
    ])
    .to_string();
    put("manifest.json", list.len() as u64, &mut list.as_bytes())?;
    let mut file = tar.into_inner()?;
    io::Seek::rewind(&mut file)?;
    Ok(Ok(file))
}

/// The configuration and the layers of the image that this machine runs; of a single image, of that.
fn for_this_machine(image: &Image) -> Option<(Digest, Vec<Digest>)> {
    let manifests: Vec<&Manifest> = match image.manifest.media_type.is_index() {
        true => image.children.iter().collect(),
        false => vec![&image.manifest],
    };
    let alone = manifests.len() == 1;
    manifests.into_iter().find_map(|manifest| {
        let ImageDocument::Manifest(document) = ImageDocument::parse(manifest).ok()? else {
            return None;
        };
        let bytes = std::fs::read(image.blob_path(&document.config.digest)).ok()?;
        let config: ImageConfig = serde_json::from_slice(&bytes).ok()?;
        let native = config.platform().as_ref().is_some_and(Platform::is_native);
        (native || alone).then(|| {
            let layers = document.layers.into_iter().map(|layer| layer.digest);
            (document.config.digest, layers.collect())
        })
    })
}

fn not_for_this_machine() -> Error {
    Error::refused("the image is for no platform that this machine runs")
        .with_code(ErrorCode::ImageUnusable)
        .state("nothing was loaded")
        .hint("leave out `--load`, or build for this machine's platform")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::{Index, MediaType};

    /// An image in `dir` with a manifest for each architecture, and their configurations.
    fn image(dir: &std::path::Path, architectures: &[&str]) -> (Image, Vec<Digest>) {
        std::fs::create_dir_all(dir.join("blobs/sha256")).expect("a directory");
        let mut image = Image {
            dir: dir.to_owned(),
            manifest: Index::new(Vec::new()).to_manifest(),
            children: Vec::new(),
            blobs: Vec::new(),
            listed: std::collections::BTreeMap::new(),
            of_layout: std::collections::BTreeMap::new(),
        };
        let mut configs = Vec::new();
        for architecture in architectures {
            let config = json!({"os": "linux", "architecture": architecture}).to_string();
            let digest = Digest::of(config.as_bytes());
            std::fs::write(image.blob_path(&digest), &config).expect("it is written");
            let manifest = json!({
                "schemaVersion": 2,
                "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest, "size": config.len()},
                "layers": [],
            });
            let manifest = manifest.to_string().into_bytes();
            image
                .children
                .push(Manifest::new(MediaType::OCI_MANIFEST.into(), manifest));
            configs.push(digest);
        }
        let entries = image.children.iter().map(Manifest::descriptor);
        image.manifest = Index::new(entries.collect()).to_manifest();
        (image, configs)
    }

    #[test]
    fn of_several_platforms_this_machine_gets_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let own = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let loaded = |image: &Image| for_this_machine(image).map(|(config, _)| config);
        let (several, configs) = image(dir.path(), &["unknown", "strange", own, "odd"]);
        assert_eq!(loaded(&several).as_ref(), Some(&configs[2]));
        let (foreign, _) = image(dir.path(), &["strange", "odd"]);
        assert_eq!(loaded(&foreign), None);
        // An engine with an emulator runs a single image of another platform.
        let (alone, configs) = image(dir.path(), &["strange"]);
        assert_eq!(loaded(&alone).as_ref(), Some(&configs[0]));
    }
}
