//! Settings of other release tools that say what `[version]` and `[branches]` should say.

mod cargo_release;
mod cocogitto;
mod other_tools;
mod release_please;
mod semantic_docker;
mod semantic_release;
#[cfg(test)]
mod tests;

use crate::policy::GitTagTemplate;

pub(super) use semantic_docker::pushes as semantic_release_pushes;

/// Files of semantic-release whose text is data.
const SEMANTIC_RELEASE: [&str; 4] = [
    ".releaserc",
    ".releaserc.json",
    ".releaserc.yml",
    ".releaserc.yaml",
];

/// Files of tools that are code.
pub(super) const CODE: [&str; 9] = [
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
    /// Conditions by key, and the bump.
    pub(crate) rules: Vec<(Vec<(String, String)>, String)>,
    /// `version.zero`.
    pub(crate) zero: Option<String>,
    /// The version that the tool's own file has.
    pub(crate) initial: Option<String>,
    pub(crate) left_out: Vec<String>,
    /// A file that is not read pushes images.
    pub(crate) unread_pushes: bool,
}

impl Hints {
    /// Reads one file, by its name. A file of another tool, or one that says nothing of this, adds nothing.
    pub(crate) fn read(&mut self, file: &str, text: &str) {
        let name = file.rsplit('/').next().unwrap_or(file);
        match name {
            _ if SEMANTIC_RELEASE.contains(&name) => self.semantic_release(file, text),
            "package.json" => self.package_json(file, text),
            "release-please-config.json" => self.release_please(file, text),
            ".release-please-manifest.json" => self.release_please_manifest(text),
            "cog.toml" => self.cocogitto(file, text),
            "release.toml" | "Cargo.toml" => self.cargo_release(file, text),
            "Makefile" if crate::init::workflow::pushes_images(text) => self.pipeline(file),
            "Makefile" => {}
            _ if CODE.contains(&name) => {
                self.left(format!("found, not read: `{file}` is a program"))
            }
            _ => {}
        }
    }

    /// Names a file of another pipeline, which runs at `service`, or of a task runner, where it pushes
    /// images.
    pub(crate) fn other_pipeline(&mut self, file: &str, service: Option<&str>, text: &str) {
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| pushes(line))
            .map(|(at, _)| (at + 1).to_string())
            .collect();
        if !lines.is_empty() || pushes(text) || file == "skaffold.yaml" {
            self.unread_pushes = true;
            let place = match &*lines {
                [] => String::new(),
                [one] => format!(" in line {one}"),
                all => format!(" in lines {}", all.join(", ")),
            };
            self.left(format!("found, not read: `{file}` pushes images{place}"));
        } else if let Some(service) = service {
            self.left(format!(
                "found, not read: `{file}` of {service}, in which nothing is known to push an image"
            ));
        }
    }

    fn pipeline(&mut self, file: &str) {
        self.unread_pushes = true;
        self.left(format!("found, not read: `{file}` pushes images"));
    }

    fn left(&mut self, text: String) {
        if !self.left_out.contains(&text) {
            self.left_out.push(text);
        }
    }

    fn git_tag(&mut self, template: String) {
        if template.parse::<GitTagTemplate>().is_ok() {
            self.tag = self.tag.take().or(Some(template));
        } else {
            self.left(format!("git tag `{template}`: it has no counterpart"));
        }
    }

    fn rule(&mut self, conditions: &[(&str, &str)], bump: &str) {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let rule = (conditions.iter().map(own).collect(), bump.to_owned());
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }
}

/// Whether a text of another pipeline pushes images.
fn pushes(text: &str) -> bool {
    let words = [
        "docker/publish",
        "buildAndPush",
        "plugins/docker",
        "plugin-docker",
        "plugin-kaniko",
        "cloud-builders/docker",
        "withRegistry",
        "docker.build(",
        "kaniko-project/executor",
        "docker/build-push-action",
        "SAVE IMAGE --push",
    ];
    words.iter().any(|word| text.contains(word)) || crate::init::workflow::pushes_images(text)
}
