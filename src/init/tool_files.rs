//! Files of tools that choose versions or write changelogs, and are not read.

/// What a tool does that hoist does, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolWork {
    Versions,
    Changelog,
}

use ToolWork::{Changelog, Versions};

/// Tools by the path of their file from the top of the working tree.
const FILES: [(&str, &str, ToolWork); 33] = [
    (".changeset/config.json", "Changesets", Versions),
    ("lerna.json", "Lerna", Versions),
    ("cliff.toml", "git-cliff", Changelog),
    (".cliff.toml", "git-cliff", Changelog),
    (".chglog/config.yml", "git-chglog", Changelog),
    (".github/release-drafter.yml", "Release Drafter", Changelog),
    (".bumpversion.cfg", "bump-my-version", Versions),
    (".bumpversion.toml", "bump-my-version", Versions),
    (".cz.toml", "Commitizen", Versions),
    (".cz.json", "Commitizen", Versions),
    (".cz.yaml", "Commitizen", Versions),
    ("cz.toml", "Commitizen", Versions),
    ("cz.json", "Commitizen", Versions),
    ("cz.yaml", "Commitizen", Versions),
    ("GitVersion.yml", "GitVersion", Versions),
    ("GitVersion.yaml", "GitVersion", Versions),
    ("gitversion.yml", "GitVersion", Versions),
    (".gitversion.yml", "GitVersion", Versions),
    ("knope.toml", "Knope", Versions),
    ("release-plz.toml", "release-plz", Versions),
    (".release-plz.toml", "release-plz", Versions),
    (".semrelrc", "go-semantic-release", Versions),
    (".uplift.yml", "Uplift", Versions),
    ("uplift.yml", "Uplift", Versions),
    (".svu.yaml", "svu", Versions),
    (".svu.yml", "svu", Versions),
    (".tagpr", "tagpr", Versions),
    ("jreleaser.yml", "JReleaser", Versions),
    ("jreleaser.toml", "JReleaser", Versions),
    ("bump.config.ts", "bumpp", Versions),
    ("bump.config.js", "bumpp", Versions),
    (".autorc", "auto", Versions),
    (".versionrc", "standard-version", Versions),
];

/// Tools by what the name of their file begins with: an ending says the format.
const BEGINNINGS: [(&str, &str); 3] = [
    (".versionrc.", "standard-version"),
    (".release-it.", "release-it"),
    (".autorc.", "auto"),
];

/// The tool that the file belongs to, and what it does.
pub(super) fn of_file(path: &str) -> Option<(&'static str, ToolWork)> {
    let by_path = FILES.iter().find(|(known, ..)| *known == path);
    let by_name = || {
        let mut all = BEGINNINGS.iter();
        let found = all.find(|(known, _)| path.starts_with(known) && !path.contains('/'));
        found.map(|(_, tool)| (*tool, Versions))
    };
    by_path
        .map(|(_, tool, work)| (*tool, *work))
        .or_else(by_name)
}

/// Whether the file belongs to one of the tools, or can hold the settings of one.
pub(super) fn is_of_other_tool(path: &str) -> bool {
    of_file(path).is_some() || matches!(path, "nx.json" | "setup.cfg" | "pyproject.toml")
}
