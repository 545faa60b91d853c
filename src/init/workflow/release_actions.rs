//! What known actions that make a release say of it, so that later steps can be read.

use crate::init::{scenario::Scenario, term::Object};

/// The outputs of a step, by the name of its action; `None` where the action makes no release.
pub(super) fn outputs(action: &str, scenario: &Scenario<'_>) -> Option<Object> {
    let version = scenario.version;
    let (text, tag) = (version.to_string(), scenario.tag());
    let (major, minor, patch) = (
        version.major.to_string(),
        version.minor.to_string(),
        version.patch.to_string(),
    );
    let out = Object::open();
    Some(match action {
        "googleapis/release-please-action" | "google-github-actions/release-please-action" => out
            .with("release_created", "true")
            .with("releases_created", "true")
            .with("tag_name", tag)
            .with("version", text)
            .with("major", major)
            .with("minor", minor)
            .with("patch", patch),
        "cycjimmy/semantic-release-action" => out
            .with("new_release_published", "true")
            .with("new_release_version", text)
            .with("new_release_major_version", major)
            .with("new_release_minor_version", minor)
            .with("new_release_patch_version", patch)
            .with("new_release_git_tag", tag),
        "codfish/semantic-release-action" => out
            .with("new-release-published", "true")
            .with("release-version", text)
            .with("release-major", major)
            .with("release-minor", minor)
            .with("release-patch", patch)
            .with("git-tag", tag),
        "go-semantic-release/action" => out
            .with("version", text)
            .with("version_major", major)
            .with("version_minor", minor)
            .with("version_patch", patch),
        "mathieudutour/github-tag-action" | "anothrNick/github-tag-action" => out
            .with("new_version", text)
            .with("new_tag", tag.clone())
            .with("tag", tag),
        "python-semantic-release/python-semantic-release" => out
            .with("released", "true")
            .with("version", text)
            .with("tag", tag),
        "cocogitto/cocogitto-action" => out.with("version", tag),
        "orhun/git-cliff-action" => out.with("version", tag),
        "softprops/action-gh-release" | "ncipollo/release-action" => out.with("tag_name", tag),
        _ => return None,
    })
}

/// Whether the action decides on the version itself, so that a push to a branch can be a release.
pub(super) fn makes_release(action: &str) -> bool {
    [
        "release-please-action",
        "semantic-release",
        "github-tag-action",
        "go-semantic-release",
        "cocogitto-action",
    ]
    .iter()
    .any(|name| action.contains(name))
}

/// What the environment of a pushed tag gives a version action.
pub(super) fn of_the_ref(action: &str, scenario: &Scenario<'_>) -> Option<Object> {
    let tag = scenario.tag();
    let plain = scenario.version.to_string();
    let out = Object::open();
    Some(match action {
        "battila7/get-version-action" => out
            .with("version", tag)
            .with("version-without-v", plain)
            .with("major", scenario.version.major.to_string())
            .with("minor", scenario.version.minor.to_string())
            .with("patch", scenario.version.patch.to_string()),
        "dawidd6/action-get-tag" | "olegtarasov/get-tag" => out.with("tag", tag),
        _ => return None,
    })
}
