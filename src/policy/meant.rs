//! The key that somebody means who writes one that does not exist: one of another table, a word of another
//! tool, or a slip of the keyboard.

use serde_json::Value;

/// The JSON Schema of the policy: it has every key.
const SCHEMA: &str = include_str!("../../schema/release.json");

/// Words for what hoist calls something else, and what that is. Each in lower case, with `-`.
const WORDS: [(&[&str], &str); 19] = [
    (
        &["gate", "gates", "scan", "test", "tests", "check"],
        "a program that can refuse the image is `hooks.after-stage = [{ run = [\"…\"] }]`",
    ),
    (
        &["pre-build", "prebuild", "before", "pre-release-hook"],
        "a program before the build is `hooks.before-build = [{ run = [\"…\"] }]`",
    ),
    (
        &["after", "post-release", "post-publish", "after-publish"],
        "a program after the release is `hooks.after-release = [{ run = [\"…\"] }]`",
    ),
    (
        &["signing", "signature", "signatures", "cosign"],
        "images are signed as `[sign]` says (`with = \"cosign\"`), git tags with `git.sign = true`",
    ),
    (
        &["docker", "container", "oci"],
        "`[image]` says where the image goes, `[image.build]` how it is built",
    ),
    (
        &["registry", "registries", "repo", "repos", "image-name"],
        "where the image goes is `image.repository = \"HOST/NAME\"`, with the host of the registry in it",
    ),
    (
        &["tag", "git-tag"],
        "the git tag's name is `version.tag`, the image's tags are `tags.fixed` and `tags.moving`",
    ),
    (
        &[
            "tag-prefix",
            "tag-name",
            "tag-template",
            "prefix",
            "tag-format",
        ],
        "the git tag's name is `version.tag = \"v{version}\"`",
    ),
    (
        &["build-args", "build-arg", "buildargs", "arguments"],
        "build arguments are `image.build.args = { NAME = \"…\" }`",
    ),
    (&["file"], "the Dockerfile is `image.build.dockerfile`"),
    (
        &["stage"],
        "the stage of the Dockerfile is `image.build.target`",
    ),
    (
        &["cache"],
        "caches are `image.build.cache-from` and `image.build.cache-to`",
    ),
    (
        &["arch", "archs", "architecture", "architectures"],
        "platforms are `image.build.platforms = [\"linux/amd64\"]`",
    ),
    (
        &["branch", "release-branches"],
        "branches that release stable versions are `branches.stable`",
    ),
    (
        &["github", "gitlab", "release"],
        "the release on the forge is `[forge]`",
    ),
    (
        &[
            "notify",
            "notification",
            "notifications",
            "slack",
            "webhook",
            "webhooks",
        ],
        "announcements are `[[announce]]`",
    ),
    (
        &["artifacts", "attachments"],
        "files of the release are `forge.assets`, files about an image `[[attach]]`",
    ),
    (
        &["retries", "retry"],
        "how long hoist keeps trying is `publish.deadline`",
    ),
    (
        &["extra-tags", "aliases", "floating"],
        "tags that follow the highest version are `tags.moving`",
    ),
];

/// The answer to a key that does not exist at `path` (`image.dockerfile`), where keys of another place
/// answer it.
pub(super) fn meant(path: &str) -> Option<String> {
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let key = key.to_lowercase().replace('_', "-");
    if (table, &*key) == ("tags", "tag") {
        return Some(
            "tags that never move are `tags.fixed`, those that follow the highest version `tags.moving`"
                .to_owned(),
        );
    }
    if let Some((_, answer)) = WORDS.iter().find(|(words, _)| words.contains(&&*key)) {
        return Some((*answer).to_owned());
    }
    let places = places(&key);
    let places: Vec<String> = places.iter().map(|path| format!("`{path}`")).collect();
    match &*places {
        [] => None,
        [one] => Some(format!("the key is {one}")),
        [first @ .., last] => Some(format!("the key is {} or {last}", first.join(", "))),
    }
}

/// The paths of the policy that end with the key, those of the main image before those of others.
fn places(key: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    let mut all = Vec::new();
    below(&schema, "", &mut |path| {
        if path.rsplit('.').next() == Some(key) {
            all.push(path.to_owned());
        }
    });
    let is_of_named = |path: &String| path.contains(".NAME.");
    if !all.iter().all(is_of_named) {
        all.retain(|path| !is_of_named(path));
    }
    all
}

/// Every key below a table of the schema, by its path. Tables with names of the user's own have `NAME`.
fn below(table: &Value, path: &str, each: &mut dyn FnMut(&str)) {
    let joined = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    for (name, value) in table["properties"].as_object().into_iter().flatten() {
        let path = joined(name);
        each(&path);
        below(value, &path, each);
    }
    if table["additionalProperties"].is_object() {
        below(&table["additionalProperties"], &joined("NAME"), each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn a_key_of_another_table_or_tool_is_answered_with_the_right_one() {
        for (text, answer) in [
            ("gate = [\"trivy\"]\n", "`hooks.after-stage"),
            ("[signing]\nkey = \"k\"\n", "`[sign]`"),
            ("[build]\nplatforms = []\n", "`image.build`"),
            ("[docker]\nimage = \"a/b\"\n", "`[image.build]`"),
            ("[image]\nregistry = \"ghcr.io\"\n", "`image.repository"),
            ("registry = \"ghcr.io\"\n", "`image.repository"),
            ("[image]\ntag = \"v1\"\n", "`version.tag`"),
            ("tag = \"v{version}\"\n", "`version.tag`"),
            ("[tags]\ntag = \"{version}\"\n", "`tags.fixed`"),
            ("[git]\ntag_prefix = \"v\"\n", "`version.tag"),
            ("repository = \"a/b\"\n", "`image.repository`"),
            ("[image]\ndockerfile = \"x\"\n", "`image.build.dockerfile`"),
            ("[image]\nplatforms = []\n", "`image.build.platforms`"),
            ("[image.build]\nlabels = {}\n", "`image.labels`"),
            ("[publish]\npush = false\n", "`git.push`"),
            ("[tags]\nsuffix = \"-x\"\n", "`variants.NAME.suffix`"),
            ("squash = \"body\"\n", "`version.squash`"),
            ("[image.build]\nbuild-args = {}\n", "`image.build.args"),
            ("[version]\nchangelog = true\n", "`notes.changelog`"),
        ] {
            let error = Policy::parse(text, "release.toml").expect_err(text);
            let hint = error.first_hint().unwrap_or_default();
            assert!(hint.contains(answer), "{text}: {error:#}");
        }
    }

    #[test]
    fn a_slip_is_still_answered_with_the_nearest_key() {
        for (text, answer) in [
            ("[tags]\nmovng = []\n", "did you mean `moving`?"),
            ("[git]\nlock_refs = \"x\"\n", "did you mean `lock-refs`?"),
            ("[hook]\nx = 1\n", "did you mean `hooks`?"),
            ("[version]\nfile = []\n", "did you mean `files`?"),
        ] {
            let error = Policy::parse(text, "release.toml").expect_err(text);
            assert_eq!(error.first_hint(), Some(answer), "{text}");
        }
    }

    #[test]
    fn no_word_hides_a_key_that_exists() {
        let schema: Value = serde_json::from_str(SCHEMA).expect("it is JSON");
        let mut top = Vec::new();
        below(&schema, "", &mut |path| top.push(path.to_owned()));
        assert!(top.contains(&"image.build.target".to_owned()));
        assert!(top.contains(&"variants.NAME.suffix".to_owned()));
        for (_, answer) in WORDS {
            let mut quoted = answer.split('`').skip(1).step_by(2);
            assert!(
                quoted.all(|code| {
                    let key = code.trim_matches(['[', ']']);
                    let key = key.split([' ', '=']).next().unwrap_or_default();
                    key == "with" || top.contains(&key.to_owned())
                }),
                "{answer}"
            );
        }
    }

    #[test]
    fn a_table_that_got_a_value_is_said_to_be_one() {
        for (text, answer) in [
            ("image = \"docker.io/acme/api\"\n", "`image.repository`"),
            ("sign = true\n", "`[sign]`"),
            ("forge = \"github\"\n", "`[forge]`"),
            ("[image]\nbuild = \".\"\n", "`[image.build]`"),
        ] {
            let error = Policy::parse(text, "release.toml").expect_err(text);
            let hint = error.first_hint().unwrap_or_default();
            assert!(hint.contains(answer), "{text}: {error:#}");
            assert!(
                !format!("{error:#}").contains("struct"),
                "{text}: {error:#}"
            );
        }
    }
}
