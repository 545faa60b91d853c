//! From templates to names: which tags a version asks for, and why the others are not asked for.

use semver::Version;

use super::{
    exact::ExactTags,
    guard::{Place, Verdict},
    line::Line,
    placeholder::{Placeholder, channel},
    rules::{TagRules, VariantRule},
    set::{BranchKind, PlannedTag, TagContext, TagKind},
    template::{Rendered, Template, Values},
};
use crate::{
    error::{Error, Result},
    oci::Tag,
    policy::Latest,
};

/// A name that the policy asks for.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) tag: Tag,
    pub(super) variant: Option<String>,
    pub(super) kind: TagKind,
    pub(super) is_version: bool,
    pub(super) template: String,
    /// Where it competes; one for each template that gave this name.
    pub(super) lines: Vec<Line>,
    /// The name hangs on the day or the branch.
    of_the_moment: bool,
}

impl Candidate {
    pub(super) fn planned(self, verdicts: Vec<Verdict>) -> PlannedTag {
        PlannedTag {
            tag: self.tag,
            variant: self.variant,
            kind: self.kind,
            is_version: self.is_version,
            template: self.template,
            verdicts,
        }
    }
}

/// What came of one template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The policy's list: `fixed`, `moving` or `prerelease`.
    pub list: &'static str,
    /// The template.
    pub template: String,
    /// The names it gave, variants included.
    pub tags: Vec<Tag>,
    /// What suppressed it, where it gave none.
    pub suppressed: Option<String>,
}

/// One template in its role for this version.
struct Role<'a> {
    list: &'static str,
    template: &'a Template,
    /// What suppresses it, whatever its placeholders say.
    suppressed: Option<String>,
    /// The channels to fill in, one after the other.
    channels: Vec<Option<String>>,
    follows: bool,
}

/// All names in commit order, each once, and one explanation a template.
pub(super) fn candidates(
    rules: &TagRules,
    context: &TagContext<'_>,
    reader: &ExactTags,
    places: &[Place<'_>],
) -> Result<(Vec<Candidate>, Vec<Explained>)> {
    if let Some(label) = channel(context.version) {
        rules.check_label(label)?;
    }
    let mut found: Vec<Candidate> = Vec::new();
    let mut explained = Vec::new();
    for role in roles(rules, context, places) {
        let mut tags = Vec::new();
        let mut suppressed = role.suppressed.clone();
        if suppressed.is_none() {
            for candidate in role.candidates(rules, context, &mut suppressed)? {
                tags.push(candidate.tag.clone());
                add(&mut found, candidate)?;
            }
        }
        explained.push(Explained {
            list: role.list,
            template: role.template.to_string(),
            suppressed: suppressed.filter(|_| tags.is_empty()),
            tags,
        });
    }
    for candidate in &found {
        check_reading(candidate, context, reader)?;
    }
    check_build_metadata(&found, context)?;
    mark_version_tags(rules, &mut found);
    found.sort_by_key(|candidate| (candidate.kind, !candidate.is_version));
    Ok((found, explained))
}

fn roles<'a>(rules: &'a TagRules, context: &TagContext<'_>, places: &[Place<'_>]) -> Vec<Role<'a>> {
    let version = context.version;
    let stable = version.pre.is_empty();
    let channels = if stable && rules.channel_follows {
        known_channels(context, places)
    } else {
        Vec::new()
    };
    let role = |list, template: &'a Template| {
        let suppressed = match list {
            "prerelease" if !stable => None,
            "prerelease" if !follows(template, &channels) => {
                Some(format!("{version} is no pre-release"))
            }
            "prerelease" => None,
            _ if !stable => Some("a pre-release gets only `tags.prerelease`".to_owned()),
            _ => unwanted(rules, context, list, template),
        };
        let follows = stable && list == "prerelease";
        Role {
            list,
            template,
            suppressed,
            channels: if follows {
                channels.iter().cloned().map(Some).collect()
            } else {
                vec![channel(version).map(str::to_owned)]
            },
            follows: follows || rules.channel_follows,
        }
    };
    let of = |list: &'static str, templates: &'a [Template]| {
        templates.iter().map(move |template| (list, template))
    };
    of("fixed", &rules.fixed)
        .chain(of("moving", &rules.moving))
        .chain(of("prerelease", &rules.prerelease))
        .map(|(list, template)| role(list, template))
        .collect()
}

/// The tag of a channel goes on to the stable release that follows.
fn follows(template: &Template, channels: &[String]) -> bool {
    let named = template.has(|value| *value == Placeholder::Channel);
    named && is_moving_prerelease(template) && !channels.is_empty()
}

/// In `tags.prerelease`, what names a version or commit is fixed.
fn is_moving_prerelease(template: &Template) -> bool {
    !template.has(|value| matches!(value, Placeholder::Version | Placeholder::Sha(_)))
}

fn unwanted(
    rules: &TagRules,
    context: &TagContext<'_>,
    list: &str,
    template: &Template,
) -> Option<String> {
    let alone = template.has(|value| *value == Placeholder::Major)
        && !template.has(|value| *value != Placeholder::Major);
    if alone && context.version.major == 0 && !rules.zero_major {
        return Some("0.x promises nothing to who follows `0` (`tags.zero-major`)".to_owned());
    }
    if list != "moving" || template.literal() != Some("latest") {
        return None;
    }
    match (rules.latest, context.branch_kind) {
        (Latest::Never, _) => Some("`tags.latest` is \"never\"".to_owned()),
        (Latest::Branch, BranchKind::Maintenance | BranchKind::Prerelease) => {
            let branch = context.branch.unwrap_or("HEAD");
            Some(format!(
                "`tags.latest` is \"branch\", and `{branch}` is no stable branch"
            ))
        }
        (Latest::Branch | Latest::Highest, _) => None,
    }
}

/// The labels that have a pre-release in git or in a repository, in order, each once.
fn known_channels(context: &TagContext<'_>, places: &[Place<'_>]) -> Vec<String> {
    let published = places
        .iter()
        .flat_map(|place| place.versions(&None))
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
    fn candidates(
        &self,
        rules: &TagRules,
        context: &TagContext<'_>,
        suppressed: &mut Option<String>,
    ) -> Result<Vec<Candidate>> {
        let mut all = Vec::new();
        for channel in &self.channels {
            let values = Values {
                version: context.version,
                channel: channel.as_deref(),
                commit: context.commit,
                commit_time: context.commit_time,
                instant: context.instant,
                branch: context.branch,
                date: &rules.date,
            };
            let base = match self.template.render_tag(&values) {
                Rendered::Text(text) => text,
                Rendered::Missing(name) => {
                    *suppressed = Some(format!("`{name}` has no value here"));
                    continue;
                }
            };
            let line = self.line(context.version, channel.as_deref());
            for variant in &rules.variants {
                all.push(self.candidate(variant, &base, line.clone())?);
            }
        }
        Ok(all)
    }

    fn candidate(
        &self,
        variant: &VariantRule,
        base: &str,
        line: Option<Line>,
    ) -> Result<Candidate> {
        let is_latest = self.template.literal() == Some("latest");
        let name = if is_latest {
            variant.latest.clone()
        } else {
            format!("{base}{}", variant.suffix)
        };
        let tag = name
            .parse()
            .map_err(|error| self.bad_name(variant, &error))?;
        Ok(Candidate {
            tag,
            variant: variant.name.clone(),
            kind: if line.is_some() {
                TagKind::Moving
            } else {
                TagKind::Fixed
            },
            is_version: false,
            template: self.template.to_string(),
            lines: line.into_iter().collect(),
            of_the_moment: self.template.is_of_the_moment(),
        })
    }

    fn line(&self, version: &Version, channel: Option<&str>) -> Option<Line> {
        match self.list {
            "moving" => Some(Line::stable(self.template, version)),
            "prerelease" if is_moving_prerelease(self.template) => Some(Line::prerelease(
                self.template,
                version,
                channel,
                self.follows,
            )),
            _ => None,
        }
    }

    /// A name that breaks the grammar: the policy's fault where only its own text and numbers are
    /// in it, the repository's where a branch or a version is.
    fn bad_name(&self, variant: &VariantRule, error: &crate::oci::NameError) -> Error {
        let from_facts = self.template.has(|value| {
            matches!(
                value,
                Placeholder::Branch
                    | Placeholder::Version
                    | Placeholder::Prerelease
                    | Placeholder::Channel
            )
        });
        let message = match &variant.name {
            None => format!(
                "`tags.{}`: template `{}` gives no tag",
                self.list, self.template
            ),
            Some(name) => format!(
                "`tags.{}`: template `{}` gives no tag for variant `{name}`",
                self.list, self.template
            ),
        };
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

/// Adds one name, or finds it there: two templates that give one name are one tag.
fn add(found: &mut Vec<Candidate>, candidate: Candidate) -> Result<()> {
    let Some(there) = found.iter_mut().find(|there| there.tag == candidate.tag) else {
        found.push(candidate);
        return Ok(());
    };
    if there.variant == candidate.variant && there.kind == candidate.kind {
        for line in candidate.lines {
            if !there.lines.contains(&line) {
                there.lines.push(line);
            }
        }
        return Ok(());
    }
    let role = |c: &Candidate| {
        let image = match &c.variant {
            None => String::new(),
            Some(name) => format!(" of variant `{name}`"),
        };
        format!("the {} template `{}`{image}", c.kind.as_str(), c.template)
    };
    let why = if there.variant == candidate.variant {
        "a tag either moves or does not"
    } else {
        "a tag shows one image"
    };
    let from_facts = there.of_the_moment || candidate.of_the_moment;
    let error_of = if from_facts {
        Error::refused
    } else {
        Error::usage
    };
    Err(
        error_of(format!("two templates give the tag `{}`", candidate.tag))
            .cause(format!("{} and {}", role(there), role(&candidate)))
            .cause(why)
            .state("nothing was built or pushed")
            .hint("add a prefix or suffix to one of them"),
    )
}

/// A name that a later look would take for another release's own tag. A stable version's
/// `1.2.3-x` reads like a pre-release, which holds no stable tag back: that is let pass, unless
/// git has such a version.
fn check_reading(
    candidate: &Candidate,
    context: &TagContext<'_>,
    reader: &ExactTags,
) -> Result<()> {
    let version = context.version;
    let Some((variant, read)) = reader.read(candidate.tag.as_str()) else {
        return Ok(());
    };
    let harmless = version.pre.is_empty() && !read.pre.is_empty() && !context.git.contains(&read);
    if variant == candidate.variant.as_deref() && (harmless || read.cmp_precedence(version).is_eq())
    {
        return Ok(());
    }
    let image = variant.map_or_else(String::new, |name| format!(" of variant `{name}`"));
    let message = format!(
        "template `{}` gives the tag `{}`, which names version {read}{image}",
        candidate.template, candidate.tag
    );
    let error_of = if candidate.of_the_moment {
        Error::refused
    } else {
        Error::usage
    };
    Err(error_of(message)
        .cause(format!("this is version {version}"))
        .state("nothing was built or pushed")
        .hint("add a prefix or suffix to the template, or choose another version"))
}

/// `+` cannot stand in a tag; it becomes `-` only where nothing else has that name.
fn check_build_metadata(found: &[Candidate], context: &TagContext<'_>) -> Result<()> {
    let name = |version: &Version| version.to_string().replace('+', "-");
    let ours = name(context.version);
    let other = context
        .git
        .iter()
        .find(|other| *other != context.version && name(other) == ours);
    let Some(other) = other else { return Ok(()) };
    let named = |candidate: &&Candidate| candidate.template.contains("{version}");
    let Some(candidate) = found.iter().find(named) else {
        return Ok(());
    };
    Err(Error::refused(format!(
        "versions {} and {other} both give the tag `{}`",
        context.version, candidate.tag
    ))
    .cause(format!(
        "template `{}`: a tag cannot hold `+`, so `-` stands for it",
        candidate.template
    ))
    .state("nothing was built or pushed")
    .hint("release a version that differs in more than its build metadata"))
}

/// The first template that names the version whole makes each image's version tag.
fn mark_version_tags(rules: &TagRules, found: &mut [Candidate]) {
    for variant in &rules.variants {
        let own = found.iter_mut().find(|candidate| {
            candidate.variant == variant.name
                && candidate.kind == TagKind::Fixed
                && candidate.template.contains("{version}")
        });
        if let Some(candidate) = own {
            candidate.is_version = true;
        }
    }
}
