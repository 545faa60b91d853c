//! From templates to names: each once, none that is or reads like another release's.

use semver::Version;

use crate::{
    error::{Error, Result},
    oci::Tag,
    plan::tags::{
        context::TagContext,
        planned::TagKind,
        roles::{TagCandidate, roles},
        rules::TagRules,
        tag_line::channel,
        version_tags::{ExactTags, PublishedVersions, matcher},
    },
    policy::{Placeholder, Rendered, TagTemplate, TemplateList, Values},
};

/// What one template gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The list of the policy that names the template.
    pub list: TemplateList,
    /// The template as the policy has it.
    pub template: TagTemplate,
    /// The names it gave, variants included.
    pub tags: Vec<Tag>,
    /// What suppressed it, where it gave none.
    pub suppressed: Option<String>,
}

/// All names in commit order, each once, and one explanation a template.
pub(super) fn candidates(
    rules: &TagRules<'_>,
    context: &TagContext<'_>,
    reader: &ExactTags,
    repositories: &[PublishedVersions<'_>],
) -> Result<(Vec<TagCandidate>, Vec<Explained>)> {
    if let Some(label) = channel(context.version) {
        rules.check_label(label)?;
    }
    let mut found: Vec<TagCandidate> = Vec::new();
    let mut explained = Vec::new();
    for role in roles(rules, context, repositories) {
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
            template: role.template.clone(),
            suppressed: suppressed.filter(|_| tags.is_empty()),
            tags,
        });
    }
    check_build_metadata(&found, context)?;
    for candidate in &found {
        check_reading(candidate, context, reader)?;
        check_line(candidate, context, rules)?;
    }
    mark_version_tags(rules, &mut found);
    found.sort_by_key(|candidate| (candidate.kind, !candidate.is_version));
    Ok((found, explained))
}

/// Adds one name, or finds it there: two templates that give one name are one tag.
fn add(found: &mut Vec<TagCandidate>, candidate: TagCandidate) -> Result<()> {
    let Some(there) = found.iter_mut().find(|there| there.tag == candidate.tag) else {
        found.push(candidate);
        return Ok(());
    };
    if there.image == candidate.image && there.kind == candidate.kind {
        for line in candidate.lines {
            if !there.lines.contains(&line) {
                there.lines.push(line);
            }
        }
        return Ok(());
    }
    let role = |c: &TagCandidate| {
        let image = c.image.of_words();
        format!("the {} template `{}`{image}", c.kind.as_str(), c.template)
    };
    let why = if there.image == candidate.image {
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

/// Refuses a name that would later be read as another release's own tag. A stable version's `1.2.3-x`
/// reads like a pre-release, which does not hold stable tags back, so it is accepted unless git has
/// such a version.
fn check_reading(
    candidate: &TagCandidate,
    context: &TagContext<'_>,
    reader: &ExactTags,
) -> Result<()> {
    let version = context.version;
    let Some((image, read)) = reader.read(candidate.tag.as_str()) else {
        return Ok(());
    };
    let harmless = version.pre.is_empty() && !read.pre.is_empty() && !context.git.contains(&read);
    if *image == candidate.image && (harmless || read.cmp_precedence(version).is_eq()) {
        return Ok(());
    }
    let image = image.of_words();
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

/// Refuses a branch or a label that is called like a moving tag of stable versions: `latest`, or `1.0` while
/// this is 2.0.0. Whoever follows that tag expects the versions of its line.
fn check_line(
    candidate: &TagCandidate,
    context: &TagContext<'_>,
    rules: &TagRules<'_>,
) -> Result<()> {
    let stable = context.version.pre.is_empty();
    let plain = candidate.image.variant().is_none() && candidate.kind == TagKind::Moving;
    if !plain
        || (stable
            && !candidate
                .template
                .has(|value| *value == Placeholder::Branch))
    {
        return Ok(());
    }
    let values = Values {
        branch: None,
        ..context.values(None, &rules.tags.date)
    };
    let name = candidate.tag.as_str();
    let of_versions = |template: &&TagTemplate| {
        !template.has(|value| {
            !matches!(
                value,
                Placeholder::Major | Placeholder::Minor | Placeholder::Patch
            )
        })
    };
    let mut others = rules.tags.moving.iter().filter(of_versions);
    let other = others.find(|template| {
        let own = stable && template.render(&values) == Rendered::Text(name.to_owned());
        !own && matcher(template, &rules.tags.date).is_match(name)
    });
    let Some(other) = other else { return Ok(()) };
    let error_of = if candidate.of_the_moment {
        Error::refused
    } else {
        Error::usage
    };
    Err(error_of(format!(
        "template `{}` gives the tag `{name}`, which is one of `{other}`",
        candidate.template
    ))
    .cause(format!(
        "this is version {}, and whoever follows that tag expects another",
        context.version
    ))
    .state("nothing was built or pushed")
    .hint("add a prefix or suffix to the template"))
}

/// Refuses a version whose tag another version would have, too: `+` cannot stand in a tag and becomes
/// `-`.
fn check_build_metadata(found: &[TagCandidate], context: &TagContext<'_>) -> Result<()> {
    let name = |version: &Version| version.to_string().replace('+', "-");
    let ours = name(context.version);
    let other = context
        .git
        .iter()
        .find(|other| *other != context.version && name(other) == ours);
    let Some(other) = other else { return Ok(()) };
    let named = |candidate: &&TagCandidate| candidate.template.is_exact();
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
fn mark_version_tags(rules: &TagRules<'_>, found: &mut [TagCandidate]) {
    for image in &rules.images {
        let own = found.iter_mut().find(|candidate| {
            candidate.image == image.name
                && candidate.kind == TagKind::Fixed
                && candidate.template.is_exact()
        });
        if let Some(candidate) = own {
            candidate.is_version = true;
        }
    }
}
