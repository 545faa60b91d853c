//! What each template is for in this release: fixed, moving, or not asked for and why.

use semver::Version;

use crate::{
    error::{Error, Result},
    oci::{ImageName, NameError, Tag},
    plan::{
        tags::{
            context::TagContext,
            planned::{PlannedTag, TagKind},
            published::Verdict,
            rules::{ImageRule, TagRules},
            tag_line::{TagLine, channel},
            version_tags::PublishedVersions,
        },
        version::branch::BranchKind,
    },
    policy::{Latest, Placeholder, Rendered, TagTemplate, TemplateList},
};

/// A name that the policy asks for.
#[derive(Debug)]
pub(super) struct TagCandidate {
    pub(super) tag: Tag,
    pub(super) image: ImageName,
    pub(super) kind: TagKind,
    pub(super) is_version: bool,
    pub(super) template: TagTemplate,
    /// The lines that the tag competes in, one for each template that gave this name.
    pub(super) lines: Vec<TagLine>,
    /// Whether the name depends on the day or the branch.
    pub(super) of_the_moment: bool,
}

impl TagCandidate {
    pub(super) fn planned(self, verdicts: Vec<Verdict>) -> PlannedTag {
        PlannedTag {
            tag: self.tag,
            image: self.image,
            kind: self.kind,
            is_version: self.is_version,
            template: self.template,
            verdicts,
        }
    }
}

/// One template in its role for this version.
pub(super) struct Role<'a> {
    pub(super) list: TemplateList,
    pub(super) template: &'a TagTemplate,
    /// What suppresses it, whatever its placeholders say.
    pub(super) suppressed: Option<String>,
    /// The channels to fill in, one after the other.
    channels: Vec<Option<String>>,
    follows: bool,
}

/// Every template of the policy, in the order of its lists.
pub(super) fn roles<'a>(
    rules: &'a TagRules<'_>,
    context: &TagContext<'_>,
    repositories: &[PublishedVersions<'_>],
) -> Vec<Role<'a>> {
    let version = context.version;
    let stable = version.pre.is_empty();
    let channels = if stable && rules.tags.channel_follows {
        known_channels(rules, context, repositories)
    } else {
        Vec::new()
    };
    let role = |list, template: &'a TagTemplate| {
        let of_prereleases = list == TemplateList::Prerelease;
        let moving = match of_prereleases {
            true => is_moving_prerelease(template),
            false => list == TemplateList::Moving,
        };
        let suppressed = match (of_prereleases, stable) {
            _ if moving && context.withdrawn.contains(version) => {
                Some(format!("{version} is withdrawn"))
            }
            (true, true) if !follows(template, &channels) => {
                Some(format!("{version} is not a pre-release"))
            }
            (true, _) => None,
            (false, false) => Some("a pre-release gets only `tags.prerelease`".to_owned()),
            (false, true) => unwanted(rules, context, list, template),
        };
        let follows = stable && of_prereleases;
        Role {
            list,
            template,
            suppressed,
            channels: if follows {
                channels.iter().cloned().map(Some).collect()
            } else {
                vec![channel(version).map(str::to_owned)]
            },
            follows: follows || rules.tags.channel_follows,
        }
    };
    rules
        .tags
        .templates()
        .map(|(list, template)| role(list, template))
        .collect()
}

/// The tag of a channel goes on to the stable release that follows.
pub(super) fn follows(template: &TagTemplate, channels: &[String]) -> bool {
    let named = template.has(|value| *value == Placeholder::Channel);
    named && is_moving_prerelease(template) && !channels.is_empty()
}

/// In `tags.prerelease`, what names a version or commit is fixed.
pub(super) fn is_moving_prerelease(template: &TagTemplate) -> bool {
    !template.has(|value| matches!(value, Placeholder::Version | Placeholder::Sha(_)))
}

fn unwanted(
    rules: &TagRules<'_>,
    context: &TagContext<'_>,
    list: TemplateList,
    template: &TagTemplate,
) -> Option<String> {
    if !rules.tags.zero_major && is_zero_alone(template, context.version) {
        return Some(
            "versions below 1.0.0 promise nothing to users of the tag `0` (`tags.zero-major`)"
                .to_owned(),
        );
    }
    if list != TemplateList::Moving || template.literal() != Some("latest") {
        return None;
    }
    match (rules.tags.latest, context.branch_kind) {
        (Latest::Never, _) => Some("`tags.latest` is \"never\"".to_owned()),
        (Latest::Branch, BranchKind::Maintenance(_) | BranchKind::Prerelease(_)) => {
            let branch = context.branch.unwrap_or("HEAD");
            Some(format!(
                "`tags.latest` is \"branch\", and `{branch}` is not a stable branch"
            ))
        }
        (Latest::Branch | Latest::Highest, _) => None,
    }
}

/// `0`, or `v0`, and no more: the line of all that comes before 1.0.0.
pub(super) fn is_zero_alone(template: &TagTemplate, version: &Version) -> bool {
    version.major == 0
        && template.has(|value| *value == Placeholder::Major)
        && !template.has(|value| *value != Placeholder::Major)
}

/// The labels that have a pre-release in git or in a repository, in order, each once.
fn known_channels(
    rules: &TagRules<'_>,
    context: &TagContext<'_>,
    repositories: &[PublishedVersions<'_>],
) -> Vec<String> {
    let plain = rules.plain();
    let published = repositories
        .iter()
        .flat_map(|repository| repository.versions(&plain))
        .map(|exact| &exact.version);
    let mut channels: Vec<String> = context
        .git
        .iter()
        .chain(published)
        .filter_map(channel)
        .map(str::to_owned)
        .collect();
    channels.sort();
    channels.dedup();
    channels
}

impl Role<'_> {
    /// The names that the template gives; `suppressed` is told why where a channel gives none.
    pub(super) fn candidates(
        &self,
        rules: &TagRules<'_>,
        context: &TagContext<'_>,
        suppressed: &mut Option<String>,
    ) -> Result<Vec<TagCandidate>> {
        let mut all = Vec::new();
        for channel in &self.channels {
            let values = context.values(channel.as_deref(), &rules.tags.date);
            let base = match self.template.render(&values) {
                Rendered::Text(text) => text,
                Rendered::Missing(name) => {
                    *suppressed = Some(format!("`{name}` has no value here"));
                    continue;
                }
            };
            let line = self.line(context.version, channel.as_deref());
            for image in &rules.images {
                all.push(self.candidate(image, &base, line.clone())?);
            }
        }
        Ok(all)
    }

    fn candidate(
        &self,
        image: &ImageRule,
        base: &str,
        line: Option<TagLine>,
    ) -> Result<TagCandidate> {
        let tag = image
            .name_of(self.template, base)
            .parse()
            .map_err(|error| self.bad_name(image, &error))?;
        Ok(TagCandidate {
            tag,
            image: image.name.clone(),
            kind: if line.is_some() {
                TagKind::Moving
            } else {
                TagKind::Fixed
            },
            is_version: false,
            template: self.template.clone(),
            lines: line.into_iter().collect(),
            of_the_moment: self.template.is_of_the_moment(),
        })
    }

    fn line(&self, version: &Version, channel: Option<&str>) -> Option<TagLine> {
        match self.list {
            TemplateList::Moving => Some(TagLine::stable(self.template, version)),
            TemplateList::Prerelease if is_moving_prerelease(self.template) => Some(
                TagLine::prerelease(self.template, version, channel, self.follows),
            ),
            TemplateList::Fixed | TemplateList::Prerelease => None,
        }
    }

    /// A name that breaks the grammar: the policy's fault where only its own text and numbers are
    /// in it, the repository's where a branch or a version is.
    fn bad_name(&self, image: &ImageRule, error: &NameError) -> Error {
        let from_facts = self.template.has(|value| {
            matches!(
                value,
                Placeholder::Branch
                    | Placeholder::Version
                    | Placeholder::Prerelease
                    | Placeholder::Channel
            )
        });
        let message = format!(
            "`tags.{}`: template `{}` gives no tag{}",
            self.list,
            self.template,
            for_words(&image.name)
        );
        let error_of = if from_facts {
            Error::refused
        } else {
            Error::usage
        };
        error_of(message)
            .because(error)
            .state("nothing was built or pushed")
            .hint("a tag is up to 128 letters, digits, `.`, `_` and `-`, and starts with none of the last two; `hoist tags --explain` shows each template")
    }
}

/// " for variant `alpine`"; empty for the main image.
fn for_words(image: &ImageName) -> String {
    let words = image.in_words();
    words.map_or_else(String::new, |words| format!(" for {words}"))
}
