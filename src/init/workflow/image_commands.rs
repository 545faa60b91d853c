//! What single commands of a shell do with images.

use std::collections::BTreeMap;

/// What a command does with images.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ImageCommand<'a> {
    Build(&'a [String]),
    Bake(&'a [String]),
    /// Services of a compose file are built and pushed, or pushed: the inputs of docker/bake-action
    /// that do the same.
    Compose(BTreeMap<String, String>),
    /// Another name for an image of the machine.
    Tag(&'a str, &'a str),
    /// The image with the first name is pushed under each of the others.
    Push(&'a str, Vec<String>),
    /// All images of the machine that have a name in this repository.
    PushAll(&'a str),
    /// Further tags of an image in a registry.
    Retag(&'a str, Vec<&'a str>),
    /// Names for what is in a registry, and its names there.
    Name(Vec<&'a str>, Vec<&'a str>),
    Goreleaser,
}

/// Flags of commands that copy and push images whose value is the word that follows.
const WITH_VALUE: [&str; 30] = [
    "--platform",
    "--format",
    "-f",
    "--authfile",
    "--creds",
    "--src-creds",
    "--dest-creds",
    "--src-authfile",
    "--dest-authfile",
    "--src-cert-dir",
    "--dest-cert-dir",
    "--cert-dir",
    "--retry-times",
    "--retry-delay",
    "--override-arch",
    "--override-os",
    "--override-variant",
    "--multi-arch",
    "--additional-tag",
    "--dest-compress-format",
    "--dest-compress-level",
    "--compression-format",
    "--compression-level",
    "--digestfile",
    "--sign-by",
    "--from-username",
    "--from-password",
    "--to-username",
    "--to-password",
    "--concurrency",
];

/// The words of a command that are neither flags nor their values.
fn operands<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut operands = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let is_redirection = word.contains('>');
        if WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with('-') && !is_redirection {
            operands.push(word);
        }
    }
    operands
}

/// What a command does with images; `None` where it does nothing that is known.
pub(super) fn image_command(words: &[String]) -> Option<ImageCommand<'_>> {
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(match &*plain {
        ["docker" | "podman" | "nerdctl", "build", ..] => ImageCommand::Build(&words[2..]),
        ["docker", "image" | "buildx" | "builder", "build" | "b", ..] => {
            ImageCommand::Build(&words[3..])
        }
        ["buildah", "build" | "bud", ..] => ImageCommand::Build(&words[2..]),
        ["docker", "buildx", "bake", ..] => ImageCommand::Bake(&words[3..]),
        ["docker" | "podman" | "nerdctl", "compose", rest @ ..]
        | ["docker-compose" | "podman-compose", rest @ ..] => {
            ImageCommand::Compose(compose_inputs(rest)?)
        }
        [
            "docker" | "podman" | "nerdctl" | "buildah",
            "tag",
            rest @ ..,
        ]
        | ["docker", "image", "tag", rest @ ..] => {
            let operands = operands(rest);
            let [from, to, ..] = *operands else {
                return None;
            };
            ImageCommand::Tag(name(from), name(to))
        }
        ["docker" | "nerdctl" | "podman", "push", rest @ ..]
            if rest.iter().any(|word| matches!(*word, "-a" | "--all-tags")) =>
        {
            ImageCommand::PushAll(operands(rest).first()?)
        }
        ["docker" | "nerdctl", "push", rest @ ..]
        | ["docker", "image" | "manifest", "push", rest @ ..] => one(rest)?,
        ["buildah" | "podman", "manifest", "push", rest @ ..]
        | ["podman" | "buildah", "push", rest @ ..] => two(rest).or_else(|| one(rest))?,
        ["docker", "buildx", "imagetools", "create", rest @ ..] => {
            // `$(jq …)` is a word that is not known; whoever wrote it uses the metadata step's tags.
            created(rest)?
        }
        ["skopeo", "copy", rest @ ..] => copied(rest, "--additional-tag")?,
        ["crane" | "gcrane", "copy" | "cp", rest @ ..] => two(rest)?,
        ["regctl", "image", "copy" | "cp", rest @ ..] => two(rest)?,
        ["oras", "cp" | "copy", rest @ ..] => several(rest)?,
        ["crane" | "gcrane", "tag", rest @ ..] | ["oras", "tag", rest @ ..] => {
            let operands = operands(rest);
            let (from, tags) = operands
                .split_first()
                .filter(|(_, tags)| !tags.is_empty())?;
            ImageCommand::Retag(from, tags.to_vec())
        }
        ["goreleaser", "release", rest @ ..] => {
            let dry = |word: &&str| {
                *word == "--snapshot"
                    || word.contains("skip-publish")
                    || word.contains("skip=publish")
            };
            if rest.iter().any(dry) {
                return None;
            }
            ImageCommand::Goreleaser
        }
        _ => return None,
    })
}

/// The name without the transport before it.
fn name(text: &str) -> &str {
    text.trim_start_matches("docker://")
}

fn one<'a>(words: &[&'a str]) -> Option<ImageCommand<'a>> {
    let operands = operands(words);
    let own = name(operands.first()?);
    Some(ImageCommand::Push(own, vec![own.to_owned()]))
}

fn two<'a>(words: &[&'a str]) -> Option<ImageCommand<'a>> {
    let operands = operands(words);
    let [from, to, ..] = *operands else {
        return None;
    };
    Some(ImageCommand::Push(name(from), vec![name(to).to_owned()]))
}

/// A copy whose flag `flag` gives further names.
fn copied<'a>(words: &[&'a str], flag: &str) -> Option<ImageCommand<'a>> {
    let ImageCommand::Push(from, mut names) = two(words)? else {
        return None;
    };
    names.extend(
        values(words, &[flag])
            .into_iter()
            .map(|one| name(one).to_owned()),
    );
    Some(ImageCommand::Push(from, names))
}

/// A copy to `name:tag,tag,…`.
fn several<'a>(words: &[&'a str]) -> Option<ImageCommand<'a>> {
    let ImageCommand::Push(from, names) = two(words)? else {
        return None;
    };
    let first = names.first()?;
    let (repository, tags) = match first.rsplit_once(':') {
        Some((repository, tags)) if tags.contains(',') && !tags.contains('}') => (repository, tags),
        _ => return Some(ImageCommand::Push(from, names)),
    };
    let all = tags.split(',').map(|tag| format!("{repository}:{tag}"));
    Some(ImageCommand::Push(from, all.collect()))
}

/// Flags of `imagetools create` whose value is the word that follows.
const OF_CREATE: [&str; 9] = [
    "-t",
    "--tag",
    "-f",
    "--file",
    "--annotation",
    "--builder",
    "--platform",
    "--progress",
    "--metadata-file",
];

/// `imagetools create`; `None` where it only shows what it would make.
fn created<'a>(words: &[&'a str]) -> Option<ImageCommand<'a>> {
    if words.contains(&"--dry-run") {
        return None;
    }
    let mut sources = Vec::new();
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        if OF_CREATE.contains(&word) {
            rest.next();
        } else if !word.starts_with('-') {
            sources.push(word);
        }
    }
    Some(ImageCommand::Name(values(words, &["-t", "--tag"]), sources))
}

/// The values of flags, attached with `=` or as the word that follows.
fn values<'a>(words: &[&'a str], flags: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match word.split_once('=') {
            _ if flags.contains(word) => found.extend(words.get(at + 1).copied()),
            Some((flag, value)) if flags.contains(&flag) => found.push(value),
            _ => {}
        }
    }
    found
}

/// `docker buildx bake` as the inputs of docker/bake-action.
pub(super) fn bake_inputs(words: &[String], folder: Option<&str>) -> BTreeMap<String, String> {
    let mut inputs: BTreeMap<String, String> = BTreeMap::new();
    let mut give = |name: &str, value: &str| {
        let known = inputs.entry(name.to_owned()).or_default();
        if !known.is_empty() {
            known.push('\n');
        }
        known.push_str(value);
    };
    give("workdir", folder.unwrap_or("."));
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if word.starts_with('-') => (name, Some(value)),
            _ => (word, None),
        };
        match name {
            "-f" | "--file" => give(
                "files",
                attached.or_else(|| words.next()).unwrap_or_default(),
            ),
            "--set" => give("set", attached.or_else(|| words.next()).unwrap_or_default()),
            "--push" => give("push", attached.unwrap_or("true")),
            "--progress" | "--builder" | "--metadata-file" | "--provenance" | "--sbom"
            | "--allow"
                if attached.is_none() =>
            {
                words.next();
            }
            name if name.starts_with('-') => {}
            target if !target.contains('>') => give("targets", target),
            _ => {}
        }
    }
    inputs
}

/// Flags of `docker compose` before its verb whose value is the word that follows, but for those that
/// name files.
const OF_COMPOSE: [&str; 8] = [
    "-p",
    "--project-name",
    "--project-directory",
    "--profile",
    "--env-file",
    "--ansi",
    "--progress",
    "--parallel",
];

/// Flags of `docker compose build` whose value is the word that follows.
const OF_COMPOSE_BUILD: [&str; 6] = [
    "--build-arg",
    "--builder",
    "-m",
    "--memory",
    "--ssh",
    "--progress",
];

/// `docker compose build --push` and `docker compose push` as the inputs of docker/bake-action;
/// `None` where nothing is pushed.
fn compose_inputs(words: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut files: Vec<&str> = Vec::new();
    let mut words = words.iter().copied();
    let verb = loop {
        let word = words.next()?;
        match word.split_once('=') {
            Some(("-f" | "--file", file)) => files.push(file),
            _ if matches!(word, "-f" | "--file") => files.push(words.next()?),
            _ if OF_COMPOSE.contains(&word) => {
                words.next();
            }
            _ if word.starts_with('-') => {}
            _ => break word,
        }
    };
    let mut pushes = verb == "push";
    if !pushes && verb != "build" {
        return None;
    }
    let mut services: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "--push" => pushes = true,
            word if OF_COMPOSE_BUILD.contains(&word) => {
                words.next();
            }
            word if word.starts_with('-') || word.contains('>') => {}
            service => services.push(service),
        }
    }
    let inputs = [
        ("files", files.join("\n")),
        ("targets", services.join("\n")),
        ("push", "true".to_owned()),
    ];
    let inputs = inputs.map(|(name, value)| (name.to_owned(), value));
    pushes.then(|| BTreeMap::from(inputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_do_with_images() {
        let read = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            image_command(&words).map(|command| format!("{command:?}"))
        };
        for (line, expected) in [
            (
                "docker push -q acme/api:1",
                "Push(\"acme/api:1\", [\"acme/api:1\"])",
            ),
            (
                "podman push api docker://acme/api:1",
                "Push(\"api\", [\"acme/api:1\"])",
            ),
            (
                "docker manifest push --purge acme/api:1",
                "Push(\"acme/api:1\", [\"acme/api:1\"])",
            ),
            ("docker tag api acme/api:1", "Tag(\"api\", \"acme/api:1\")"),
            ("docker image tag a b", "Tag(\"a\", \"b\")"),
            (
                "skopeo copy --all docker://a:1 docker://b:1",
                "Push(\"a:1\", [\"b:1\"])",
            ),
            (
                "docker buildx imagetools create -t a:1 --tag=a:2 a@sha256:0",
                "Name([\"a:1\", \"a:2\"], [\"a@sha256:0\"])",
            ),
            (
                "skopeo copy --format v2s2 --dest-creds u:p docker://a:1 docker://b:1",
                "Push(\"a:1\", [\"b:1\"])",
            ),
            (
                "skopeo copy docker://a:1 docker://b:1 --additional-tag b:2",
                "Push(\"a:1\", [\"b:1\", \"b:2\"])",
            ),
            (
                "crane cp --platform linux/amd64 a:1 b:1",
                "Push(\"a:1\", [\"b:1\"])",
            ),
            (
                "oras cp -r a:1 b:1,stable",
                "Push(\"a:1\", [\"b:1\", \"b:stable\"])",
            ),
            (
                "oras tag a:1 1.2 stable",
                "Retag(\"a:1\", [\"1.2\", \"stable\"])",
            ),
            (
                "docker compose -f a.yml build --push --build-arg A=1 api",
                "Compose({\"files\": \"a.yml\", \"push\": \"true\", \"targets\": \"api\"})",
            ),
            (
                "docker-compose --file=a.yml push",
                "Compose({\"files\": \"a.yml\", \"push\": \"true\", \"targets\": \"\"})",
            ),
            ("docker buildx build .", "Build([\".\"])"),
            ("docker build . >log", "Build([\".\", \">log\"])"),
            ("docker push -a acme/api", "PushAll(\"acme/api\")"),
            ("crane tag a:1 stable", "Retag(\"a:1\", [\"stable\"])"),
            ("goreleaser release --clean", "Goreleaser"),
        ] {
            assert_eq!(read(line).as_deref(), Some(expected), "{line}");
        }
        for line in [
            "docker login",
            "goreleaser release --snapshot",
            "docker tag a",
            "crane tag a:1",
            "docker compose up --build",
            "docker compose build api",
            "docker buildx imagetools create --dry-run -t a:1 a:2",
            "echo docker push x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn bake_on_the_command_line() {
        let words = [
            "-f",
            "a.hcl",
            "--file=b.json",
            "--set",
            "*.output=type=registry",
            "--push",
            "api",
        ]
        .map(str::to_owned);
        let inputs = bake_inputs(&words, Some("app"));
        let all: Vec<(&str, &str)> = inputs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            all,
            [
                ("files", "a.hcl\nb.json"),
                ("push", "true"),
                ("set", "*.output=type=registry"),
                ("targets", "api"),
                ("workdir", "app"),
            ]
        );
    }
}
