//! The words by which a script, or a step that is not read, is known to push images.

use serde_json::Value;

use crate::init::yaml;

/// Whether the script pushes images.
pub(in crate::init) fn pushes_images(script: &str) -> bool {
    let has = |word: &str| script.contains(word);
    let push = has("--push") || has("push=true") || has("type=registry");
    let builders = [
        "docker buildx",
        "docker build",
        "buildx bake",
        "compose build",
        "buildctl",
        "depot build",
        "earthly",
    ];
    let packs = has("pack build") && has("--publish");
    [
        "docker push",
        "docker image push",
        "imagetools create",
        "docker manifest push",
        "buildah push",
        "podman push",
        "skopeo copy",
        "crane push",
        "crane tag",
        "crane copy",
        "crane cp",
        "crane append",
        "crane mutate",
        "crane index",
        "regctl image copy",
        "regctl image cp",
        "regctl index create",
        "oras cp",
        "oras copy",
        "oras tag",
        "skopeo sync",
        "manifest push",
        "manifest-tool push",
        "imgpkg push",
        "imgpkg copy",
        "apko publish",
        "gcloud builds submit",
        "docker tags add",
        "images add-tag",
        "az acr build",
        "az acr import",
        "ecr put-image",
        "container-image.push=true",
        "docker:push",
        "docker:publish",
        "Docker/publish",
        "--publishImage",
        "PublishContainer",
        "ko build",
        "ko publish",
        "compose push",
        "nerdctl push",
        "kaniko/executor",
        "ko apply",
        "ko resolve",
        "jib:build",
        "skaffold build",
        "skaffold run",
        "werf converge",
        "regctl image import",
    ]
    .iter()
    .any(|word| has(word))
        || script.lines().any(|line| is_made(line) || is_jib(line))
        || packs
        || push && builders.iter().any(|builder| has(builder))
}

/// Whether a line runs the task `jib` of Gradle, which pushes.
fn is_jib(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_gradle = words.any(|word| {
        word.rsplit('/')
            .next()
            .is_some_and(|name| matches!(name, "gradle" | "gradlew" | "gradlew.bat"))
    });
    is_gradle && words.any(|word| word == "jib" || word.ends_with(":jib"))
}

/// Whether a line runs a target of a make file that is called like a push of an image.
fn is_made(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let mut words = line.split_whitespace();
    let is_maker = matches!(words.next(), Some("make" | "just" | "task" | "mage"));
    let pushes = |word: &str| {
        ["push", "publish"].iter().any(|verb| word.contains(verb))
            && ["docker", "image", "container"]
                .iter()
                .any(|what| word.contains(what))
    };
    is_maker && words.any(pushes)
}

/// Whether a step can push an image.
pub(super) fn is_publishing(step: &Value, action: Option<&str>) -> bool {
    match action {
        Some(action) => {
            let name = action.to_lowercase();
            let known = [
                "build-push",
                "bake-action",
                "push-to-registry",
                "buildah-build",
                "kaniko",
                "docker-publish",
                "docker-build",
                "build-docker",
                "publish-docker",
                "buildx-push",
                "docker-push",
                "docker-manifest",
                "ko-build",
                "tag-push",
                "docker-promote",
                "registry-tag",
                "push-to-ghcr",
                "docker-action",
                "dagger-for-github",
                "acr-build",
                "build-image",
                "image-build",
                "push-image",
                "publish-image",
                "image-publish",
                "build-container",
                "container-build",
                "publish-container",
                "retag",
            ];
            known.iter().any(|word| name.contains(word)) && !name.contains("setup")
        }
        None => pushes_images(&yaml::text(&step["run"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_that_push() {
        for (action, expected) in [
            ("elgohr/publish-docker-github-action", true),
            ("macbre/push-to-ghcr", true),
            ("depot/build-push-action", true),
            ("dagger/dagger-for-github", true),
            ("docker/setup-buildx-action", false),
            ("docker/login-action", false),
            ("actions/checkout", false),
        ] {
            let found = is_publishing(&Value::Null, Some(action));
            assert_eq!(found, expected, "{action}");
        }
    }

    #[test]
    fn scripts_that_push_and_scripts_that_do_not() {
        for script in [
            "docker buildx imagetools create -t a:1 a:2",
            "oras tag ghcr.io/acme/api:1 stable",
            "regctl image cp a:1 b:1",
            "./gradlew clean :api:jib",
            "./gradlew bootBuildImage --publishImage",
            "./mvnw package -Dquarkus.container-image.push=true",
            "az acr build --image api .",
            "earthly --push +image",
            "make docker-push",
        ] {
            assert!(pushes_images(script), "{script}");
        }
        for script in [
            "docker build .",
            "docker compose build",
            "make push",
            "./gradlew jibDockerBuild",
            "earthly +image",
        ] {
            assert!(!pushes_images(script), "{script}");
        }
    }
}
