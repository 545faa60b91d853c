//! What a repository holds, as data, and which of its files are worth reading.

use crate::init::{
    dockerfile::is_dockerfile,
    goreleaser,
    workflow::{WORKFLOWS, is_workflow},
};

/// How deep below the top of the working tree files are looked for.
pub(crate) const DEPTH: usize = 3;

/// Where composite actions of a repository usually are.
const ACTIONS: &str = ".github/actions";

/// Names of files that say something wherever they lie.
const ANYWHERE: [&str; 12] = [
    "docker-bake.hcl",
    "docker-bake.json",
    "docker-bake.override.hcl",
    "docker-bake.override.json",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "Chart.yaml",
];

/// Files of other release tools at the top of the working tree, in the order in which they count.
pub(super) const TOOL_FILES: [&str; 19] = [
    ".releaserc",
    ".releaserc.json",
    ".releaserc.yml",
    ".releaserc.yaml",
    "package.json",
    "release-please-config.json",
    ".release-please-manifest.json",
    "cog.toml",
    "release.toml",
    "Cargo.toml",
    "release.config.js",
    "release.config.cjs",
    "release.config.mjs",
    "release.config.ts",
    ".releaserc.js",
    ".releaserc.cjs",
    ".releaserc.mjs",
    ".releaserc.ts",
    "Makefile",
];

/// Files of other pipelines and task runners at the top of the working tree. They are not read, but
/// one that pushes images is named.
const OTHER_PIPELINES: [&str; 18] = [
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".buildkite/pipeline.yml",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".cirrus.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "Jenkinsfile",
    "Taskfile.yml",
    "justfile",
    "Justfile",
    "skaffold.yaml",
    "Earthfile",
];

/// Folders of workflows of other forges, which are not read either.
const OTHER_WORKFLOWS: [&str; 3] = [".forgejo/workflows", ".gitea/workflows", ".woodpecker"];

/// Whether the file is one of another pipeline.
pub(super) fn is_other_pipeline(path: &str) -> bool {
    let is_yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    let folder = path.rsplit_once('/').map(|(folder, _)| folder);
    OTHER_PIPELINES.contains(&path)
        || is_yaml && folder.is_some_and(|folder| OTHER_WORKFLOWS.contains(&folder))
}

/// What a repository holds that a policy can be made of.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Name and URL of the git remote that releases would go to.
    pub(crate) remote: Option<(String, String)>,
    /// Names of all git tags.
    pub(crate) git_tags: Vec<String>,
    /// The files that [`has_interest`] names, in any order.
    pub(crate) files: Vec<FoundFile>,
    /// Repositories that were named for the policy: they stand in for what files say.
    pub(crate) images: Vec<String>,
    /// The folder of the image, from the top of the working tree; empty for the top itself.
    pub(crate) folder: String,
    /// The newest commit messages of the branch.
    pub(crate) messages: Vec<String>,
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
    let is_action = path.starts_with(ACTIONS) && (name == "action.yml" || name == "action.yaml");
    let of_a_tool = TOOL_FILES.contains(&path)
        || goreleaser::FILES.contains(&path)
        || (name.ends_with(".hcl") || ANYWHERE.contains(&name)) && !hidden;
    of_a_tool
        || is_other_pipeline(path)
        || is_workflow(path)
        || is_action
        || is_dockerfile(name) && !hidden
}

/// Whether a folder, named by its path, holds nothing of its own project.
pub(crate) fn is_passed_by(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let foreign = matches!(name, "node_modules" | "target" | "vendor" | "testdata");
    let leads = |place: &str| format!("{place}/").starts_with(&format!("{path}/"));
    let looked_into = matches!(path, ".config" | ".circleci" | ".buildkite")
        || OTHER_WORKFLOWS.iter().any(|place| leads(place))
        || leads(WORKFLOWS)
        || leads(ACTIONS)
        || path.starts_with(&format!("{ACTIONS}/"));
    let hidden = path.split('/').any(|part| part.starts_with('.')) && !looked_into;
    foreign || hidden
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
            ".goreleaser.yaml",
            ".config/goreleaser.yml",
            "Cargo.toml",
            ".gitlab-ci.yml",
            ".circleci/config.yml",
            ".forgejo/workflows/release.yaml",
        ] {
            assert!(has_interest(path), "{path}");
        }
        for path in [
            "release.yml",
            ".github/workflows/old/release.yml",
            ".github/workflows/readme.md",
            ".github/Dockerfile",
            "app/.gitlab-ci.yml",
            ".woodpecker/readme.md",
        ] {
            assert!(!has_interest(path), "{path}");
        }
        for path in [
            ".github",
            ".github/workflows",
            ".forgejo",
            ".forgejo/workflows",
            ".circleci",
            "services",
            "docker",
        ] {
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
