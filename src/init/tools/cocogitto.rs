//! cocogitto: `cog.toml`.

use toml::Value;

use crate::init::tools::Hints;

impl Hints {
    pub(super) fn cocogitto(&mut self, file: &str, text: &str) {
        let Ok(settings) = text.parse::<toml::Table>() else {
            return self.left(format!("`{file}`: it is not valid TOML"));
        };
        self.from.push(format!("cocogitto (`{file}`)"));
        let prefix = settings.get("tag_prefix").and_then(Value::as_str);
        self.git_tag(format!("{}{{version}}", prefix.unwrap_or_default()));
        let branches = settings.get("branch_whitelist").and_then(Value::as_array);
        let names = branches.into_iter().flatten().filter_map(Value::as_str);
        self.stable.extend(names.map(str::to_owned));
        for (name, kind) in settings
            .get("commit_types")
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
        {
            let has = |key: &str| kind.get(key).and_then(Value::as_bool) == Some(true);
            if has("bump_minor") {
                self.rule(&[("type", name)], "minor");
            } else if has("bump_patch") {
                self.rule(&[("type", name)], "patch");
            }
        }
        for key in settings.keys() {
            let why = match &**key {
                "tag_prefix"
                | "branch_whitelist"
                | "commit_types"
                | "ignore_merge_commits"
                | "from_latest_tag" => continue,
                "packages" => "one release.toml in the folder of each package",
                "pre_bump_hooks"
                | "post_bump_hooks"
                | "pre_package_bump_hooks"
                | "post_package_bump_hooks"
                | "bump_profiles"
                | "git_hooks" => "found, not read: hooks are programs",
                _ => "it has no counterpart",
            };
            self.left(format!("`{key}` of `{file}`: {why}"));
        }
    }
}
