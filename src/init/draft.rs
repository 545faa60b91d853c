//! From what was found to a commented `release.toml`, saying what was assumed.

use crate::{
    init::{
        dockerfile,
        facts::{DraftFacts, git_prefix, github},
        writer::{Draft, list, named, quote},
    },
    oci::Repository,
    policy::{BranchPolicy, GitTagTemplate},
};

impl DraftFacts {
    /// Writes the file.
    pub(crate) fn draft(&self) -> Draft {
        let mut draft = Draft {
            text: String::from(
                "# How this repository releases its image. `hoist check` reads it, `hoist plan` shows what it does.\n\n",
            ),
            notes: Vec::new(),
        };
        self.image(&mut draft);
        self.build(&mut draft);
        self.version(&mut draft);
        self.branches(&mut draft);
        self.tags(&mut draft);
        self.variants(&mut draft);
        self.git(&mut draft);
        self.differences(&mut draft);
        draft
    }

    fn image(&self, draft: &mut Draft) {
        let repositories: Vec<String> = self
            .imported
            .images
            .iter()
            .filter(|name| name.parse::<Repository>().is_ok())
            .cloned()
            .collect();
        let guess = self
            .remote
            .as_ref()
            .and_then(|(_, url)| github(url))
            .map(|name| format!("ghcr.io/{}", name.to_lowercase()))
            .filter(|name| name.parse::<Repository>().is_ok());
        draft.line("[image]");
        match (&*repositories, guess) {
            ([one], _) => draft.line(&format!("repository = {}", quote(one))),
            ([_, ..], _) => draft.line(&format!("repositories = {}", list(&repositories))),
            ([], Some(guess)) => {
                draft.assume(&format!(
                    "the image goes to `{guess}`, after the git remote"
                ));
                draft.line(&format!("repository = {}", quote(&guess)));
            }
            ([], None) => {
                draft.line("# Where the image goes. Needed before the first release:");
                draft.line("# repository = \"docker.io/acme/api\"");
                draft
                    .notes
                    .push("nothing says where the image goes: set `image.repository`".into());
            }
        }
        let from = &self.imported.files;
        if !repositories.is_empty() {
            draft.notes.push(format!(
                "images, tags and build are those of {}",
                named(from)
            ));
        }
        let labels = &self.imported.labels;
        if !labels.is_empty() {
            draft.line("\n[image.labels]");
            for (key, value) in labels {
                draft.line(&format!("{} = {}", quote(key), quote(value)));
            }
        }
        draft.line("");
    }

    /// The build context that a workflow names, or the whole repository.
    fn context(&self) -> &str {
        self.imported.context.as_deref().unwrap_or(".")
    }

    fn build(&self, draft: &mut Draft) {
        let imported = &self.imported;
        let files: Vec<&str> = self
            .dockerfiles
            .iter()
            .map(|(path, _)| path.as_str())
            .collect();
        let context = self.context();
        // Where a workflow names a context alone, the builder takes the file in it.
        let usual = format!("{}/Dockerfile", context.trim_end_matches('/'));
        let in_context = files.iter().find(|path| **path == usual);
        let chosen = imported
            .dockerfile
            .as_deref()
            .or_else(|| in_context.or(files.first()).copied());
        draft.line("[image.build]");
        match chosen {
            None => {
                draft.line("# No Dockerfile was found. Name one, or bring an image that another builder made:");
                draft.line("# layout = \"dist/oci\"");
                draft.line("# command = [\"make\", \"image\"]");
                draft.notes.push(
                    "no Dockerfile was found: set `image.build.dockerfile` or `image.build.layout`"
                        .into(),
                );
            }
            Some(chosen) => {
                if files.len() > 1 && imported.dockerfile.is_none() {
                    draft.assume(&format!(
                        "`{chosen}` is the one that is released; there are {} too",
                        named(&files[1..])
                    ));
                }
                draft.line(&format!(
                    "dockerfile = {}",
                    quote(&seen_from(context, chosen))
                ));
            }
        }
        if let Some(context) = &imported.context {
            draft.line(&format!("context = {}", quote(context)));
        }
        let text = self
            .dockerfiles
            .iter()
            .find(|(path, _)| Some(&**path) == chosen);
        let stages = text
            .map(|(_, text)| dockerfile::stages(text))
            .unwrap_or_default();
        match (&imported.target, stages.last()) {
            (Some(target), _) => draft.line(&format!("target = {}", quote(target))),
            (None, Some(Some(last))) if stages.len() > 1 => {
                draft.line("# The last stage, which is built without this line too.");
                draft.line(&format!("# target = {}", quote(last)));
            }
            _ => {}
        }
        if !imported.platforms.is_empty() {
            draft.line(&format!("platforms = {}", list(&imported.platforms)));
        }
        draft.line("");
    }

    fn version(&self, draft: &mut Draft) {
        let found = git_prefix(&self.git_tags);
        let tag = found
            .as_ref()
            .map(|(prefix, _)| format!("{prefix}{{version}}"))
            .filter(|template| template.parse::<GitTagTemplate>().is_ok());
        let hinted = self.hints.tag.as_ref();
        draft.line("[version]");
        if let Some((prefix, highest)) = &found {
            draft.line(&format!(
                "# The highest version so far is {highest}, tagged `{prefix}{highest}`."
            ));
        } else {
            draft.line("# No git tag names a version yet: the first release is this one.");
            draft.line("initial = \"0.1.0\"");
        }
        if let (Some(tag), Some(hinted)) = (&tag, hinted)
            && tag != hinted
        {
            draft.assume(&format!(
                "git tags are `{tag}`, as they are, not `{hinted}`"
            ));
        }
        let template = tag
            .or_else(|| hinted.cloned())
            .unwrap_or_else(|| "v{version}".into());
        draft.line(&format!("tag = {}", quote(&template)));
        if !self.hints.from.is_empty() {
            draft.notes.push(format!(
                "the git tag and the branches take {} into account",
                self.hints.from.join(", ")
            ));
        }
        draft.line("");
    }

    fn branches(&self, draft: &mut Draft) {
        let hints = &self.hints;
        if hints.stable.is_empty() && hints.maintenance.is_empty() && hints.prerelease.is_empty() {
            return;
        }
        let defaults = BranchPolicy::default().stable;
        let stable = if hints.stable.is_empty() {
            defaults.iter().map(ToString::to_string).collect()
        } else {
            hints.stable.clone()
        };
        draft.line("[branches]");
        draft.line(&format!("stable = {}", list(&stable)));
        draft.line(&format!("maintenance = {}", list(&hints.maintenance)));
        let pairs = hints.prerelease.iter();
        let pairs: Vec<String> = pairs
            .map(|(b, l)| format!("{} = {}", quote(b), quote(l)))
            .collect();
        draft.line(&format!("prerelease = {{ {} }}", pairs.join(", ")).replace("{  }", "{}"));
        draft.line("");
    }

    fn tags(&self, draft: &mut Draft) {
        let imported = &self.imported;
        draft.line("[tags]");
        if imported.fixed.is_empty() && imported.moving.is_empty() {
            draft.line("# Never move:");
            draft.line("fixed = [\"{version}\", \"sha-{sha}\"]");
            draft.line("# Move forward only, each line for itself:");
            draft.line("moving = [\"{major}.{minor}\", \"{major}\", \"latest\"]");
            draft.line("");
            return;
        }
        draft.line(&format!("# After {}.", named(&imported.files)));
        let exact = imported
            .fixed
            .iter()
            .find(|template| template.contains("{version}"));
        let mut fixed = imported.fixed.clone();
        if exact.is_none() {
            fixed.insert(0, "{version}".into());
            draft.line(
                "# `{version}` is added: a release needs one tag that names its version whole.",
            );
        }
        draft.line(&format!("fixed = {}", list(&fixed)));
        draft.line(&format!("moving = {}", list(&imported.moving)));
        draft.line("# A pre-release gets these alone. `{channel}` follows its newest one.");
        let exact = exact.map_or("{version}", String::as_str);
        draft.line(&format!(
            "prerelease = {}",
            list(&[exact.to_owned(), "{channel}".to_owned()])
        ));
        if imported.latest_from_branch {
            draft.line("latest = \"branch\"");
        }
        draft.line("");
    }

    fn variants(&self, draft: &mut Draft) {
        for suffix in &self.imported.variants {
            let name: String = suffix
                .trim_start_matches(['-', '.', '_'])
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            draft.line(&format!("[variants.{}]", quote(&name)));
            draft.line(&format!("suffix = {}", quote(suffix)));
            let own = self
                .dockerfiles
                .iter()
                .find(|(path, _)| dockerfile::flavour(path) == Some(&name));
            match own {
                Some((path, _)) => draft.line(&format!(
                    "dockerfile = {}",
                    quote(&seen_from(self.context(), path))
                )),
                None => draft.line(&format!(
                    "# Its stage in the Dockerfile:\n# target = {}",
                    quote(&name)
                )),
            }
            draft.line("");
        }
        if !self.imported.variants.is_empty() {
            return;
        }
        for (path, _) in &self.dockerfiles {
            if let Some(name) = dockerfile::flavour(path) {
                draft.line(&format!(
                    "# A second image of the same release, tagged `1.2.3-{name}`:"
                ));
                draft.line(&format!(
                    "# [variants.{}]\n# dockerfile = {}\n",
                    quote(name),
                    quote(&seen_from(self.context(), path))
                ));
            }
        }
    }

    fn git(&self, draft: &mut Draft) {
        match &self.remote {
            None => {
                draft.line("[git]");
                draft.line("# There is no remote: tags and the lock stay in this clone.");
                draft.line("push = false");
                draft
                    .notes
                    .push("there is no git remote: `git.push = false`".into());
            }
            Some((name, _)) if name != "origin" => {
                draft.line("[git]");
                draft.assume(&format!("`{name}` is the remote that releases go to"));
                draft.line(&format!("remote = {}", quote(name)));
            }
            Some(_) => {}
        }
    }

    /// What another tool did that is not done here, on purpose or for want of a counterpart.
    fn differences(&self, draft: &mut Draft) {
        let imported = &self.imported;
        let mut lines: Vec<String> = Vec::new();
        let has = |part: &str| {
            imported
                .moving
                .iter()
                .any(|template| template.contains(part))
        };
        if !imported.files.is_empty() {
            lines.push("`latest` and every moving tag compare versions: a backport does not take them back".into());
            lines.push(
                "a name that is not a valid tag is refused before the build, not pushed".into(),
            );
            lines.push(
                "`+` in a version becomes `-`; it is refused where two versions would share a name"
                    .into(),
            );
            if imported
                .moving
                .iter()
                .any(|t| t == "{major}" || t == "v{major}")
            {
                lines.push("`0` is left out while major is 0 (`tags.zero-major`)".into());
            }
            if imported.had_plain_latest {
                lines.push(
                    "a suffix reaches `latest` too: the variant never touches the tags of the main image"
                        .into(),
                );
            }
            if imported.had_prerelease_latest {
                lines.push("a pre-release never takes `latest`".into());
            }
            if has("{date") {
                lines.push("dates are UTC, of the release's one instant".into());
            }
        }
        let left_out = imported.left_out.iter().chain(&self.hints.left_out);
        lines.extend(left_out.map(|line| format!("not taken over: {line}")));
        if lines.is_empty() {
            return;
        }
        draft.line("# What differs from the settings that this file was made from:");
        for line in &lines {
            draft.line(&format!("# - {}", line.replace('\n', " ")));
        }
        draft.notes.extend(lines);
    }
}

/// A path of the repository as it is seen from the directory `context`.
fn seen_from(context: &str, path: &str) -> String {
    let parts = |path: &'_ str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect()
    };
    let (context, path) = (parts(context), parts(path));
    let common = context.iter().zip(&path).take_while(|(a, b)| a == b);
    let common = common.count().min(path.len().saturating_sub(1));
    let up = context[common..].iter().map(|_| "..".to_owned());
    let all: Vec<String> = up.chain(path[common..].iter().cloned()).collect();
    all.join("/")
}

#[cfg(test)]
mod tests {
    use crate::init::draft::*;
    use crate::{init::workflow::Known, policy::Policy};

    fn policy(found: &DraftFacts) -> (Policy, Draft) {
        let draft = found.draft();
        match Policy::parse(&draft.text, "release.toml") {
            Ok(policy) => (policy, draft),
            Err(error) => panic!("{error}\n{}", draft.text),
        }
    }

    fn remote(url: &str) -> Option<(String, String)> {
        Some(("origin".into(), url.into()))
    }

    #[test]
    fn a_dockerfile_is_seen_from_the_context() {
        for (context, path, seen) in [
            (".", "Dockerfile", "Dockerfile"),
            ("app", "app/Dockerfile", "Dockerfile"),
            ("./app/", "app/docker/Dockerfile", "docker/Dockerfile"),
            ("app", "docker/Dockerfile", "../docker/Dockerfile"),
            ("a/b", "a/c/Dockerfile", "../c/Dockerfile"),
            ("a/b", "Dockerfile", "../../Dockerfile"),
            ("app", "app", "../app"),
        ] {
            assert_eq!(super::seen_from(context, path), seen, "{context} {path}");
        }
    }

    #[test]
    fn an_empty_repository_gives_a_file_that_says_what_is_missing() {
        let (policy, draft) = policy(&DraftFacts::default());
        assert!(!policy.git.push && policy.image.all().is_empty());
        assert_eq!(draft.notes.len(), 3, "{:?}", draft.notes);
        assert!(draft.text.contains("# repository = "), "{}", draft.text);
    }

    #[test]
    fn a_github_remote_is_a_guess_that_is_said() {
        let found = DraftFacts {
            remote: remote("git@github.com:Acme/Api.git"),
            git_tags: [
                "v1.2.3",
                "v1.10.0",
                "v1.10.1-rc.1",
                "nightly",
                "web-9.9.9",
                "v2",
            ]
            .map(str::to_owned)
            .to_vec(),
            dockerfiles: vec![
                (
                    "Dockerfile".into(),
                    "FROM a AS build\nFROM b AS runtime\n".into(),
                ),
                ("Dockerfile.alpine".into(), "FROM b\n".into()),
            ],
            ..DraftFacts::default()
        };
        let (policy, draft) = policy(&found);
        assert_eq!(policy.image.all()[0].to_string(), "ghcr.io/acme/api");
        assert_eq!(policy.version.tag.to_string(), "v{version}");
        assert!(policy.git.push);
        assert!(
            draft
                .notes
                .iter()
                .any(|note| note.contains("ghcr.io/acme/api"))
        );
        for words in [
            "1.10.1-rc.1",
            "# target = \"runtime\"",
            "[variants.\"alpine\"]",
        ] {
            assert!(draft.text.contains(words), "{words}: {}", draft.text);
        }
    }

    #[test]
    fn another_host_is_asked_about() {
        let found = DraftFacts {
            remote: remote("https://gitlab.example.org/a/b"),
            ..DraftFacts::default()
        };
        let (policy, draft) = policy(&found);
        assert!(policy.image.all().is_empty());
        assert!(
            draft.notes[0].contains("image.repository"),
            "{:?}",
            draft.notes
        );
    }

    #[test]
    fn a_workflow_and_other_tools_are_taken_over() {
        let mut found = DraftFacts {
            remote: remote("https://github.com/acme/api"),
            git_tags: vec!["1.4.0".into()],
            dockerfiles: vec![("docker/Dockerfile.alpine".into(), "FROM b\n".into())],
            ..DraftFacts::default()
        };
        let workflow = "jobs:\n  b:\n    steps:\n\
            \x20     - uses: docker/metadata-action@v5\n        with:\n          images: quay.io/acme/api\n          tags: |\n\
            \x20           type=semver,pattern=v{{version}}\n            type=semver,pattern=v{{major}}\n            type=raw,value={{date 'YYYYMMDD'}}\n            type=edge\n\
            \x20     - uses: docker/metadata-action@v5\n        with:\n          images: quay.io/acme/api\n          flavor: suffix=-alpine\n          tags: type=semver,pattern=v{{version}}\n";
        let known = Known {
            repository: None,
            git_prefix: "",
        };
        found.imported.read("ci.yml", workflow, &known);
        found.hints.read(
            ".releaserc",
            "tagFormat: 'v${version}'\nbranches: [trunk, {name: next, prerelease: rc}]",
        );
        let (policy, draft) = policy(&found);
        assert_eq!(policy.image.all()[0].to_string(), "quay.io/acme/api");
        let texts = |templates: &[crate::policy::TagTemplate]| -> Vec<String> {
            templates.iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(&policy.tags.fixed), ["v{version}"]);
        assert_eq!(
            texts(&policy.tags.moving),
            ["v{major}", "{date:%Y%m%d}", "latest"]
        );
        assert_eq!(texts(&policy.tags.prerelease), ["v{version}", "{channel}"]);
        assert_eq!(
            policy.variants["alpine"].dockerfile,
            "docker/Dockerfile.alpine".parse().ok()
        );
        assert_eq!(policy.branches.stable, ["trunk".parse().expect("a glob")]);
        let [next] = &policy.branches.prerelease[..] else {
            panic!("{:?}", policy.branches.prerelease);
        };
        assert_eq!(
            (next.branches.as_str(), next.label.as_str()),
            ("next", "rc")
        );
        assert_eq!(policy.version.tag.to_string(), "{version}");
        for words in [
            "`type=edge`",
            "`0` is left out",
            "suffix reaches",
            "dates are UTC",
            "not `v{version}`",
        ] {
            assert!(
                draft.notes.iter().any(|note| note.contains(words)),
                "{words}: {:?}",
                draft.notes
            );
        }
    }
}
