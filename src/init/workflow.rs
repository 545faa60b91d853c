//! What a GitHub workflow with docker/metadata-action and docker/build-push-action says about
//! images, tags and the build.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    rule::{Import, MetadataRule, csv},
    yaml,
};

/// What workflows say, as far as it has a counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Imported {
    /// The files that it comes from.
    pub(crate) files: Vec<String>,
    pub(crate) images: Vec<String>,
    pub(crate) fixed: Vec<String>,
    pub(crate) moving: Vec<String>,
    /// `latest` only from the default branch.
    pub(crate) latest_from_branch: bool,
    /// Suffixes of blocks beside the plain one.
    pub(crate) variants: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) dockerfile: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) platforms: Vec<String>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
    /// A pre-release could take `latest` there: the tag itself was published.
    pub(crate) had_prerelease_latest: bool,
    /// A suffix did not reach `latest` there.
    pub(crate) had_plain_latest: bool,
}

/// What expressions can be filled in with.
pub(crate) struct Known<'a> {
    /// `owner/name` on GitHub.
    pub(crate) repository: Option<&'a str>,
    /// What stands before the version in git tags.
    pub(crate) git_prefix: &'a str,
}

/// One use of metadata-action.
struct Block {
    images: Vec<String>,
    rules: Vec<MetadataRule>,
    prefix: String,
    suffix: String,
    /// `latest=` of the flavor: `auto`, `true` or `false`.
    latest: String,
    /// The suffix reaches `latest`.
    suffix_on_latest: bool,
    labels: Vec<String>,
}

impl Imported {
    /// Adds what one workflow says. A file that is not YAML, or uses neither action, adds nothing.
    pub(crate) fn read(&mut self, file: &str, text: &str, known: &Known<'_>) {
        let Some(workflow) = yaml::parse(text) else {
            return;
        };
        let jobs = workflow["jobs"].as_object();
        for job in jobs.into_iter().flat_map(|jobs| jobs.values()) {
            let env = environment(&[&workflow["env"], &job["env"]]);
            let resolve = |text: &str| resolve(text, &env, known.repository);
            for step in job["steps"].as_array().into_iter().flatten() {
                let with = &step["with"];
                match action(step) {
                    Some("docker/metadata-action") => {
                        self.note_file(file);
                        self.block(&block(with, &resolve), known);
                    }
                    Some("docker/build-push-action") => {
                        self.note_file(file);
                        self.build(with, &resolve);
                    }
                    _ => {}
                }
            }
        }
    }

    fn note_file(&mut self, file: &str) {
        if !self.files.iter().any(|known| known == file) {
            self.files.push(file.to_owned());
        }
    }

    fn block(&mut self, block: &Block, known: &Known<'_>) {
        for image in &block.images {
            self.image(image);
        }
        for label in &block.labels {
            match label.split_once('=') {
                Some((key, value)) if !value.contains("${{") && !value.contains("{{") => {
                    self.labels.insert(key.trim().into(), value.trim().into());
                }
                _ => self
                    .left_out
                    .push(format!("label `{label}`: GitHub alone knows its value")),
            }
        }
        if is_plain_text(&block.suffix) && !self.fixed.is_empty() {
            // A second block with a suffix is a variant of the first.
            if !self.variants.contains(&block.suffix) {
                self.variants.push(block.suffix.clone());
            }
            self.had_plain_latest |= !block.suffix_on_latest;
            return;
        }
        self.had_plain_latest |= !block.suffix.is_empty() && !block.suffix_on_latest;
        self.rules(block, known);
    }

    fn image(&mut self, line: &str) {
        let mut name = None;
        for field in csv(line) {
            match field.trim().split_once('=') {
                Some(("name", value)) => name = Some(value.trim().to_lowercase()),
                Some(("enable", "false")) => return,
                Some(_) => {}
                None => name = Some(field.trim().to_lowercase()),
            }
        }
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return;
        };
        if name.contains("${{") {
            self.left_out
                .push(format!("image `{name}`: GitHub alone knows its name"));
        } else if !self.images.contains(&name) {
            self.images.push(name);
        }
    }

    fn rules(&mut self, block: &Block, known: &Known<'_>) {
        let mut latest = block.latest == "true";
        for rule in &block.rules {
            let imported = rule.import((&block.prefix, &block.suffix), known.git_prefix);
            let text = describe(rule);
            if matches!(imported, Import::Fixed(_) | Import::Moving(_)) {
                latest |= block.latest == "auto" && rule.brings_latest();
                self.had_prerelease_latest |=
                    block.latest == "auto" && matches!(&*rule.kind, "ref" | "match");
                self.condition(rule, &text);
            }
            match imported {
                Import::Fixed(template) => add(&mut self.fixed, template),
                Import::Moving(template) => add(&mut self.moving, template),
                Import::LatestFromBranch => {
                    self.latest_from_branch = true;
                    latest = true;
                }
                Import::Nothing(why) => self.left_out.push(format!("`{text}`: {why}")),
            }
        }
        if latest {
            let suffix = if block.suffix_on_latest {
                &*block.suffix
            } else {
                ""
            };
            add(&mut self.moving, format!("latest{suffix}"));
        }
    }

    fn condition(&mut self, rule: &MetadataRule, text: &str) {
        let condition = rule.get("enable").unwrap_or("true");
        // The action's own advice for 0.x is what `tags.zero-major` does.
        let zero = condition.contains("startsWith") && condition.contains("0.'");
        if condition != "true" && !zero {
            self.left_out.push(format!(
                "`{text}`: taken over without its condition `{condition}`"
            ));
        }
    }

    fn build(&mut self, with: &Value, resolve: &dyn Fn(&str) -> String) {
        let one = |key: &str| {
            let text = with.get(key).map(yaml::text).map(|text| resolve(&text));
            text.filter(|text| !text.is_empty() && !text.contains("${{"))
        };
        let path = |text: String| text.trim_start_matches("./").to_owned();
        self.dockerfile = self.dockerfile.take().or_else(|| one("file").map(path));
        self.context = self.context.take().or_else(|| {
            one("context")
                .map(|text| if text == "." { text } else { path(text) })
                .filter(|text| !text.contains("://") && !text.is_empty())
        });
        self.target = self.target.take().or_else(|| one("target"));
        let platforms = yaml::lines(with.get("platforms"));
        for platform in platforms.iter().flat_map(|line| line.split(',')) {
            let platform = resolve(platform.trim());
            if !platform.is_empty() && !platform.contains("${{") {
                add(&mut self.platforms, platform);
            }
        }
    }
}

fn add(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn is_plain_text(suffix: &str) -> bool {
    !suffix.is_empty() && !suffix.contains('{')
}

fn describe(rule: &MetadataRule) -> String {
    let shown = ["event", "pattern", "value", "format"]
        .iter()
        .filter_map(|key| rule.get(key).map(|value| format!(",{key}={value}")));
    format!("type={}{}", rule.kind, shown.collect::<String>())
}

fn action(step: &Value) -> Option<&str> {
    step["uses"].as_str()?.split('@').next()
}

fn block(with: &Value, resolve: &dyn Fn(&str) -> String) -> Block {
    let lines = |key: &str| {
        let lines = yaml::lines(with.get(key));
        lines.iter().map(|line| resolve(line)).collect::<Vec<_>>()
    };
    let mut rules: Vec<MetadataRule> = lines("tags")
        .iter()
        .map(|line| MetadataRule::parse(line))
        .collect();
    if rules.is_empty() {
        // The action's own defaults.
        rules = [
            "type=schedule",
            "type=ref,event=branch",
            "type=ref,event=tag",
            "type=ref,event=pr",
        ]
        .map(MetadataRule::parse)
        .to_vec();
    }
    let mut block = Block {
        images: lines("images"),
        rules,
        prefix: String::new(),
        suffix: String::new(),
        latest: "auto".into(),
        suffix_on_latest: false,
        labels: lines("labels"),
    };
    for line in lines("flavor") {
        let mut last = String::new();
        for field in csv(&line) {
            let Some((key, value)) = field.trim().split_once('=') else {
                continue;
            };
            match key {
                "latest" => block.latest = value.to_owned(),
                "prefix" => block.prefix = value.to_owned(),
                "suffix" => block.suffix = value.to_owned(),
                "onlatest" if last == "suffix" => block.suffix_on_latest = value == "true",
                _ => {}
            }
            last = key.to_owned();
        }
    }
    block
}

fn environment(levels: &[&Value]) -> BTreeMap<String, String> {
    let entries = levels
        .iter()
        .filter_map(|level| level.as_object())
        .flatten();
    entries
        .map(|(key, value)| (key.clone(), yaml::text(value)))
        .collect()
}

/// Fills in the expressions whose value the file and the remote tell.
fn resolve(text: &str, env: &BTreeMap<String, String>, repository: Option<&str>) -> String {
    // A variable can hold another expression, once.
    resolve_once(&resolve_once(text, env, repository), env, repository)
}

fn resolve_once(text: &str, env: &BTreeMap<String, String>, repository: Option<&str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let Some(end) = rest[start..].find("}}") else {
            break;
        };
        let inner = rest[start + 3..start + end].trim();
        let owner = || repository.and_then(|name| name.split('/').next());
        let value = match inner {
            "github.repository" => repository,
            "github.repository_owner" => owner(),
            "github.event.repository.name" => repository.and_then(|name| name.split('/').nth(1)),
            _ => inner
                .strip_prefix("env.")
                .and_then(|name| env.get(name))
                .map(String::as_str),
        };
        out.push_str(&rest[..start]);
        out.push_str(value.unwrap_or(&rest[start..start + end + 2]));
        rest = &rest[start + end + 2..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use crate::init::workflow::*;

    fn read(text: &str) -> Imported {
        let mut imported = Imported::default();
        let known = Known {
            repository: Some("Acme/Api"),
            git_prefix: "v",
        };
        imported.read("release.yml", text, &known);
        imported
    }

    const USUAL: &str = r"
on: { push: { tags: ['v*'] } }
env:
  REGISTRY: ghcr.io
  IMAGE_NAME: ${{ github.repository }}
jobs:
  build:
    steps:
      - uses: actions/checkout@v4
      - id: meta
        uses: docker/metadata-action@v5
        with:
          images: |
            ${{ env.REGISTRY }}/${{ env.IMAGE_NAME }}
            name=acme/api,enable=true
            ${{ secrets.MIRROR }}/api
          tags: |
            # the usual
            type=ref,event=branch
            type=semver,pattern={{version}}
            type=semver,pattern={{major}}.{{minor}}
            type=semver,pattern={{major}},enable=${{ !startsWith(github.ref, 'refs/tags/v0.') }}
            type=sha
          labels: |
            maintainer=acme
      - uses: docker/build-push-action@v6
        with:
          context: .
          file: ./docker/Dockerfile
          target: runtime
          platforms: linux/amd64,linux/arm64
          tags: ${{ steps.meta.outputs.tags }}
";

    #[test]
    fn the_usual_workflow() {
        let imported = read(USUAL);
        assert_eq!(imported.images, ["ghcr.io/acme/api", "acme/api"]);
        assert_eq!(imported.fixed, ["{version}", "sha-{sha}"]);
        assert_eq!(imported.moving, ["{major}.{minor}", "{major}", "latest"]);
        assert_eq!(imported.labels["maintainer"], "acme");
        assert_eq!(imported.dockerfile.as_deref(), Some("docker/Dockerfile"));
        assert_eq!(imported.context.as_deref(), Some("."));
        assert_eq!(imported.target.as_deref(), Some("runtime"));
        assert_eq!(imported.platforms, ["linux/amd64", "linux/arm64"]);
        assert_eq!(imported.files, ["release.yml"]);
        assert_eq!(imported.left_out.len(), 2, "{:?}", imported.left_out);
        assert!(!imported.had_prerelease_latest && !imported.had_plain_latest);
    }

    fn blocks(blocks: &[&str]) -> Imported {
        let steps: String = blocks
            .iter()
            .map(|with| format!("      - uses: docker/metadata-action@v5\n        with:\n{with}\n"))
            .collect();
        read(&format!("jobs:\n  build:\n    steps:\n{steps}"))
    }

    #[test]
    fn without_rules_the_actions_defaults_count() {
        let imported = blocks(&["          images: acme/api"]);
        assert_eq!(imported.fixed, ["v{version}"]);
        assert_eq!(imported.moving, ["latest"]);
        assert!(imported.had_prerelease_latest);
    }

    #[test]
    fn a_second_block_with_a_suffix_is_a_variant() {
        let rules = "          tags: |\n            type=semver,pattern={{version}}";
        let imported = blocks(&[
            rules,
            &format!("{rules}\n          flavor: |\n            suffix=-alpine,onlatest=true"),
        ]);
        assert_eq!(imported.variants, ["-alpine"]);
        assert_eq!(imported.fixed, ["{version}"]);
        assert!(!imported.had_plain_latest);
        let alone = blocks(&[&format!(
            "{rules}\n          flavor: |\n            latest=true\n            prefix=x-\n            suffix=-alpine"
        )]);
        assert_eq!(alone.fixed, ["x-{version}-alpine"]);
        assert_eq!(alone.moving, ["latest"]);
        assert!(alone.had_plain_latest);
    }

    #[test]
    fn latest_by_flavor_and_by_branch() {
        let rule = "type=raw,value=latest,enable={{is_default_branch}}";
        let imported = blocks(&[&format!(
            "          flavor: latest=false\n          tags: |\n            type=semver,pattern={{{{version}}}}\n            {rule}"
        )]);
        assert!(imported.latest_from_branch);
        assert_eq!(imported.moving, ["latest"]);
        let never = blocks(&[
            "          flavor: latest=false\n          tags: type=semver,pattern={{version}}",
        ]);
        assert_eq!(never.moving, Vec::<String>::new());
    }
}
