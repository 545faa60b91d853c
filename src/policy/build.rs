//! `[image.build]`: how the image comes to be.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The engine builds the committed tree, once; or a layout that any builder made is taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BuildPolicy {
    /// Path of the Dockerfile inside the context.
    pub dockerfile: String,
    /// Directory of the build context inside the repository.
    pub context: String,
    /// The stage of a multi-stage Dockerfile to stop at; unset: the last.
    pub target: Option<String>,
    /// Platforms to build for; empty: the engine's own.
    pub platforms: Vec<String>,
    /// Build arguments. Values are templates as in tags.
    pub args: BTreeMap<String, String>,
    /// BuildKit secrets.
    pub secrets: Vec<SecretSource>,
    /// Which files the builder sees.
    pub source: BuildSource,
    /// An OCI layout (directory or archive) or `docker save` archive to take instead of building.
    pub layout: Option<String>,
    /// The command that makes `layout`, run before it is read; program and arguments, no shell.
    pub command: Vec<String>,
    /// The builder of an engine: `buildkit` or `classic`; unset: BuildKit where the engine has it.
    pub builder: Option<Builder>,
    /// Images whose layers may be reused.
    pub cache_from: Vec<String>,
    /// Where to export the build cache.
    pub cache_to: Vec<String>,
    /// SSH agent sockets or keys for `RUN --mount=type=ssh`: `default` or `id=path`.
    pub ssh: Vec<String>,
    /// Named build contexts.
    pub contexts: BTreeMap<String, String>,
    /// Attach a provenance attestation.
    pub provenance: bool,
    /// Attach a software bill of materials.
    pub sbom: bool,
    /// Put the files of submodules into the context.
    pub submodules: bool,
    /// How layers that the engine hands out uncompressed are packed.
    pub compression: Compression,
}

/// Which of an engine's two builders runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builder {
    /// BuildKit.
    Buildkit,
    /// The builder before BuildKit.
    Classic,
}

/// Which files the builder sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildSource {
    /// Exactly HEAD's tree.
    #[default]
    Commit,
    /// The files as they lie.
    Worktree,
}

/// How layers are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// gzip, which every engine reads.
    #[default]
    Gzip,
}

/// One BuildKit secret: its id in the Dockerfile, and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretSource {
    /// `--mount=type=secret,id=…`
    pub id: String,
    /// An environment variable that holds the value.
    pub env: Option<String>,
    /// A file that holds the value.
    pub file: Option<String>,
}

impl Default for BuildPolicy {
    fn default() -> Self {
        Self {
            dockerfile: "Dockerfile".into(),
            context: ".".into(),
            target: None,
            platforms: Vec::new(),
            args: BTreeMap::new(),
            secrets: Vec::new(),
            source: BuildSource::Commit,
            layout: None,
            command: Vec::new(),
            builder: None,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            ssh: Vec::new(),
            contexts: BTreeMap::new(),
            provenance: false,
            sbom: false,
            submodules: false,
            compression: Compression::Gzip,
        }
    }
}
