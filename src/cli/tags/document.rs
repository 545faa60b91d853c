//! The document of `hoist tags --json`.

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::images::plain,
    oci::{Repository, Tag},
    policy::TemplateList,
    release::{Explained, PlannedTag, TagAction, TagKind, TagSet, Verdict},
};

/// The document of `hoist tags --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::cli) struct TagsDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The version; `null`: there is nothing to release.
    version: Option<&'a Version>,
    /// The tags in the order in which a release writes them, those that stay included.
    tags: Vec<TagDocument<'a>>,
    /// The repositories that they are for.
    repositories: &'a [Repository],
    /// Why there is nothing to release.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    /// What each template gives, or what suppresses it; with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    templates: Option<Vec<TemplateDocument<'a>>>,
}

/// One tag of one image.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TagDocument<'a> {
    /// The tag's name.
    tag: &'a Tag,
    /// Whether it ever moves.
    kind: TagKind,
    /// What a release does with it; `mixed` where the repositories differ.
    action: TagAction,
    /// The reason, for people.
    why: String,
    /// The same for each repository.
    repositories: &'a [Verdict],
    /// The image's name.
    image: &'a str,
    /// The variant, of an image that is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
}

/// What one template gave.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TemplateDocument<'a> {
    /// The list of the policy that names the template.
    list: TemplateList,
    /// The template as the policy has it.
    template: &'a str,
    /// The names that it gave.
    tags: &'a [Tag],
    /// What suppressed it, where it gave none.
    suppressed: Option<&'a str>,
}

/// The tags of a version.
pub(super) fn of_set(set: &TagSet, explain: bool) -> Value {
    let templates = || set.explained().iter().map(template).collect();
    plain(&TagsDocument {
        v: 1,
        version: Some(set.version()),
        tags: set.tags().iter().map(tag).collect(),
        repositories: set.repositories(),
        why: None,
        templates: explain.then(templates),
    })
}

/// There is nothing to release.
pub(super) fn of_nothing(repositories: &[Repository], why: &str) -> Value {
    plain(&TagsDocument {
        v: 1,
        version: None,
        tags: Vec::new(),
        repositories,
        why: Some(why),
        templates: None,
    })
}

fn tag(planned: &PlannedTag) -> TagDocument<'_> {
    TagDocument {
        tag: &planned.tag,
        kind: planned.kind,
        action: planned.action(),
        why: planned.why(),
        repositories: &planned.verdicts,
        image: planned.image.name(),
        variant: planned.image.variant(),
    }
}

fn template(explained: &Explained) -> TemplateDocument<'_> {
    TemplateDocument {
        list: explained.list,
        template: explained.template.as_str(),
        tags: &explained.tags,
        suppressed: explained.suppressed.as_deref(),
    }
}
