//! What a repository holds, as data, and which of its files are worth reading.

use crate::init::dockerfile::is_dockerfile;

/// How deep below the top of the working tree files are looked for.
pub(crate) const DEPTH: usize = 3;

/// Where GitHub keeps its workflows. The only hidden folder that is looked into.
const WORKFLOWS: &str = ".github/workflows";

/// Files of other release tools at the top of the working tree, in the order in which they count.
pub(super) const TOOL_FILES: [&str; 8] = [
    ".releaserc",
    ".releaserc.json",
    ".releaserc.yml",
    ".releaserc.yaml",
    "package.json",
    "cog.toml",
    "release.toml",
    "Cargo.toml",
];

/// What a repository holds that a policy can be made of.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Name and URL of the git remote that releases would go to.
    pub(crate) remote: Option<(String, String)>,
    /// Names of all git tags.
    pub(crate) git_tags: Vec<String>,
    /// The files that [`has_interest`] names, in any order.
    pub(crate) files: Vec<FoundFile>,
}

/// A text file of the working tree.
#[derive(Debug, Clone)]
pub(crate) struct FoundFile {
    /// The path from the top of the working tree, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Whether a file, named by its path from the top of the working tree, can say anything.
pub(crate) fn has_interest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let hidden = path.starts_with('.') && path.contains('/');
    TOOL_FILES.contains(&path) || is_workflow(path) || is_dockerfile(name) && !hidden
}

/// Whether a folder, named by its path, holds nothing of its own project.
pub(crate) fn is_passed_by(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let foreign = matches!(name, "node_modules" | "target" | "vendor" | "testdata");
    let leads_to_workflows = format!("{WORKFLOWS}/").starts_with(&format!("{path}/"));
    let hidden = path.split('/').any(|part| part.starts_with('.')) && !leads_to_workflows;
    foreign || hidden
}

/// A workflow of GitHub Actions.
pub(super) fn is_workflow(path: &str) -> bool {
    let name = path
        .strip_prefix(WORKFLOWS)
        .and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| {
        !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
    })
}

#[cfg(test)]
mod tests {
    use crate::init::found::*;

    #[test]
    fn files_and_folders_that_are_looked_at() {
        for path in [
            "Dockerfile",
            "services/api/alpine.Dockerfile",
            ".github/workflows/release.yml",
            ".releaserc",
            "Cargo.toml",
        ] {
            assert!(has_interest(path), "{path}");
        }
        for path in [
            "crates/a/Cargo.toml",
            "release.yml",
            ".github/workflows/old/release.yml",
            ".github/workflows/readme.md",
            ".github/Dockerfile",
        ] {
            assert!(!has_interest(path), "{path}");
        }
        for path in [".github", ".github/workflows", "services", "docker"] {
            assert!(!is_passed_by(path), "{path}");
        }
        for path in [
            ".git",
            ".github/old",
            "a/.github",
            "web/node_modules",
            "target",
        ] {
            assert!(is_passed_by(path), "{path}");
        }
    }
}
