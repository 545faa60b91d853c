use crate::init::tools::*;

fn read(file: &str, text: &str) -> Hints {
    let mut hints = Hints::default();
    hints.read(file, text);
    hints
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn semantic_release() {
    let text = "tagFormat: 'api-${version}'\nbranches:\n  - main\n  - +([0-9])?(.{+([0-9]),x}).x\n  - {name: next, prerelease: true}\n  - {name: beta, prerelease: b}\n";
    let hints = read(".releaserc", text);
    assert_eq!(hints.tag.as_deref(), Some("api-{version}"));
    assert_eq!(hints.stable, ["main"]);
    assert_eq!(hints.maintenance.len(), 2);
    assert_eq!(hints.prerelease, [pair("next", "next"), pair("beta", "b")]);
    let json = r#"{"name": "x", "release": {"branches": "trunk"}}"#;
    assert_eq!(read("package.json", json).stable, ["trunk"]);
    assert_eq!(read("package.json", "{}"), Hints::default());
}

#[test]
fn maintenance_branches_with_a_prefix_and_rules() {
    let text = r#"{"tagFormat": "${version}", "branches": [
        {"name": "maint/+([0-9])?(.{+([0-9]),x}).x", "range": "${name.replace(/^maint\\//g,\"\")}"},
        "v1.x", {"name": "old", "range": "2.x"}, "feature/+(a|b)", "main"],
      "analyzeCommits": {"releaseRules": [
        {"type": "build", "release": "patch"}, {"type": "feat", "release": "minor"},
        {"type": "docs", "scope": "readme", "release": "patch"}, {"type": "chore", "release": false},
        {"subject": "x", "release": "patch"}]},
      "plugins": [["@semantic-release/commit-analyzer", {"preset": "eslint"}], "@semantic-release/npm",
        ["@semantic-release/exec", {"publishCmd": "make"}]]}"#;
    let hints = read(".releaserc.json", text);
    assert_eq!(
        hints.maintenance,
        [
            "maint/{major}.x",
            "maint/{major}.{minor}.x",
            "v{major}.x",
            "v{major}.{minor}.x"
        ]
    );
    assert_eq!(hints.stable, ["main"]);
    let bumps: Vec<&str> = hints.rules.iter().map(|(_, bump)| &**bump).collect();
    assert_eq!(bumps, ["none", "patch", "patch"]);
    for words in [
        "`old`",
        "feature/+",
        "subject",
        "eslint",
        "@semantic-release/npm",
        "exec",
    ] {
        assert!(
            hints.left_out.concat().contains(words),
            "{words}: {:?}",
            hints.left_out
        );
    }
}

#[test]
fn defaults_of_semantic_release_are_its_own() {
    let hints = read(".releaserc.yml", "plugins: ['@semantic-release/github']");
    assert_eq!(hints.stable, ["main", "master"]);
    assert_eq!(
        hints.prerelease,
        [pair("beta", "beta"), pair("alpha", "alpha")]
    );
    assert!(hints.left_out.concat().contains("next-major"));
}

#[test]
fn release_please() {
    let text = r#"{"packages": {".": {"release-type": "rust", "component": "api", "bump-minor-pre-major": true}}}"#;
    let mut hints = read("release-please-config.json", text);
    hints.read(".release-please-manifest.json", r#"{".": "0.4.2"}"#);
    assert_eq!(hints.tag.as_deref(), Some("api-v{version}"));
    assert_eq!(hints.zero.as_deref(), Some("minor"));
    assert_eq!(hints.initial.as_deref(), Some("0.4.2"));
    let plain = read(
        "release-please-config.json",
        r#"{"packages": {".": {}, "web": {}}, "include-v-in-tag": false}"#,
    );
    assert_eq!(plain.tag.as_deref(), Some("{version}"));
    assert_eq!(plain.zero.as_deref(), Some("strict"));
    assert!(
        plain.left_out.concat().contains("`web`"),
        "{:?}",
        plain.left_out
    );
}

#[test]
fn cocogitto_and_cargo_release() {
    let hints = read(
        "cog.toml",
        "tag_prefix = \"v\"\nbranch_whitelist = [\"main\", \"hotfix/**\"]\npre_bump_hooks = [\"make\"]\n[commit_types]\nhotfix = { changelog_title = \"x\", bump_patch = true }",
    );
    assert_eq!(hints.tag.as_deref(), Some("v{version}"));
    assert_eq!(hints.stable, ["main", "hotfix/**"]);
    assert_eq!(hints.rules.len(), 1);
    assert!(hints.left_out.concat().contains("pre_bump_hooks"));
    let hints = read(
        "release.toml",
        "tag-name = \"{{prefix}}{{version}}\"\ntag-prefix = \"api-\"\nsign-tag = true",
    );
    assert_eq!(hints.tag.as_deref(), Some("api-{version}"));
    assert!(hints.left_out.concat().contains("git.sign"));
    let manifest = "[package.metadata.release]\nallow-branch = [\"main\"]";
    assert_eq!(read("Cargo.toml", manifest).stable, ["main"]);
    assert_eq!(
        read("Cargo.toml", "[package]\nname = \"x\""),
        Hints::default()
    );
}

#[test]
fn programs_are_named() {
    assert!(
        read("release.config.js", "module.exports = {}")
            .left_out
            .concat()
            .contains("found, not read")
    );
    assert!(
        read("Makefile", "push:\n\tdocker push acme/api")
            .left_out
            .concat()
            .contains("pushes images")
    );
    assert_eq!(read("Makefile", "all:\n\tcargo build"), Hints::default());
}

#[test]
fn the_highest_of_all_rules_that_fit_comes_first() {
    let hints = read(
        ".releaserc.json",
        r#"{"releaseRules": [
            {"type": "refactor", "release": "patch"},
            {"scope": "core", "release": "minor"},
            {"scope": "none", "release": false},
            {"type": "docs", "release": "patch"},
            {"type": "fix", "release": "patch"}
        ]}"#,
    );
    let shown: Vec<String> = hints
        .rules
        .iter()
        .map(|(conditions, bump)| format!("{}={} {bump}", conditions[0].0, conditions[0].1))
        .collect();
    // `fix` says the default, and is kept: a later rule would take the fixes of the core.
    assert_eq!(
        shown,
        [
            "type=docs patch",
            "type=fix patch",
            "scope=none none",
            "scope=core minor",
            "type=refactor patch",
        ]
    );
}
