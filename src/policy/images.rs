//! `[images.NAME]`: further images of the same version, each with repositories of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    oci::{Platform, Repository},
    policy::{
        attestation::{Provenance, Sbom},
        budget::{BudgetPolicy, ByteSize},
        build::{BuildNetwork, BuildPolicy, BuildSource, Compression, SameImage, SourceFiles},
        builder::Builder,
        host_entry::HostEntry,
        image::{ImagePolicy, all_once},
        path::{DockerfilePath, RepositoryPath},
        platform::PlatformText,
        program_line::ProgramLine,
        secret::{Secret, SshAgent},
        step_rights::{Entitlement, Ulimit},
        template::Template,
    },
};

/// `[images.NAME]`: an image besides `[image]`, released together with it. A key that is given here stands
/// in the place of the same key of `[image]` or `[image.build]`; one that is not is as there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NamedImagePolicy {
    /// One repository; `repositories` for several.
    pub repository: Option<Repository>,
    /// Several repositories that all get this image and its tags.
    pub repositories: Vec<Repository>,
    /// As `image.build.dockerfile`.
    pub dockerfile: Option<DockerfilePath>,
    /// As `image.build.context`.
    pub context: Option<RepositoryPath>,
    /// As `image.build.target`; empty: the last stage.
    pub target: Option<String>,
    /// As `image.build.platforms`.
    #[serde(with = "platforms", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(schema_with = "crate::policy::platform::schema"))]
    pub platforms: Option<Vec<Platform>>,
    /// As `image.build.args`.
    pub args: Option<BTreeMap<String, Template>>,
    /// As `image.build.secrets`.
    pub secrets: Option<Vec<Secret>>,
    /// As `image.build.source`.
    pub source: Option<SourceFiles>,
    /// As `image.build.layout`.
    pub layout: Option<String>,
    /// As `image.build.command`.
    pub command: Option<Vec<String>>,
    /// As `image.build.builder`.
    pub builder: Option<Builder>,
    /// As `image.build.cache-from`.
    pub cache_from: Option<Vec<String>>,
    /// As `image.build.cache-to`.
    pub cache_to: Option<Vec<String>>,
    /// As `image.build.ssh`.
    pub ssh: Option<Vec<SshAgent>>,
    /// As `image.build.contexts`.
    pub contexts: Option<BTreeMap<String, String>>,
    /// As `image.build.provenance`.
    pub provenance: Option<Provenance>,
    /// As `image.build.sbom`.
    pub sbom: Option<Sbom>,
    /// As `image.build.submodules`.
    pub submodules: Option<bool>,
    /// As `image.build.pull`.
    pub pull: Option<bool>,
    /// As `image.build.no-cache`.
    pub no_cache: Option<bool>,
    /// As `image.build.network`.
    pub network: Option<BuildNetwork>,
    /// As `image.build.add-hosts`.
    pub add_hosts: Option<Vec<HostEntry>>,
    /// As `image.build.ulimits`.
    pub ulimits: Option<Vec<Ulimit>>,
    /// As `image.build.shm-size`.
    pub shm_size: Option<ByteSize>,
    /// As `image.build.allow`.
    pub allow: Option<Vec<Entitlement>>,
    /// As `image.build.rewrite-timestamp`.
    pub rewrite_timestamp: Option<bool>,
    /// As `image.build.compression`.
    pub compression: Option<Compression>,
    /// As `image.build.same-image`.
    pub same_image: Option<SameImage>,
    /// As `[image.budget]`, as a whole.
    pub budget: Option<BudgetPolicy>,
    /// As `image.labels`, as a whole.
    pub labels: Option<BTreeMap<String, Template>>,
    /// As `image.annotations`, as a whole.
    pub annotations: Option<BTreeMap<String, Template>>,
    /// As `image.title`.
    pub title: Option<String>,
    /// As `image.url`.
    pub url: Option<String>,
    /// As `image.description`.
    pub description: Option<String>,
    /// As `image.licenses`.
    pub licenses: Option<String>,
}

impl NamedImagePolicy {
    /// All repositories in the order they were named, each once.
    #[must_use]
    pub fn all(&self) -> Vec<Repository> {
        all_once(self.repository.as_ref(), &self.repositories)
    }

    /// The whole policy of this image: its own keys, and those of `[image]` for the rest.
    #[must_use]
    pub fn over(&self, main: &ImagePolicy) -> ImagePolicy {
        let or = |own: &Option<String>, main: &Option<String>| own.clone().or_else(|| main.clone());
        ImagePolicy {
            repository: None,
            repositories: self.all(),
            build: self.build(&main.build),
            budget: self.budget.clone().unwrap_or_else(|| main.budget.clone()),
            labels: given(&self.labels, &main.labels),
            annotations: given(&self.annotations, &main.annotations),
            title: or(&self.title, &main.title),
            url: or(&self.url, &main.url),
            description: or(&self.description, &main.description),
            licenses: or(&self.licenses, &main.licenses),
        }
    }

    fn build(&self, main: &BuildPolicy) -> BuildPolicy {
        BuildPolicy {
            image_source: self.image_source(&main.image_source),
            dockerfile: given(&self.dockerfile, &main.dockerfile),
            context: given(&self.context, &main.context),
            target: match self.target.as_deref() {
                // The last stage, although the main image names one.
                Some("") => None,
                Some(target) => Some(target.to_owned()),
                None => main.target.clone(),
            },
            platforms: given(&self.platforms, &main.platforms),
            args: given(&self.args, &main.args),
            secrets: given(&self.secrets, &main.secrets),
            files: given(&self.source, &main.files),
            builder: self.builder.clone().or_else(|| main.builder.clone()),
            cache_from: given(&self.cache_from, &main.cache_from),
            cache_to: given(&self.cache_to, &main.cache_to),
            ssh: given(&self.ssh, &main.ssh),
            contexts: given(&self.contexts, &main.contexts),
            provenance: given(&self.provenance, &main.provenance),
            sbom: given(&self.sbom, &main.sbom),
            submodules: given(&self.submodules, &main.submodules),
            pull: given(&self.pull, &main.pull),
            no_cache: given(&self.no_cache, &main.no_cache),
            network: given(&self.network, &main.network),
            add_hosts: given(&self.add_hosts, &main.add_hosts),
            ulimits: given(&self.ulimits, &main.ulimits),
            shm_size: self.shm_size.or(main.shm_size),
            allow: given(&self.allow, &main.allow),
            rewrite_timestamp: given(&self.rewrite_timestamp, &main.rewrite_timestamp),
            compression: given(&self.compression, &main.compression),
            same_image: given(&self.same_image, &main.same_image),
        }
    }

    /// A layout holds one image, so that of `[image]` is not this one's: a policy without a layout or command
    /// here is refused where `[image.build]` has a layout.
    fn image_source(&self, main: &BuildSource) -> BuildSource {
        let command = match &self.command {
            Some(words) => ProgramLine::try_from(words.clone()).ok(),
            None => main.command().cloned(),
        };
        match (&self.layout, &self.command, command) {
            (Some(path), _, command) => BuildSource::Layout {
                path: path.clone(),
                command,
            },
            (None, None, _) => main.clone(),
            (None, Some(_), Some(command)) => BuildSource::Pushed { command },
            (None, Some(_), None) => BuildSource::Engine,
        }
    }
}

fn given<T: Clone>(own: &Option<T>, main: &T) -> T {
    own.clone().unwrap_or_else(|| main.clone())
}

/// Platforms as `release.toml` has them.
pub(super) mod platforms {
    use super::{Deserialize, Deserializer, Platform, PlatformText, Serialize, Serializer};

    pub(in crate::policy) fn serialize<S: Serializer>(
        platforms: &Option<Vec<Platform>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let texts = platforms.clone().unwrap_or_default().into_iter();
        let texts: Vec<PlatformText> = texts.map(PlatformText).collect();
        texts.serialize(serializer)
    }

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<Platform>>, D::Error> {
        let texts = Vec::<PlatformText>::deserialize(deserializer)?;
        Ok(Some(texts.into_iter().map(|text| text.0).collect()))
    }
}
