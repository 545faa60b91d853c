//! cargo-release: its own file, or the metadata of a manifest.

use toml::Value;

use crate::init::tools::Hints;

/// Keys that say nothing of images, tags or branches.
const WITHOUT_MEANING: [&str; 10] = [
    "publish",
    "verify",
    "registry",
    "shared-version",
    "consolidate-commits",
    "dependent-version",
    "metadata",
    "owners",
    "target",
    "rate-limit",
];

impl Hints {
    /// The file of its own, or `[package.metadata.release]` of a manifest.
    pub(super) fn cargo_release(&mut self, file: &str, text: &str) {
        let Ok(all) = text.parse::<toml::Table>() else {
            return;
        };
        let metadata = |table: &str| {
            all.get(table)?
                .get("metadata")?
                .get("release")?
                .as_table()
                .cloned()
        };
        let settings = if file.ends_with("Cargo.toml") {
            metadata("workspace").or_else(|| metadata("package"))
        } else {
            crate::policy::is_cargo_release(text).then(|| all.clone())
        };
        let Some(settings) = settings else { return };
        self.from.push(format!("cargo-release (`{file}`)"));
        let get = |key: &str| settings.get(key).and_then(Value::as_str);
        let prefix = get("tag-prefix").unwrap_or_default();
        if let Some(name) = get("tag-name") {
            self.git_tag(
                name.replace("{{prefix}}", prefix)
                    .replace("{{version}}", "{version}"),
            );
        } else if !prefix.is_empty() {
            self.git_tag(format!("{prefix}v{{version}}"));
        }
        let branches = settings.get("allow-branch").and_then(Value::as_array);
        for name in branches.into_iter().flatten().filter_map(Value::as_str) {
            match name {
                "*" => {}
                name if name.starts_with('!') => self.left(format!(
                    "branch `{name}` of `{file}`: branches that may not release have no key"
                )),
                name => self.stable.push(name.to_owned()),
            }
        }
        for (key, value) in &settings {
            let why = match &**key {
                "tag-prefix" | "tag-name" | "allow-branch" => continue,
                key if WITHOUT_MEANING.contains(&key) => continue,
                "sign-tag" | "sign-commit" => "`git.sign = true` signs the git tag",
                "pre-release-replacements" => {
                    "`version.files` names the files that carry the version"
                }
                "pre-release-hook" => "found, not read: hooks are programs",
                "push" | "push-remote" => "`[git]` says where to",
                _ => "it has no counterpart",
            };
            let shown = value.to_string();
            let shown: String = shown.chars().take(60).collect();
            self.left(format!("`{key} = {shown}` of `{file}`: {why}"));
        }
    }
}
