//! release-please: the git tag, what counts while major is 0, and the version so far.

use serde_json::Value;

use crate::init::tools::Hints;

impl Hints {
    pub(super) fn release_please(&mut self, file: &str, text: &str) {
        let Ok(settings) = serde_json::from_str::<Value>(text) else {
            return self.left(format!("`{file}`: it is not valid JSON"));
        };
        self.from.push(format!("release-please (`{file}`)"));
        let packages = settings["packages"].as_object();
        let several = packages.is_some_and(|packages| packages.len() > 1);
        let main =
            packages.and_then(|packages| packages.get(".").or_else(|| packages.values().next()));
        let main = main.unwrap_or(&Value::Null);
        let get = |key: &str| main.get(key).or_else(|| settings.get(key));
        let flag = |key: &str, default: bool| get(key).and_then(Value::as_bool).unwrap_or(default);
        let component = get("component")
            .or_else(|| get("package-name"))
            .and_then(Value::as_str);
        let v = if flag("include-v-in-tag", true) {
            "v"
        } else {
            ""
        };
        match component {
            Some(component) if flag("include-component-in-tag", true) => {
                let separator = get("tag-separator").and_then(Value::as_str).unwrap_or("-");
                self.git_tag(format!("{component}{separator}{v}{{version}}"));
            }
            _ => self.git_tag(format!("{v}{{version}}")),
        }
        // Its own default is that a breaking change gives 1.0.0.
        let zero = match (
            flag("bump-minor-pre-major", false),
            flag("bump-patch-for-minor-pre-major", false),
        ) {
            (true, true) => "cargo",
            (true, false) => "minor",
            (false, _) => "strict",
        };
        self.zero = Some(zero.into());
        if several {
            let names: Vec<String> = packages
                .into_iter()
                .flatten()
                .map(|(path, _)| format!("`{path}`"))
                .collect();
            self.left(format!(
                "the packages {} of `{file}`: one release.toml in the folder of each",
                names.join(", ")
            ));
        }
        for key in ["extra-files", "version-file", "release-type"] {
            if let Some(value) = get(key) {
                self.left(format!("`{key}: {value}` of `{file}`: `version.files` names the files that carry the version"));
            }
        }
        for key in [
            "changelog-sections",
            "prerelease",
            "prerelease-type",
            "versioning",
            "draft",
            "plugins",
            "release-as",
            "exclude-paths",
            "changelog-path",
            "pull-request-title-pattern",
        ] {
            if let Some(value) = get(key) {
                self.left(format!(
                    "`{key}: {value}` of `{file}`: it has no counterpart"
                ));
            }
        }
    }

    pub(super) fn release_please_manifest(&mut self, text: &str) {
        let versions = serde_json::from_str::<Value>(text).unwrap_or_default();
        let own = versions.get(".").or_else(|| {
            versions
                .as_object()
                .filter(|all| all.len() == 1)?
                .values()
                .next()
        });
        self.initial = own
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or(self.initial.take());
    }
}
