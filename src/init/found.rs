//! What a repository holds, as data, and which of its files are worth reading.

use crate::init::{
    dockerfile::is_dockerfile,
    found_pipelines, goreleaser,
    tool_files::is_of_other_tool,
    workflow::{WORKFLOWS, is_workflow},
};

/// How deep below the top of the working tree files are looked for.
pub(crate) const DEPTH: usize = 3;

/// Where composite actions of a repository usually are.
const ACTIONS: &str = ".github/actions";

/// Names of files that say something wherever they lie.
const ANYWHERE: [&str; 14] = [
    "docker-bake.hcl",
    "docker-bake.json",
    "docker-bake.override.hcl",
    "docker-bake.override.json",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "Taskfile.yml",
    "Taskfile.yaml",
    "justfile",
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

/// Folders of scripts, whose files need no ending.
const SCRIPTS: [&str; 6] = ["scripts", "script", "hack", "bin", "ci", ".github/scripts"];

/// Whether the file can be a script that a step runs.
fn is_script(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let own = folder == ".github/scripts" || !path.split('/').any(|part| part.starts_with('.'));
    let is_plain = SCRIPTS
        .iter()
        .any(|known| folder == *known || folder.ends_with(&format!("/{known}")));
    own && (name.ends_with(".sh") || name.ends_with(".bash") || is_plain && !name.contains('.'))
}

/// Whether the file is one of services that are composed.
fn is_compose(name: &str) -> bool {
    let named = name.starts_with("compose.") || name.starts_with("docker-compose");
    named && (name.ends_with(".yml") || name.ends_with(".yaml"))
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
        || is_of_other_tool(path)
        || (name.ends_with(".hcl") || ANYWHERE.contains(&name) || is_compose(name)) && !hidden;
    of_a_tool
        || found_pipelines::service(path).is_some()
        || found_pipelines::is_runner(path)
        || is_script(path)
        || is_workflow(path)
        || is_action
        || is_dockerfile(name) && !hidden
}

/// Whether a folder, named by its path, holds nothing of its own project.
pub(crate) fn is_passed_by(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let foreign = matches!(name, "node_modules" | "target" | "vendor" | "testdata");
    let leads = |place: &str| format!("{place}/").starts_with(&format!("{path}/"));
    let looked_into = matches!(
        path,
        ".config" | ".changeset" | ".chglog" | ".github/scripts"
    ) || found_pipelines::leads_to_pipelines(path)
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
            "scripts/publish",
            "build/release.sh",
            ".github/scripts/push.sh",
            "docker/Makefile",
            "compose.release.yaml",
            ".changeset/config.json",
            ".github/release-drafter.yml",
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
            ".cache/release.sh",
            "scripts/readme.md",
            "src/publish",
        ] {
            assert!(!has_interest(path), "{path}");
        }
        for path in [
            ".github",
            ".github/workflows",
            ".forgejo",
            ".forgejo/workflows",
            ".circleci",
            ".tekton",
            ".github/scripts",
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
