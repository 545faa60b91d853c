//! What a single value cannot say: keys that go together, or not.

use crate::{
    policy::{
        branches::PrereleaseBranches, check_images::check_images, hooks::HookPoint,
        placeholder::Placeholder, problem::Problem, release_toml::Policy, same_tags::check_tags,
        sign::SignPolicy, tag_template::TagTemplate, template::Part,
    },
    text::sanitize_line,
};

/// Checks the keys of `policy` that only make sense together.
pub(super) fn check(policy: &Policy) -> Result<(), Problem> {
    rules(policy)?;
    check_images(policy)?;
    labels(policy)?;
    hooks(policy)?;
    attachments(policy)?;
    if let Some(problem) = policy.sign.as_ref().and_then(SignPolicy::problem) {
        return Err(Problem::new(problem));
    }
    forge(policy)?;
    if let Some(shared) = policy.tags.fixed.iter().find(|one| one.is_shared()) {
        return Err(Problem::new(format!(
            "`{shared}` in `tags.fixed` is the same tag for several releases"
        ))
        .cause("a fixed tag never moves, so the second release could not have it")
        .hint("put it into `tags.moving`"));
    }
    suffixes(policy)?;
    policy
        .tags
        .prerelease
        .iter()
        .try_for_each(|template| prerelease_template(policy, template))?;
    check_tags(policy)
}

/// A template that ends with a variant's suffix: the variant would add it once more.
fn suffixes(policy: &Policy) -> Result<(), Problem> {
    for (name, variant) in &policy.variants {
        let suffix = variant.suffix(name);
        let tail = suffix.trim_start_matches('.');
        if tail.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(Problem::new(format!(
                "the suffix `{suffix}` of variant `{name}` makes a version of another one"
            ))
            .cause(format!(
                "its `1.2{suffix}` would be a tag of the main image, too"
            ))
            .hint("let the suffix begin with `-`"));
        }
        let mut templates = policy.tags.templates();
        let twice = templates.find(|(_, template)| {
            let before = template.as_str().strip_suffix(&*suffix);
            before.is_some_and(|before| !before.is_empty())
        });
        if let Some((_, template)) = twice {
            return Err(Problem::new(format!(
                "the template `{template}` ends with the suffix of variant `{name}`"
            ))
            .cause(format!("the variant would get `{template}{suffix}`"))
            .hint(format!(
                "take `{suffix}` off the template: the variant adds it to each tag"
            )));
        }
    }
    Ok(())
}

fn forge(policy: &Policy) -> Result<(), Problem> {
    let Some(forge) = &policy.forge else {
        return Ok(());
    };
    if !policy.git.push {
        return Err(Problem::new(
            "`[forge]` needs `git.push = true`: the forge shows a release of a tag that it has"
                .to_owned(),
        ));
    }
    if !forge.draft_first && !forge.assets.is_empty() {
        return Err(Problem::new(
            "`forge.assets` needs `forge.draft-first = true`: whoever finishes a release from another clone does not have the files"
                .to_owned(),
        ));
    }
    Ok(())
}

fn hooks(policy: &Policy) -> Result<(), Problem> {
    use HookPoint::{AfterRelease, AfterStage, BeforeBuild, OnFailure};
    for point in [BeforeBuild, AfterStage, AfterRelease, OnFailure] {
        for (index, hook) in policy.hooks.at(point).iter().enumerate() {
            let may_fail = matches!(point, AfterRelease | OnFailure);
            if hook.allow_failure && !may_fail {
                return Err(Problem::new(format!(
                    "`hooks.{point}[{index}].allow-failure`: a release does not go on past a failure here"
                )));
            }
            let bad = |name: &&String| {
                name.is_empty() || name.contains(['=', '\0']) || name.starts_with("HOIST_")
            };
            if let Some(name) = hook.env.keys().find(bad) {
                return Err(Problem::new(format!(
                    "`hooks.{point}[{index}].env`: `{}` is not a name that a hook can set",
                    sanitize_line(name, 100)
                )));
            }
        }
    }
    Ok(())
}

fn attachments(policy: &Policy) -> Result<(), Problem> {
    for (index, attach) in policy.attach.iter().enumerate() {
        let problem = |text: String| Problem::new(format!("`attach[{index}]`: {text}"));
        let image = attach.image_name();
        if !policy.all_images().any(|known| known == image) {
            let words = image.in_words().unwrap_or_default();
            let words = sanitize_line(&words, 200);
            return Err(problem(format!("the policy has no {words}")));
        }
        let platforms = policy.platforms(&image);
        if let Some(platform) = &attach.platform
            && !platforms.is_empty()
            && !platforms.contains(platform)
        {
            return Err(problem(format!(
                "`{platform}` is not among the platforms of the image"
            )));
        }
        if attach.annotations.keys().any(String::is_empty) {
            return Err(problem("`annotations` has a key without a name".to_owned()));
        }
        if policy.attach[..index].contains(attach) {
            return Err(problem("it is there twice".to_owned()));
        }
    }
    Ok(())
}

fn rules(policy: &Policy) -> Result<(), Problem> {
    for (index, rule) in policy.version.rules.iter().enumerate() {
        if rule.type_.is_none()
            && rule.scope.is_none()
            && rule.match_.is_none()
            && rule.breaking.is_none()
        {
            return Err(Problem::new(format!(
                "`version.rules[{index}]` matches nothing: give it `type`, `scope`, `match` or `breaking`"
            )));
        }
    }
    Ok(())
}

fn labels(policy: &Policy) -> Result<(), Problem> {
    for PrereleaseBranches { label, .. } in &policy.branches.prerelease {
        if let Some(variant) = policy.variant_like(label.as_str()) {
            return Err(Problem::new(format!(
                "the pre-release label `{label}` of `branches.prerelease` is the suffix of variant `{variant}`: `1.2.3-{label}` could be either"
            )));
        }
    }
    Ok(())
}

/// A pre-release never gets a tag that people use to follow stable releases.
fn prerelease_template(policy: &Policy, template: &TagTemplate) -> Result<(), Problem> {
    let of_stable_lines = template.parts().iter().all(|part| match part {
        Part::Value(value) => matches!(
            value,
            Placeholder::Major | Placeholder::Minor | Placeholder::Patch
        ),
        Part::Text(text) => text.chars().all(|c| c == '.'),
    });
    let own = template.has(|value| {
        matches!(
            value,
            Placeholder::Version
                | Placeholder::Prerelease
                | Placeholder::Channel
                | Placeholder::Sha(_)
        )
    });
    let shared = policy.tags.moving.contains(template) && !own && !template.is_of_the_moment();
    if of_stable_lines || shared || template.literal() == Some("latest") {
        return Err(Problem::new(format!(
            "`tags.prerelease`: a pre-release cannot take `{template}`"
        ))
        .cause("whoever follows that tag expects stable versions")
        .hint("name `{version}`, `{prerelease}` or `{channel}` in it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{error::ErrorKind, policy::Policy};

    fn refused(cases: &[(&str, &str)]) {
        for (text, words) in cases {
            let error = Policy::parse(text, "release.toml").expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}: {error}");
            assert!(error.message().contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        refused(&[
            ("[version]\npaths = [\"a[\"]", "version.paths"),
            ("[[version.rules]]\nbump = \"none\"", "matches nothing"),
            (
                "[[version.rules]]\nmatch = \"(\"\nbump = \"none\"",
                "not a valid regular expression",
            ),
            (
                "[[version.rules]]\ntype = \"a}\"\nbump = \"none\"",
                "version.rules[0].type",
            ),
            ("[branches]\nmaintenance = [\"rel\"]", "needs `{major}`"),
            (
                "[branches]\nmaintenance = [\"{major}.minor}.x\"]",
                "each once",
            ),
            ("[branches]\nmaintenance = [\"[{major}].x\"]", "each once"),
            ("[branches.prerelease]\nnext = \"1\"", "label"),
            ("[branches.prerelease]\nnext = \"rc2\"", "use `rc`"),
            ("[branches.prerelease]\nnext = \"rc-2\"", "use `rc`"),
            (
                "[branches.prerelease]\nnext = \"-2\"",
                "a number of its own",
            ),
            ("[image.build]\ncontext = \"../x\"", "inside the repository"),
            (
                "[variants.x]\ndockerfile = \"../x\"",
                "variants.x.dockerfile",
            ),
            (
                "[image.build]\ncommand = [\"make\"]\n[variants.x]\nlayout = \"dist\"",
                "pushes every image",
            ),
            (
                "[image.build]\nsecrets = [{ id = \"x\" }]",
                "either `env` or `file`",
            ),
            (
                "[image.build]\nsecrets = [{ id = \"x\", env = \"a\", file = \"b\" }]",
                "either `env` or `file`",
            ),
            ("[image.build]\nplatforms = [\"amd64\"]", "os/architecture"),
            ("[image.labels]\nx = \"{nope}\"", "`image.labels.x`"),
            (
                "[image.build.args]\na = \"{versoin}\"",
                "did you mean `{version}`",
            ),
            ("[variants.a]\nsuffix = \"\"", "empty"),
            (
                "[variants.a]\nsuffix = \"-x\"\n[variants.b]\nsuffix = \"-x\"",
                "same suffix",
            ),
            ("[variants.beta]", "suffix of variant `beta`"),
            ("[git]\nlock-refs = \"hoist\"", "git.lock-refs"),
            ("[version]\nfiles = [{ path = \"a\" }]", "needs a `pattern`"),
            (
                "[version]\nfiles = [{ path = \"a\", pattern = \"b\" }]",
                "needs a group",
            ),
        ]);
    }

    #[test]
    fn a_template_with_the_suffix_of_a_variant_is_refused() {
        let policy = |tags: &str| {
            let text = format!("[tags]\n{tags}\n[variants.alpine]\ntarget = \"x\"\n");
            Policy::parse(&text, "release.toml")
        };
        for tags in [
            "fixed = [\"{version}-alpine\"]",
            "moving = [\"{major}-alpine\"]",
            "prerelease = [\"{version}\", \"{channel}-alpine\"]",
        ] {
            let error = policy(tags).expect_err(tags);
            let shown = format!("{error:#}");
            assert!(shown.contains("-alpine-alpine"), "{shown}");
        }
        for suffix in ["0", ".5", "1-alpine"] {
            let text = format!("[variants.alpine]\ntarget = \"x\"\nsuffix = \"{suffix}\"\n");
            let error = Policy::parse(&text, "release.toml").expect_err(suffix);
            let shown = format!("{error:#}");
            assert!(shown.contains(&format!("`1.2{suffix}`")), "{shown}");
        }
        // The bare word is a name of its own.
        assert!(policy("moving = [\"alpine\", \"{major}-slim\"]").is_ok());
    }

    #[test]
    fn tags_that_cannot_work_are_refused_and_the_template_is_named() {
        refused(&[
            (
                "[tags]\nfixed = [\"{versoin}\"]",
                "did you mean `{version}`",
            ),
            ("[tags]\nfixed = [\"sha-{sha:foo}\"]", "`sha-{sha:foo}`"),
            ("[tags]\nfixed = [\"{sha:41}\"]", "4 to 40"),
            ("[tags]\nfixed = [\"{version:x}\"]", "takes nothing"),
            ("[tags]\nfixed = [\"{version\"]", "without its `}`"),
            ("[tags]\nfixed = [\"version}\"]", "without its `{`"),
            (
                "[tags]\nmoving = [\"{version}\"]",
                "`{version}` is in `tags.fixed` and in `tags.moving`",
            ),
            (
                "[tags]\nfixed = [\"{version}\", \"stable\"]",
                "`stable` in `tags.fixed` is the same tag",
            ),
            (
                "[tags]\nfixed = [\"v{major}.{minor}\"]",
                "`v{major}.{minor}` in `tags.fixed` is the same tag",
            ),
            ("[tags]\nfixed = [\"\"]", "empty"),
            ("[tags]\nfixed = [\"a/{version}\"]", "`/` cannot stand"),
            ("[tags]\nfixed = [\"-{version}\"]", "starts with"),
            ("[tags]\nmoving = [\"{date:%Q}\"]", "strftime"),
            ("[tags]\ndate = \"%\"", "`tags.date`"),
            (
                "[tags]\nprerelease = [\"{version}\", \"latest\"]",
                "cannot take `latest`",
            ),
            ("[tags]\nprerelease = [\"{major}.{minor}\"]", "cannot take"),
            ("[variants.x]\nsuffix = \"\"", "empty suffix"),
            ("[variants.x]\nsuffix = \"+x\"", "`+` of the suffix"),
            ("[variants.\"a+b\"]", "`+` of the suffix"),
            (
                "[variants.x]\nsuffix = \"-\"\nlatest-suffix = false",
                "nothing is left",
            ),
            (
                "[variants.x]\nsuffix = \"-a\"\n[variants.y]\nsuffix = \"-a\"",
                "variants `x` and `y`",
            ),
            (
                "[variants.x]\nsuffix = \"-beta\"",
                "`beta` of `branches.prerelease` is the suffix of variant `x`",
            ),
        ]);
    }
}
