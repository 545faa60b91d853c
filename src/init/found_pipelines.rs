//! Files of other pipelines and of task runners. They are not read, but named.

/// Pipelines by the path of their file from the top of the working tree.
const FILES: [(&str, &str); 19] = [
    (".gitlab-ci.yml", "GitLab CI"),
    (".circleci/config.yml", "CircleCI"),
    (".travis.yml", "Travis CI"),
    (".drone.yml", "Drone"),
    (".drone.yaml", "Drone"),
    (".drone.star", "Drone"),
    (".drone.jsonnet", "Drone"),
    (".cirrus.yml", "Cirrus CI"),
    (".cirrus.star", "Cirrus CI"),
    ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
    ("appveyor.yml", "AppVeyor"),
    (".appveyor.yml", "AppVeyor"),
    ("buildspec.yml", "CodeBuild"),
    ("codefresh.yml", "Codefresh"),
    (".semaphore/semaphore.yml", "Semaphore"),
    (".build.yml", "builds.sr.ht"),
    (".woodpecker.yml", "Woodpecker"),
    (".woodpecker.yaml", "Woodpecker"),
    ("Jenkinsfile", "Jenkins"),
];

/// Folders whose YAML files are pipelines.
const FOLDERS: [(&str, &str); 8] = [
    (".forgejo/workflows", "Forgejo Actions"),
    (".gitea/workflows", "Gitea Actions"),
    (".woodpecker", "Woodpecker"),
    (".buildkite", "Buildkite"),
    (".tekton", "Tekton"),
    (".azure-pipelines", "Azure Pipelines"),
    (".builds", "builds.sr.ht"),
    (".circleci", "CircleCI"),
];

/// What names of files at the top begin with, where several pipelines can stand beside each other.
const BEGINNINGS: [(&str, &str); 4] = [
    ("azure-pipelines", "Azure Pipelines"),
    (".woodpecker", "Woodpecker"),
    ("cloudbuild", "Cloud Build"),
    ("Jenkinsfile", "Jenkins"),
];

/// Task runners and builders at the top. One that pushes images is named.
const RUNNERS: [&str; 6] = [
    "Taskfile.yml",
    "Taskfile.yaml",
    "justfile",
    "Justfile",
    "skaffold.yaml",
    "Earthfile",
];

/// The service that runs the file as a pipeline; `None` where it is none.
pub(super) fn service(path: &str) -> Option<&'static str> {
    let name_of = |all: &[(&str, &'static str)], fits: &dyn Fn(&str) -> bool| {
        let mut all = all.iter();
        all.find(|(known, _)| fits(known)).map(|(_, name)| *name)
    };
    let is_yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    let folder = path.rsplit_once('/').map(|(folder, _)| folder);
    let by_beginning = |known: &str| {
        let rest = path.strip_prefix(known);
        let is_jenkins = known == "Jenkinsfile";
        !path.contains('/')
            && rest.is_some_and(|rest| is_yaml || is_jenkins && rest.starts_with(['.', '-', '_']))
    };
    name_of(&FILES, &|known| known == path)
        .or_else(|| name_of(&FOLDERS, &|known| is_yaml && folder == Some(known)))
        .or_else(|| name_of(&BEGINNINGS, &by_beginning))
}

/// Whether the file is one of a task runner.
pub(super) fn is_runner(path: &str) -> bool {
    RUNNERS.contains(&path)
}

/// Whether a folder leads to pipelines.
pub(super) fn leads_to_pipelines(folder: &str) -> bool {
    let leads = |place: &str| format!("{place}/").starts_with(&format!("{folder}/"));
    folder == ".semaphore" || FOLDERS.iter().any(|(place, _)| leads(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_by_their_paths() {
        for (path, expected) in [
            (".gitlab-ci.yml", Some("GitLab CI")),
            (".forgejo/workflows/image.yaml", Some("Forgejo Actions")),
            (".gitea/workflows/image.yml", Some("Gitea Actions")),
            (".buildkite/pipeline.release.yml", Some("Buildkite")),
            (".tekton/push.yaml", Some("Tekton")),
            (".woodpecker.release.yml", Some("Woodpecker")),
            ("azure-pipelines-release.yml", Some("Azure Pipelines")),
            ("cloudbuild.release.yaml", Some("Cloud Build")),
            ("Jenkinsfile", Some("Jenkins")),
            ("Jenkinsfile.release", Some("Jenkins")),
            ("appveyor.yml", Some("AppVeyor")),
            ("app/.gitlab-ci.yml", None),
            (".woodpecker/readme.md", None),
            ("cloudbuild.go", None),
            ("Taskfile.yml", None),
        ] {
            assert_eq!(service(path), expected, "{path}");
        }
    }
}
