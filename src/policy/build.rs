//! `[image.build]`: how the image comes to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    oci::Platform,
    policy::{
        attestation::{Provenance, Sbom},
        budget::ByteSize,
        builder::Builder,
        host_entry::HostEntry,
        path::{DockerfilePath, RepositoryPath},
        platform::PlatformText,
        program_line::ProgramLine,
        secret::{Secret, SshAgent},
        step_rights::{Entitlement, Ulimit},
        template::Template,
    },
};

/// `[image.build]`: what makes the image, and what it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "BuildTable", into = "BuildTable")]
pub struct BuildPolicy {
    /// What makes the image; not the key `source`, which is [`BuildPolicy::files`].
    pub image_source: BuildSource,
    /// The Dockerfile's path, seen from the context. It may lie outside the context.
    pub dockerfile: DockerfilePath,
    /// The directory inside the repository that the builder sees.
    pub context: RepositoryPath,
    /// The stage of a multi-stage Dockerfile to stop at; unset: the last.
    pub target: Option<String>,
    /// The platforms to build for; empty: the engine's own.
    pub platforms: Vec<Platform>,
    /// Build arguments by name.
    pub args: BTreeMap<String, Template>,
    /// Secrets that a step of the Dockerfile can mount.
    pub secrets: Vec<Secret>,
    /// Which files the builder sees: the key `source`, for which see also [`BuildPolicy::image_source`].
    pub files: SourceFiles,
    /// Who builds; unset: the best builder that the engine has.
    pub builder: Option<Builder>,
    /// Caches whose layers may be reused: images, or entries as buildx has them.
    pub cache_from: Vec<String>,
    /// Where the build cache is exported to.
    pub cache_to: Vec<String>,
    /// SSH agents that a step of the Dockerfile can mount.
    pub ssh: Vec<SshAgent>,
    /// Named build contexts.
    pub contexts: BTreeMap<String, String>,
    /// Whether a provenance attestation is attached.
    pub provenance: Provenance,
    /// Whether a software bill of materials is attached.
    pub sbom: Sbom,
    /// Whether the context holds the files of submodules.
    pub submodules: bool,
    /// Whether the engine asks the registry for base images that it has already.
    pub pull: bool,
    /// Whether every step runs, although its result is in a cache.
    pub no_cache: bool,
    /// The network of the steps.
    pub network: BuildNetwork,
    /// Further hosts that the steps know, each as `name:address`.
    pub add_hosts: Vec<HostEntry>,
    /// Limits of the processes of the steps.
    pub ulimits: Vec<Ulimit>,
    /// The size of `/dev/shm` in the steps; unset: the builder's own.
    pub shm_size: Option<ByteSize>,
    /// What the steps may do that the builder does not allow by itself.
    pub allow: Vec<Entitlement>,
    /// Whether time stamps in the layers are limited to the time of the release, where the builder can do that.
    pub rewrite_timestamp: bool,
    /// How layers that the engine exports uncompressed are packed.
    pub compression: Compression,
    /// What becomes of a layout that holds the image of another release.
    pub same_image: SameImage,
}

impl BuildPolicy {
    /// Whether what makes the image sees committed files alone.
    #[must_use]
    pub fn is_of_commit(&self) -> bool {
        self.files == SourceFiles::Commit && self.image_source.command().is_none()
    }
}

/// What makes the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSource {
    /// A container engine builds it from the Dockerfile.
    Engine,
    /// An OCI layout (directory or archive) or a `docker save` archive holds it.
    Layout {
        /// The layout's path, seen from the repository.
        path: String,
        /// The program that makes the layout; unset: it is there already.
        command: Option<ProgramLine>,
    },
    /// A program builds it, and pushes it to hoist.
    Pushed {
        /// The program.
        command: ProgramLine,
    },
}

impl BuildSource {
    /// Whether hoist has it built, by an engine; else others make it, and its bytes stay as they are.
    #[must_use]
    pub fn is_engine(&self) -> bool {
        matches!(self, Self::Engine)
    }

    /// The path of the layout, where the image comes from one.
    #[must_use]
    pub fn layout(&self) -> Option<&str> {
        match self {
            Self::Layout { path, .. } => Some(path),
            Self::Engine | Self::Pushed { .. } => None,
        }
    }

    /// Where an image that others make is found, for messages: the layout's path, or the variable that
    /// tells a program where to push. `None`: the engine makes it.
    #[must_use]
    pub fn given_by(&self) -> Option<&str> {
        match self {
            Self::Layout { path, .. } => Some(path),
            Self::Pushed { .. } => Some("$HOIST_PUSH_TO"),
            Self::Engine => None,
        }
    }

    /// The program of the project that makes the image, if any.
    #[must_use]
    pub fn command(&self) -> Option<&ProgramLine> {
        match self {
            Self::Layout { command, .. } => command.as_ref(),
            Self::Pushed { command } => Some(command),
            Self::Engine => None,
        }
    }
}

/// The network of a build's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BuildNetwork {
    /// As the builder has it for its steps.
    #[default]
    Default,
    /// None.
    None,
    /// That of the machine which builds.
    Host,
}

/// Which files the builder sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceFiles {
    /// Exactly HEAD's tree.
    #[default]
    Commit,
    /// The files on disk, with what is not committed.
    Worktree,
}

/// How layers are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// gzip, which every engine reads.
    #[default]
    Gzip,
}

/// What becomes of an image from a layout that the last release has published already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SameImage {
    /// The layout was not made anew: the release is refused.
    #[default]
    Refuse,
    /// It is published again under the new version.
    Allow,
}

fn is_unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for BuildPolicy {
    fn default() -> Self {
        Self {
            image_source: BuildSource::Engine,
            dockerfile: "Dockerfile".parse().expect("the default is legal"),
            context: ".".parse().expect("the default is legal"),
            target: None,
            platforms: Vec::new(),
            args: BTreeMap::new(),
            secrets: Vec::new(),
            files: SourceFiles::Commit,
            builder: None,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            ssh: Vec::new(),
            contexts: BTreeMap::new(),
            provenance: Provenance::Off,
            sbom: Sbom::Off,
            submodules: false,
            pull: true,
            no_cache: false,
            network: BuildNetwork::Default,
            add_hosts: Vec::new(),
            ulimits: Vec::new(),
            shm_size: None,
            allow: Vec::new(),
            rewrite_timestamp: false,
            compression: Compression::Gzip,
            same_image: SameImage::Refuse,
        }
    }
}

/// The keys as `release.toml` has them. Two of them, `layout` and `command`, say together what
/// makes the image: a command alone pushes it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct BuildTable {
    dockerfile: DockerfilePath,
    context: RepositoryPath,
    target: Option<String>,
    #[cfg_attr(test, schemars(schema_with = "crate::policy::platform::schema"))]
    platforms: Vec<PlatformText>,
    args: BTreeMap<String, Template>,
    secrets: Vec<Secret>,
    source: SourceFiles,
    layout: Option<String>,
    command: Vec<String>,
    builder: Option<Builder>,
    cache_from: Vec<String>,
    cache_to: Vec<String>,
    ssh: Vec<SshAgent>,
    contexts: BTreeMap<String, String>,
    provenance: Provenance,
    sbom: Sbom,
    submodules: bool,
    pull: bool,
    // The keys that came later are left out of a policy's identity where they are not set.
    #[serde(skip_serializing_if = "is_unset")]
    no_cache: bool,
    #[serde(skip_serializing_if = "is_unset")]
    network: BuildNetwork,
    #[serde(skip_serializing_if = "is_unset")]
    add_hosts: Vec<HostEntry>,
    #[serde(skip_serializing_if = "is_unset")]
    ulimits: Vec<Ulimit>,
    #[serde(skip_serializing_if = "is_unset")]
    shm_size: Option<ByteSize>,
    #[serde(skip_serializing_if = "is_unset")]
    allow: Vec<Entitlement>,
    #[serde(skip_serializing_if = "is_unset")]
    rewrite_timestamp: bool,
    compression: Compression,
    #[serde(skip_serializing_if = "is_unset")]
    same_image: SameImage,
}

impl Default for BuildTable {
    fn default() -> Self {
        BuildPolicy::default().into()
    }
}

impl TryFrom<BuildTable> for BuildPolicy {
    type Error = String;

    fn try_from(table: BuildTable) -> Result<Self, Self::Error> {
        let mut words = table.command.into_iter();
        let command = words.next().map(|program| ProgramLine {
            program,
            args: words.collect(),
        });
        let image_source = match (table.layout, command) {
            (None, None) => BuildSource::Engine,
            (Some(path), command) => BuildSource::Layout { path, command },
            (None, Some(command)) => BuildSource::Pushed { command },
        };
        let platforms: Vec<_> = table.platforms.into_iter().map(|text| text.0).collect();
        for (index, platform) in platforms.iter().enumerate() {
            if platforms[..index].contains(platform) {
                return Err(format!("`image.build.platforms` has `{platform}` twice"));
            }
        }
        Ok(Self {
            image_source,
            dockerfile: table.dockerfile,
            context: table.context,
            target: table.target,
            platforms,
            args: table.args,
            secrets: table.secrets,
            files: table.source,
            builder: table.builder,
            cache_from: table.cache_from,
            cache_to: table.cache_to,
            ssh: table.ssh,
            contexts: table.contexts,
            provenance: table.provenance,
            sbom: table.sbom,
            submodules: table.submodules,
            pull: table.pull,
            no_cache: table.no_cache,
            network: table.network,
            add_hosts: table.add_hosts,
            ulimits: table.ulimits,
            shm_size: table.shm_size,
            allow: table.allow,
            rewrite_timestamp: table.rewrite_timestamp,
            compression: table.compression,
            same_image: table.same_image,
        })
    }
}

impl From<BuildPolicy> for BuildTable {
    fn from(policy: BuildPolicy) -> Self {
        let (layout, command) = match policy.image_source {
            BuildSource::Engine => (None, None),
            BuildSource::Layout { path, command } => (Some(path), command),
            BuildSource::Pushed { command } => (None, Some(command)),
        };
        Self {
            dockerfile: policy.dockerfile,
            context: policy.context,
            target: policy.target,
            platforms: policy.platforms.into_iter().map(PlatformText).collect(),
            args: policy.args,
            secrets: policy.secrets,
            source: policy.files,
            layout,
            command: command.map_or_else(Vec::new, |command| {
                std::iter::once(command.program)
                    .chain(command.args)
                    .collect()
            }),
            builder: policy.builder,
            cache_from: policy.cache_from,
            cache_to: policy.cache_to,
            ssh: policy.ssh,
            contexts: policy.contexts,
            provenance: policy.provenance,
            sbom: policy.sbom,
            submodules: policy.submodules,
            pull: policy.pull,
            no_cache: policy.no_cache,
            network: policy.network,
            add_hosts: policy.add_hosts,
            ulimits: policy.ulimits,
            shm_size: policy.shm_size,
            allow: policy.allow,
            rewrite_timestamp: policy.rewrite_timestamp,
            compression: policy.compression,
            same_image: policy.same_image,
        }
    }
}
