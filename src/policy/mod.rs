//! `release.toml` as parsed values: every key, its default and its rule.
//!
//! A value is parsed once, when the file is read: a glob, a regular expression, a template or a
//! platform that is not valid is an error at its place in the file, and nothing compiles it again.
//! An unknown key is an error that names the nearest known one. Nothing here touches the disk; the
//! caller brings the text.

mod announce;
mod attach;
mod attestation;
mod branches;
mod budget;
mod build;
mod builder;
mod check;
mod check_images;
mod conflicts;
mod forge;
mod git_tag_template;
mod hooks;
mod host_entry;
mod identity;
mod image;
mod images;
mod meant;
mod parse;
mod path;
mod pattern;
mod per_image;
mod placeholder;
mod platform;
mod problem;
mod program_line;
mod publish;
mod release_toml;
mod same_tags;
mod secret;
mod sign;
mod step_rights;
mod tag_template;
mod tags;
mod template;
mod text_value;
mod variants;
mod version;
mod version_file;
mod web_address;

/// Where the JSON Schema of `release.toml` can be fetched. `#:schema` and this address as the first
/// line of a policy file tell an editor the keys and their values.
pub const SCHEMA_URL: &str =
    "https://raw.githubusercontent.com/hoist-rs/hoist/main/schema/release.json";

pub use announce::{AnnouncePolicy, UrlSource, VariableName};
pub use attach::{ArtifactType, AttachPolicy};
pub use attestation::{Provenance, Sbom};
pub use branches::{BranchPolicy, Label, MaintenanceLine, MaintenancePattern, PrereleaseBranches};
pub use budget::{BudgetPolicy, ByteSize, Denied, Growth};
pub use build::{BuildNetwork, BuildPolicy, BuildSource, Compression, SameImage, SourceFiles};
pub use builder::{Builder, BuildkitDaemon, DaemonAddress, DaemonCertificates};
pub use conflicts::conflicts;
pub use forge::{ForgePlace, ForgePolicy, ForgeService, ForgeUrl, PrereleaseMark};
pub use git_tag_template::GitTagTemplate;
pub use hooks::{Hook, HookPoint, HookPolicy};
pub use host_entry::HostEntry;
pub use image::ImagePolicy;
pub use images::NamedImagePolicy;
pub use parse::is_cargo_release;
pub use path::{DockerfilePath, PathPattern, RepositoryPath};
pub use pattern::{BranchGlob, CommitGlob, FileGlob, Glob, Regex};
pub use per_image::PerImage;
pub(crate) use placeholder::Placeholder;
pub use placeholder::{DateFormat, Values};
#[cfg(feature = "cli")]
pub use platform::known_platform;
pub use program_line::ProgramLine;
pub(crate) use publish::marks_below;
pub(crate) use publish::parse_duration;
pub use publish::{GitPolicy, OnFailure, PublishPolicy, RegistryPolicy};
pub use release_toml::{NotesPolicy, Policy};
pub use secret::{Secret, SecretSource, SshAgent};
pub use sign::{SignPolicy, Signer};
pub use step_rights::{Entitlement, Ulimit};
pub use tag_template::TagTemplate;
pub use tags::{Latest, TagListFallback, TagPolicy, TemplateList};
pub(crate) use template::Part;
pub use template::{Rendered, Template};
pub use variants::{Suffix, VariantPolicy};
pub use version::{CommitRule, Level, RuleBump, Squash, Unconventional, VersionPolicy, ZeroMajor};
pub use version_file::{VersionFile, VersionFormat};
pub use web_address::WebAddress;
