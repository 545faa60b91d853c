//! Tools that choose versions or write changelogs, and whose settings are not read.

use serde_json::Value;

use crate::init::{
    tool_files::{
        ToolWork::{self, Changelog, Versions},
        of_file,
    },
    tools::Hints,
};

/// Tools of a `package.json`: a key of it, or a package that it depends on.
const OF_PACKAGE: [(&str, &str); 11] = [
    ("standard-version", "standard-version"),
    ("commit-and-tag-version", "commit-and-tag-version"),
    ("release-it", "release-it"),
    ("auto", "auto"),
    ("changelogen", "changelogen"),
    ("@changesets/cli", "Changesets"),
    ("lerna", "Lerna"),
    ("np", "np"),
    ("bumpp", "bumpp"),
    ("semantic-release", "semantic-release"),
    ("multi-semantic-release", "multi-semantic-release"),
];

/// Tools of a `pyproject.toml`, by their tables below `tool`.
const OF_PYPROJECT: [(&str, &str); 4] = [
    ("bumpversion", "bump-my-version"),
    ("commitizen", "Commitizen"),
    ("semantic_release", "python-semantic-release"),
    ("tbump", "tbump"),
];

impl Hints {
    /// Names the other tools that a file at the top belongs to, or that it sets up.
    pub(crate) fn other_tool(&mut self, file: &str, text: &str) {
        if let Some((tool, work)) = of_file(file) {
            self.name_tool(file, tool, work);
        }
        match file {
            "package.json" => self.tools_of_package(text),
            "pyproject.toml" => {
                let all: toml::Table = text.parse().unwrap_or_default();
                let has = |name: &str| all.get("tool").is_some_and(|tool| tool.get(name).is_some());
                for (_, tool) in OF_PYPROJECT.iter().filter(|(name, _)| has(name)) {
                    self.name_tool(file, tool, Versions);
                }
            }
            "setup.cfg" if text.contains("[bumpversion") => {
                self.name_tool(file, "bump2version", Versions);
            }
            "nx.json" => {
                let all: Value = serde_json::from_str(text).unwrap_or_default();
                if all.get("release").is_some() {
                    self.name_tool(file, "Nx", Versions);
                }
            }
            _ => {}
        }
    }

    fn tools_of_package(&mut self, text: &str) {
        let all: Value = serde_json::from_str(text).unwrap_or_default();
        let depends = |name: &str| {
            let mut tables = ["dependencies", "devDependencies"].iter();
            tables.any(|table| all[table].get(name).is_some())
        };
        let has_read = |name: &str| {
            let mut from = self.from.iter();
            from.any(|tool| tool.starts_with(name))
        };
        let found: Vec<&str> = OF_PACKAGE
            .iter()
            .filter(|(name, _)| all.get(name).is_some() || depends(name))
            .filter(|(name, _)| !has_read(name))
            .map(|(_, tool)| *tool)
            .collect();
        for tool in found {
            self.name_tool("package.json", tool, Versions);
        }
    }

    fn name_tool(&mut self, file: &str, tool: &str, work: ToolWork) {
        let instead = match work {
            Versions => "chooses versions, as `[version]` does",
            Changelog => "writes release notes, as `[notes]` does",
        };
        self.left(format!(
            "found, not read: `{file}` of {tool}, which {instead}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::tool_files::is_of_other_tool;

    #[test]
    fn other_tools_are_named_with_their_files() {
        for (file, text, expected) in [
            (".versionrc.json", "{}", "standard-version"),
            (".changeset/config.json", "{}", "Changesets"),
            ("lerna.json", "{}", "Lerna"),
            ("cliff.toml", "", "git-cliff"),
            (".bumpversion.cfg", "", "bump-my-version"),
            ("GitVersion.yml", "", "GitVersion"),
            (".release-it.json", "{}", "release-it"),
            ("knope.toml", "", "Knope"),
            (".autorc", "{}", "auto"),
            ("setup.cfg", "[bumpversion]\n", "bump2version"),
            ("nx.json", r#"{"release": {}}"#, "Nx"),
            ("package.json", r#"{"release-it": {}}"#, "release-it"),
            (
                "package.json",
                r#"{"devDependencies": {"@changesets/cli": "2"}}"#,
                "Changesets",
            ),
            (
                "package.json",
                r#"{"devDependencies": {"semantic-release": "24"}}"#,
                "semantic-release",
            ),
            ("pyproject.toml", "[tool.commitizen]\n", "Commitizen"),
            (
                "pyproject.toml",
                "[tool.semantic_release]\n",
                "python-semantic-release",
            ),
        ] {
            assert!(file == "package.json" || is_of_other_tool(file), "{file}");
            let mut hints = Hints::default();
            hints.other_tool(file, text);
            let words = format!("found, not read: `{file}` of {expected}, which ");
            assert!(hints.left_out.concat().starts_with(&words), "{hints:?}");
        }
        for (file, text) in [
            ("package.json", r#"{"name": "auto"}"#),
            ("pyproject.toml", "[tool.ruff]\n"),
            ("setup.cfg", "[metadata]\n"),
            ("nx.json", "{}"),
            ("cog.toml", ""),
        ] {
            let mut hints = Hints::default();
            hints.other_tool(file, text);
            assert_eq!(hints, Hints::default(), "{file}");
        }
    }
}
