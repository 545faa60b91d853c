//! Settings of other release tools that say what `[version]` and `[branches]` should say.

use serde_json::Value;

use crate::init::yaml;

/// What another tool's settings say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Hints {
    /// The tool's name and file.
    pub(crate) from: Vec<String>,
    /// The git tag's template, with `{version}`.
    pub(crate) tag: Option<String>,
    pub(crate) stable: Vec<String>,
    pub(crate) maintenance: Vec<String>,
    /// Branch → label.
    pub(crate) prerelease: Vec<(String, String)>,
    pub(crate) left_out: Vec<String>,
}

impl Hints {
    /// Reads one file, by its name. A file of another tool, or one that says nothing of this, adds nothing.
    pub(crate) fn read(&mut self, file: &str, text: &str) {
        let name = file.rsplit('/').next().unwrap_or(file);
        match name {
            ".releaserc" | ".releaserc.json" | ".releaserc.yml" | ".releaserc.yaml" => {
                if let Some(settings) = yaml::parse(text) {
                    self.semantic_release(file, &settings);
                }
            }
            "package.json" => {
                let settings: Option<Value> = serde_json::from_str(text).ok();
                if let Some(release) = settings.as_ref().and_then(|all| all.get("release")) {
                    self.semantic_release(file, release);
                }
            }
            "cog.toml" => self.cocogitto(file, text),
            "release.toml" | "Cargo.toml" => self.cargo_release(file, text),
            _ => {}
        }
    }

    fn semantic_release(&mut self, file: &str, settings: &Value) {
        self.from.push(format!("semantic-release (`{file}`)"));
        if let Some(format) = settings["tagFormat"].as_str() {
            self.tag(format.replace("${version}", "{version}"));
        }
        let one = |branch: &Value| {
            let name = branch.as_str().or_else(|| branch["name"].as_str())?;
            Some((name.to_owned(), branch.get("prerelease").cloned()))
        };
        let branches = match &settings["branches"] {
            Value::Array(items) => items.iter().filter_map(one).collect(),
            other => one(other).into_iter().collect::<Vec<_>>(),
        };
        for (name, prerelease) in branches {
            match prerelease {
                Some(Value::String(label)) if !label.contains("${") => {
                    self.prerelease.push((name, label))
                }
                Some(Value::Bool(true)) => self.prerelease.push((name.clone(), name)),
                Some(Value::String(label)) => {
                    self.left_out
                        .push(format!("branch `{name}`: the label `{label}` is computed"));
                }
                _ if name.starts_with("+([0-9])") => {
                    self.maintenance = vec!["{major}.x".into(), "{major}.{minor}.x".into()];
                }
                _ if is_line(&name) => {
                    self.maintenance = vec!["{major}.x".into(), "{major}.{minor}.x".into()];
                }
                _ => self.stable.push(name),
            }
        }
    }

    fn cocogitto(&mut self, file: &str, text: &str) {
        let Ok(settings) = text.parse::<toml::Table>() else {
            return;
        };
        self.from.push(format!("cocogitto (`{file}`)"));
        let prefix = settings.get("tag_prefix").and_then(toml::Value::as_str);
        self.tag(format!("{}{{version}}", prefix.unwrap_or_default()));
        let branches = settings
            .get("branch_whitelist")
            .and_then(toml::Value::as_array);
        let names = branches
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str);
        self.stable.extend(names.map(str::to_owned));
        if settings.contains_key("packages") {
            self.left_out.push(
                "cocogitto's `packages`: one release.toml, and one `--config`, a package".into(),
            );
        }
    }

    /// The file of its own, or `[package.metadata.release]` of a manifest.
    fn cargo_release(&mut self, file: &str, text: &str) {
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
            Some(all.clone())
        };
        let Some(settings) = settings else { return };
        self.from.push(format!("cargo-release (`{file}`)"));
        let get = |key: &str| settings.get(key).and_then(toml::Value::as_str);
        let prefix = get("tag-prefix").unwrap_or_default();
        if let Some(name) = get("tag-name") {
            self.tag(
                name.replace("{{prefix}}", prefix)
                    .replace("{{version}}", "{version}"),
            );
        } else if !prefix.is_empty() {
            self.tag(format!("{prefix}v{{version}}"));
        }
        let branches = settings.get("allow-branch").and_then(toml::Value::as_array);
        let names = branches
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str);
        self.stable
            .extend(names.filter(|name| *name != "*").map(str::to_owned));
    }

    fn tag(&mut self, template: String) {
        if template.parse::<crate::policy::GitTagTemplate>().is_ok() {
            self.tag = self.tag.take().or(Some(template));
        } else {
            self.left_out
                .push(format!("git tag `{template}`: it has no counterpart"));
        }
    }
}

/// `1.x`, `1.2.x`
fn is_line(name: &str) -> bool {
    name.strip_suffix(".x").is_some_and(|numbers| {
        numbers
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use crate::init::tools::*;

    fn read(file: &str, text: &str) -> Hints {
        let mut hints = Hints::default();
        hints.read(file, text);
        hints
    }

    #[test]
    fn semantic_release() {
        let text = "tagFormat: 'api-${version}'\nbranches:\n  - main\n  - +([0-9])?(.{+([0-9]),x}).x\n  - {name: next, prerelease: true}\n  - {name: beta, prerelease: b}\n";
        let hints = read(".releaserc", text);
        assert_eq!(hints.tag.as_deref(), Some("api-{version}"));
        assert_eq!(hints.stable, ["main"]);
        assert_eq!(hints.maintenance.len(), 2);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(hints.prerelease, [pair("next", "next"), pair("beta", "b")]);
        let json = r#"{"name": "x", "release": {"branches": "trunk"}}"#;
        assert_eq!(read("package.json", json).stable, ["trunk"]);
        assert_eq!(read("package.json", "{}"), Hints::default());
    }

    #[test]
    fn cocogitto_and_cargo_release() {
        let hints = read(
            "cog.toml",
            "tag_prefix = \"v\"\nbranch_whitelist = [\"main\", \"hotfix/**\"]",
        );
        assert_eq!(hints.tag.as_deref(), Some("v{version}"));
        assert_eq!(hints.stable, ["main", "hotfix/**"]);
        let hints = read(
            "release.toml",
            "tag-name = \"{{prefix}}{{version}}\"\ntag-prefix = \"api-\"",
        );
        assert_eq!(hints.tag.as_deref(), Some("api-{version}"));
        let manifest = "[package.metadata.release]\nallow-branch = [\"main\"]";
        assert_eq!(read("Cargo.toml", manifest).stable, ["main"]);
        assert_eq!(
            read("Cargo.toml", "[package]\nname = \"x\""),
            Hints::default()
        );
    }
}
