//! The images of a policy: whether each can be told from the others, and whether its keys go together.

use std::collections::BTreeSet;

use crate::{
    oci::{ImageName, Platform, Repository},
    policy::{
        build::BuildSource,
        images::NamedImagePolicy,
        per_image::PerImage,
        problem::Problem,
        release_toml::Policy,
        variants::{Suffix, VariantPolicy},
    },
};

/// Checks `[image]`, `[images.NAME]` and `[variants.NAME]`.
pub(super) fn check_images(policy: &Policy) -> Result<(), Problem> {
    let main = &policy.image;
    places_once("image", main.repository.as_ref(), &main.repositories)?;
    for (name, image) in &policy.images {
        named_image(policy, name, image)?;
        let table = format!("images.{name}");
        places_once(&table, image.repository.as_ref(), &image.repositories)?;
    }
    if !policy.images.is_empty() {
        repositories(policy)?;
    }
    for (name, variant) in &policy.variants {
        variant_images(policy, name, variant)?;
        variant_tags(policy, name, variant)?;
    }
    for image in policy.all_images() {
        dockerfile(policy, &image)?;
        source(policy, &image)?;
    }
    different_builds(policy)
}

fn named_image(policy: &Policy, name: &str, image: &NamedImagePolicy) -> Result<(), Problem> {
    if name == ImageName::main().name() {
        return Err(Problem::new(
            "`[images.main]`: `main` is the name of the image that `[image]` describes",
        )
        .hint("give its keys to `[image]` and `[image.build]`, or choose another name"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(legal) {
        return Err(Problem::new(format!(
            "`[images.{}]`: the name of an image is letters, digits, `.`, `_` and `-`, and starts with a letter or digit",
            name.escape_debug()
        )));
    }
    if image.all().is_empty() {
        return Err(
            Problem::new(format!("`images.{name}.repository` is missing"))
                .cause("each image has repositories of its own, since all have the same tags"),
        );
    }
    platforms_once(&format!("images.{name}"), image.platforms.as_deref())?;
    let inherited = policy.image.build.image_source.layout();
    if let (Some(layout), None, None) = (inherited, &image.layout, &image.command) {
        return Err(Problem::new(format!(
            "`images.{name}.layout` is missing: `image.build.layout` is set, so nothing is built"
        ))
        .cause(format!("`{layout}` holds the image of `[image]`")));
    }
    Ok(())
}

fn platforms_once(table: &str, platforms: Option<&[Platform]>) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for platform in platforms.into_iter().flatten().map(ToString::to_string) {
        if seen.contains(&platform) {
            return Err(Problem::new(format!(
                "`{table}.platforms` has `{platform}` twice"
            )));
        }
        seen.insert(platform);
    }
    Ok(())
}

/// One name twice counts once. Two names of one repository would be two places, and what a release does to one of
/// them would look like a stranger's work in the other.
fn places_once(
    table: &str,
    one: Option<&Repository>,
    several: &[Repository],
) -> Result<(), Problem> {
    let one = one.map(|place| (format!("{table}.repository"), place));
    let several = several.iter().enumerate();
    let several = several.map(|(at, place)| (format!("{table}.repositories[{at}]"), place));
    let all: Vec<_> = one.into_iter().chain(several).collect();
    for (at, (key, place)) in all.iter().enumerate() {
        let mut before = all[..at].iter();
        let twin = before.find(|(_, other)| other != place && other.is_same_place(place));
        if let Some((other_key, other)) = twin {
            return Err(Problem::new(format!(
                "`{other_key}` and `{key}` are one repository: `{other}` and `{place}`"
            ))
            .cause("both names lead to the same registry, and each tag would be moved there twice")
            .hint(format!("take `{place}` out")));
        }
    }
    Ok(())
}

/// All images have the same tags, so no repository can be of two.
fn repositories(policy: &Policy) -> Result<(), Problem> {
    let mut seen = Vec::new();
    for image in policy.image_names() {
        let own = policy.repositories_of(&image);
        if own.is_empty() {
            return Err(Problem::new("`image.repository` is missing")
                .cause("the policy has further images, and `[image]` is the first of all")
                .hint("give one of the images to `[image]` and `[image.build]`"));
        }
        for repository in own {
            let mut before = seen.iter();
            let other =
                before.find(|(known, _): &&(Repository, _)| known.is_same_place(&repository));
            if let Some((known, other)) = other {
                let aside = match *known == repository {
                    true => String::new(),
                    false => format!(", which is `{known}`, too"),
                };
                return Err(Problem::new(format!(
                    "images `{other}` and `{image}` both have the repository `{repository}`{aside}"
                ))
                .cause("all images of a version have the same tags, and a tag shows one image")
                .hint("give each image a repository of its own; images that share one are variants: `[variants.NAME]`"));
            }
            seen.push((repository, image.clone()));
        }
    }
    Ok(())
}

fn variant_images(policy: &Policy, name: &str, variant: &VariantPolicy) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(Problem::new("a variant needs a name: `[variants.alpine]`"));
    }
    if let Some(c) = name
        .chars()
        .find(|c| "/=".contains(*c) || c.is_whitespace())
    {
        return Err(Problem::new(format!(
            "`[variants.{}]`: the name of a variant has no `{}`",
            name.escape_debug(),
            c.escape_debug()
        )));
    }
    if variant.images.is_empty() {
        return Err(
            Problem::new(format!("`variants.{name}.images` names no image"))
                .hint("leave the key out for the main image alone"),
        );
    }
    for (index, image) in variant.images.iter().enumerate() {
        known(policy, &format!("variants.{name}.images"), image)?;
        if variant.images[..index].contains(image) {
            return Err(Problem::new(format!(
                "`variants.{name}.images` has `{image}` twice"
            )));
        }
    }
    platforms_once(&format!("variants.{name}"), variant.platforms.as_deref())?;
    each_image(variant, name, "target", variant.target.as_ref())?;
    each_image(variant, name, "dockerfile", variant.dockerfile.as_ref())?;
    each_image(variant, name, "context", variant.context.as_ref())?;
    each_image(variant, name, "layout", variant.layout.as_ref())
}

fn known(policy: &Policy, key: &str, image: &str) -> Result<(), Problem> {
    let names: Vec<String> = policy.image_names().map(|one| one.to_string()).collect();
    if names.iter().any(|name| name == image) {
        return Ok(());
    }
    Err(Problem::new(format!(
        "`{key}` names `{}`, which is not an image of the policy",
        image.escape_debug()
    ))
    .cause(format!("it has `{}`", names.join("`, `"))))
}

/// A value for each image is one for exactly the images of the variant.
fn each_image<T>(
    variant: &VariantPolicy,
    name: &str,
    key: &str,
    value: Option<&PerImage<T>>,
) -> Result<(), Problem> {
    let Some(names) = value.and_then(PerImage::names) else {
        return Ok(());
    };
    let names: Vec<&str> = names.collect();
    if let Some(other) = names.iter().find(|other| !variant.is_of(other)) {
        return Err(Problem::new(format!(
            "`variants.{name}.{key}` is given for `{}`, which `variants.{name}.images` does not name",
            other.escape_debug()
        )));
    }
    match variant
        .images
        .iter()
        .find(|image| !names.contains(&&***image))
    {
        None => Ok(()),
        Some(missing) => Err(Problem::new(format!(
            "`variants.{name}.{key}` has no value for the image `{missing}`"
        ))),
    }
}

fn variant_tags(policy: &Policy, name: &str, variant: &VariantPolicy) -> Result<(), Problem> {
    let suffix = variant.suffix(name);
    suffix
        .parse::<Suffix>()
        .map_err(|error| Problem::new(format!("`variants.{name}`: {error}")))?;
    if variant.latest(name).is_empty() {
        return Err(Problem::new(format!(
            "`variants.{name}`: nothing is left of the suffix `{suffix}` for `latest-suffix = false`"
        )));
    }
    let shares = |other: &VariantPolicy| variant.images.iter().any(|image| other.is_of(image));
    let mut others = policy.variants.iter();
    let same =
        others.find(|(other, v)| *other.as_str() < *name && v.suffix(other) == suffix && shares(v));
    match same {
        None => Ok(()),
        Some((other, _)) => Err(Problem::new(format!(
            "variants `{other}` and `{name}` have the same suffix: `{suffix}`"
        ))),
    }
}

fn dockerfile(policy: &Policy, image: &ImageName) -> Result<(), Problem> {
    let build = policy.image_policy(image).build;
    let (path, context) = (&build.dockerfile, &build.context);
    if path.is_inside(context) {
        return Ok(());
    }
    let own = policy.images.get(image.name());
    let of_variant = |has: fn(&VariantPolicy) -> bool| {
        image
            .variant()
            .filter(|name| policy.variants.get(*name).is_some_and(has))
    };
    let own_context = of_variant(|variant| variant.context.is_some());
    let of_variant = of_variant(|variant| variant.dockerfile.is_some());
    let key = match (of_variant, own) {
        (Some(variant), _) => format!("variants.{variant}.dockerfile"),
        (None, Some(own)) if own.dockerfile.is_some() => {
            format!("images.{}.dockerfile", image.name())
        }
        (None, _) => "image.build.dockerfile".to_owned(),
    };
    let seen_from = match (own_context, own) {
        (Some(variant), _) => format!("variants.{variant}.context"),
        (None, Some(own)) if own.context.is_some() => format!("images.{}.context", image.name()),
        (None, _) => "image.build.context".to_owned(),
    };
    Err(
        Problem::new(format!("`{key} = \"{path}\"` leaves the repository"))
            .cause(format!("the path is seen from `{seen_from}`")),
    )
}

/// A variant comes from a layout where its image does, and a program that pushes images pushes all of them.
fn source(policy: &Policy, image: &ImageName) -> Result<(), Problem> {
    let Some(name) = image.variant() else {
        return Ok(());
    };
    let plain = policy.image_policy(&image.plain()).build;
    let variant = policy.variants.get(name);
    let has_layout = variant.is_some_and(|variant| variant.layout.is_some());
    let (layout, command) = match policy.images.get(image.name()) {
        Some(own) if own.layout.is_some() || own.command.is_some() => {
            let key = |key: &str| format!("images.{}.{key}", image.name());
            (key("layout"), key("command"))
        }
        Some(_) | None => ("image.build.layout".into(), "image.build.command".into()),
    };
    match (plain.image_source, has_layout) {
        (BuildSource::Layout { .. }, false) => Err(Problem::new(format!(
            "`variants.{name}.layout` is missing: `{layout}` is set, so nothing is built"
        ))),
        (BuildSource::Pushed { .. }, true) => Err(Problem::new(format!(
            "`variants.{name}.layout` is set, but `{command}` without `{layout}` pushes every image"
        ))),
        (BuildSource::Layout { .. }, true)
        | (BuildSource::Pushed { .. }, false)
        | (BuildSource::Engine, _) => Ok(()),
    }
}

/// Two images that an engine builds from the same are one image under two names: what sets the second
/// apart was forgotten.
fn different_builds(policy: &Policy) -> Result<(), Problem> {
    let mut seen: Vec<(ImageName, _)> = Vec::new();
    for image in policy.all_images() {
        let own = policy.image_policy(&image);
        if !own.build.image_source.is_engine() {
            continue;
        }
        let inputs = (own.build, own.labels, own.annotations);
        let same = |(other, known): &&(ImageName, _)| {
            *known == inputs && other.variant() == image.variant() && other.name() != image.name()
        };
        if let Some((other, _)) = seen.iter().find(same) {
            let key = match image.variant() {
                None => format!("images.{}.target", image.name()),
                Some(variant) => format!("variants.{variant}.target"),
            };
            let value = match image.variant() {
                None => format!("\"{}\"", image.name()),
                Some(variant) => format!(
                    "{{ {} = \"{}-{variant}\", {} = \"{}-{variant}\" }}",
                    other.name(),
                    other.name(),
                    image.name(),
                    image.name()
                ),
            };
            return Err(Problem::new(format!(
                "images `{other}` and `{image}` are built from the same"
            ))
            .cause("neither the Dockerfile, nor the target, nor any other key sets them apart")
            .hint(format!(
                "e.g. `{key} = {value}`; one image in several repositories is `repositories = […]`"
            )));
        }
        seen.push((image, inputs));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{oci::ImageName, policy::Policy};

    const TWO: &str =
        "[image]\nrepository = \"acme/api\"\n[images.worker]\nrepository = \"acme/worker\"\n";

    fn parsed(text: &str) -> Policy {
        Policy::parse(text, "release.toml").unwrap_or_else(|error| panic!("{text}: {error:#}"))
    }

    #[test]
    fn an_image_has_its_own_keys_and_those_of_the_main_image() {
        let policy = parsed(
            "[image]\nrepository = \"acme/api\"\ntitle = \"API\"\nlabels = { a = \"1\" }\n\
             [image.build]\ntarget = \"api\"\nplatforms = [\"linux/amd64\"]\nargs = { A = \"1\" }\n\
             [image.budget]\nmax = \"1MB\"\n\
             [images.worker]\nrepositories = [\"acme/worker\", \"ghcr.io/acme/worker\"]\ntarget = \"worker\"\n\
             args = {}\nplatforms = [\"linux/arm64\"]\nbudget = { layers = 3 }\nlabels = {}\n\
             [variants.alpine]\nimages = [\"main\", \"worker\"]\n\
             target = { main = \"api-alpine\", worker = \"worker-alpine\" }\n\
             [variants.slim]\ntarget = \"slim\"\n\
             [variants.wolfi]\nargs = { A = \"2\", B = \"{version}\" }\ncontext = \"wolfi\"\nplatforms = [\"linux/arm64\"]\n",
        );
        let all: Vec<String> = policy.all_images().map(|one| one.to_string()).collect();
        assert_eq!(
            all,
            [
                "main",
                "main/alpine",
                "main/slim",
                "main/wolfi",
                "worker",
                "worker/alpine"
            ]
        );
        let worker = ImageName::named("worker");
        let build = policy.image_policy(&worker).build;
        assert_eq!(build.target.as_deref(), Some("worker"));
        assert!(build.args.is_empty() && policy.image_policy(&worker).labels.is_empty());
        assert_eq!(policy.platforms(&worker), build.platforms);
        assert_eq!(build.platforms[0].to_string(), "linux/arm64");
        let alpine = policy.image_policy(&worker.with_variant("alpine"));
        assert_eq!(alpine.build.target.as_deref(), Some("worker-alpine"));
        assert_eq!(alpine.title.as_deref(), Some("API"));
        assert_eq!((alpine.budget.max, alpine.budget.layers), (None, Some(3)));
        let main = policy.image_policy(&ImageName::main().with_variant("slim"));
        assert_eq!(main.build.target.as_deref(), Some("slim"));
        assert_eq!(main.build.args.len(), 1);
        let wolfi = policy.image_policy(&ImageName::main().with_variant("wolfi"));
        let args: Vec<&str> = wolfi.build.args.values().map(|one| one.as_str()).collect();
        assert_eq!(args, ["2", "{version}"]);
        assert_eq!(wolfi.build.context.as_str(), "wolfi");
        assert_eq!(wolfi.build.target.as_deref(), Some("api"));
        assert_eq!(wolfi.build.platforms[0].to_string(), "linux/arm64");
        let name = ImageName::main().with_variant("wolfi");
        assert_eq!(policy.platforms(&name), wolfi.build.platforms);
        assert_eq!(policy.repositories().len(), 3);
        for (repository, image) in [
            ("ghcr.io/acme/worker", worker.clone()),
            ("acme/api", ImageName::main()),
            ("acme/unknown", ImageName::main()),
        ] {
            let repository = repository.parse().expect("a good name");
            assert_eq!(policy.image_in(&repository), image);
        }
    }

    #[test]
    fn images_that_cannot_be_told_apart_are_refused() {
        let worker = |more: &str| format!("{TWO}target = \"worker\"\n{more}");
        for (text, words) in [
            (TWO.to_owned(), "`main` and `worker` are built from the same"),
            ("[image]\nrepository = \"a/b\"\n[images.main]\nrepository = \"a/c\"".into(), "`main` is the name"),
            ("[image]\nrepository = \"a/b\"\n[images.\"a/b\"]\nrepository = \"a/c\"".into(), "name of an image"),
            ("[image]\nrepository = \"a/b\"\n[images.-a]\nrepository = \"a/c\"".into(), "name of an image"),
            ("[image]\nrepository = \"a/b\"\n[images.c]\ntarget = \"c\"".into(), "`images.c.repository` is missing"),
            ("[images.c]\nrepository = \"a/c\"".into(), "`image.repository` is missing"),
            (
                "[image]\nrepository = \"a/b\"\n[images.c]\nrepository = \"docker.io/a/b\"\ntarget = \"c\"".into(),
                "`main` and `c` both have the repository `docker.io/a/b`",
            ),
            (
                "[image]\nrepository = \"a/b\"\n[images.c]\nrepository = \"x/y\"\ntarget = \"c\"\n[images.d]\nrepositories = [\"a/d\", \"x/y\"]\ntarget = \"d\"".into(),
                "`c` and `d` both have",
            ),
            (
                "[image]\nrepository = \"localhost:5/b\"\nrepositories = [\"c/d\", \"127.0.0.1:5/b\"]".into(),
                "`image.repository` and `image.repositories[1]` are one repository: `localhost:5/b` and `127.0.0.1:5/b`",
            ),
            (
                "[image]\nrepository = \"localhost:5/b\"\n[images.c]\nrepository = \"127.0.0.1:5/b\"\ntarget = \"c\"".into(),
                "both have the repository `127.0.0.1:5/b`, which is `localhost:5/b`, too",
            ),
            (worker("platforms = [\"linux/amd64\", \"linux/amd64\"]"), "`linux/amd64` twice"),
            (worker("[image.build]\nlayout = \"dist\""), "`images.worker.layout` is missing"),
            (worker("dockerfile = \"../x\""), "images.worker.dockerfile"),
            (worker("[image.build]\ncontext = \"a\"\ndockerfile = \"../x\"\n[images.v]\nrepository = \"a/v\"\ncontext = \".\""), "seen from `images.v.context`"),
            (worker("[variants.x]\nimages = []"), "names no image"),
            (worker("[variants.x]\nimages = [\"wroker\"]"), "`wroker`, which is not an image"),
            (worker("[variants.x]\nimages = [\"main\", \"main\"]"), "twice"),
            (worker("[variants.x]\ntarget = { worker = \"x\" }"), "does not name"),
            (worker("[variants.x]\nimages = [\"main\", \"worker\"]\ntarget = { main = \"x\" }"), "no value for the image `worker`"),
            (worker("[variants.x]\nimages = [\"main\", \"worker\"]\ntarget = \"x\""), "`main/x` and `worker/x` are built from the same"),
            (worker("[variants.x]\nimages = [\"main\", \"worker\"]\nsuffix = \"-a\"\ntarget = { main = \"a\", worker = \"b\" }\n[variants.y]\nsuffix = \"-a\""), "same suffix"),
            (worker("[variants.\"a/b\"]\nsuffix = \"-a\""), "has no `/`"),
            (worker("[variants.x]\ntarget = 3"), "a string, or a table"),
            (worker("[variants.x]\ncontext = { worker = \"x\" }"), "does not name"),
            (worker("[variants.x]\ndockerfile = \"../x\"\ncontext = \".\""), "seen from `variants.x.context`"),
            (worker("[variants.x]\nplatforms = [\"linux/amd64\", \"linux/amd64\"]"), "`variants.x.platforms` has"),
            (worker("[variants.x]\nargs = [\"A=1\"]"), "args"),
            (worker("tarket = \"x\""), "tarket"),
            (worker("layout = \"dist/w\"\n[variants.x]\nimages = [\"worker\"]"), "`images.worker.layout` is set"),
        ] {
            let error = Policy::parse(&text, "release.toml").expect_err(&text);
            assert!(
                format!("{error:#} {:?}", error.causes()).contains(words),
                "{text}: {error:#}"
            );
            assert_eq!(error.exit_code(), 2, "{text}");
        }
    }

    #[test]
    fn what_sets_images_apart_is_enough() {
        for text in [
            "target = \"worker\"",
            "dockerfile = \"worker/Dockerfile\"",
            "args = { BIN = \"worker\" }",
            "labels = { a = \"b\" }",
            "layout = \"dist/worker\"",
            "layout = \"dist/worker\"\ncommand = [\"make\", \"worker\"]",
            "command = [\"make\", \"worker\"]",
            // No image has both variants.
            "target = \"w\"\n[variants.x]\nsuffix = \"-a\"\n[variants.y]\nsuffix = \"-a\"\nimages = [\"worker\"]",
        ] {
            parsed(&format!("{TWO}{text}"));
        }
        // Both come from layouts, which can be the same archive: their names decide.
        parsed(
            "[image]\nrepository = \"a/b\"\n[image.build]\nlayout = \"all.tar\"\n[images.c]\nrepository = \"a/c\"\nlayout = \"all.tar\"",
        );
    }
}
