//! What single values cannot say: patterns that compile, keys that go together.

use globset::Glob;
use regex::Regex;

use super::{BuildPolicy, Policy};

/// `Err` names the key and the rule it breaks.
pub(super) fn check(policy: &Policy) -> Result<(), String> {
    for path in &policy.version.paths {
        glob("version.paths", path.strip_prefix('!').unwrap_or(path))?;
    }
    for (index, rule) in policy.version.rules.iter().enumerate() {
        let key = format!("version.rules[{index}]");
        if rule.type_.is_none()
            && rule.scope.is_none()
            && rule.match_.is_none()
            && rule.breaking.is_none()
        {
            return Err(format!(
                "`{key}` matches nothing: give it `type`, `scope`, `match` or `breaking`"
            ));
        }
        if let Some(type_) = &rule.type_ {
            glob(&format!("{key}.type"), type_)?;
        }
        if let Some(scope) = &rule.scope {
            glob(&format!("{key}.scope"), scope)?;
        }
        if let Some(pattern) = &rule.match_ {
            expression(&format!("{key}.match"), pattern)?;
        }
    }
    for file in &policy.version.files {
        inside(&format!("version.files `{}`", file.path), &file.path)?;
        if file.pattern.is_none() && file.kind().is_none() {
            return Err(format!(
                "`version.files` `{}` needs a `pattern` that says where the version stands",
                file.path
            ));
        }
        if let Some(pattern) = &file.pattern {
            let groups = expression("version.files.pattern", pattern)?.captures_len();
            if groups < 2 {
                return Err(format!(
                    "`version.files.pattern` `{pattern}` needs a group for the version"
                ));
            }
        }
    }
    branches(policy)?;
    build("image.build", &policy.image.build)?;
    for (name, variant) in &policy.variants {
        if name.is_empty() {
            return Err("a variant needs a name: `[variants.alpine]`".into());
        }
        if variant.suffix(name).is_empty() {
            return Err(format!(
                "`variants.{name}.suffix` is empty: it would be the plain image"
            ));
        }
        if policy.image.build.layout.is_some() && variant.layout.is_none() {
            return Err(format!(
                "`variants.{name}.layout` is missing: `image.build.layout` is set, so nothing is built"
            ));
        }
        if let Some((other, _)) = policy
            .variants
            .iter()
            .find(|(other, v)| *other < name && v.suffix(other) == variant.suffix(name))
        {
            return Err(format!(
                "variants `{other}` and `{name}` have the same suffix"
            ));
        }
    }
    for label in policy.branches.prerelease.values() {
        if let Some(variant) = policy.variant_like(label) {
            return Err(format!(
                "the pre-release label `{label}` of `branches.prerelease` is the suffix of variant `{variant}`: `1.2.3-{label}` could be either"
            ));
        }
    }
    lock_refs(&policy.git.lock_refs)
}

fn branches(policy: &Policy) -> Result<(), String> {
    for branch in policy.branches.stable.iter() {
        glob("branches.stable", branch)?;
    }
    for pattern in &policy.branches.maintenance {
        let times = |placeholder| pattern.matches(placeholder).count();
        let rest = pattern.replace("{major}", "0").replace("{minor}", "0");
        if times("{major}") != 1
            || times("{minor}") > 1
            || rest.contains(['{', '}', '[', ']', '\\'])
        {
            return Err(format!(
                "`branches.maintenance` `{pattern}` needs `{{major}}`, and may have `{{minor}}`, each once, and `*`"
            ));
        }
        glob("branches.maintenance", &rest)?;
    }
    for (branch, label) in &policy.branches.prerelease {
        glob("branches.prerelease", branch)?;
        let legal = !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.bytes().all(|b| b.is_ascii_digit());
        if !legal {
            return Err(format!(
                "`branches.prerelease` gives `{branch}` the label `{label}`: a label is letters, digits and `-`, not digits alone"
            ));
        }
    }
    Ok(())
}

fn build(key: &str, build: &BuildPolicy) -> Result<(), String> {
    inside(&format!("{key}.context"), &build.context)?;
    inside(&format!("{key}.dockerfile"), &build.dockerfile)?;
    for secret in &build.secrets {
        if secret.env.is_some() == secret.file.is_some() {
            return Err(format!(
                "`{key}.secrets` `{}` needs either `env` or `file`",
                secret.id
            ));
        }
    }
    if !build.command.is_empty() && build.layout.is_none() {
        return Err(format!(
            "`{key}.command` needs `{key}.layout`: the place where the command puts the image"
        ));
    }
    for platform in &build.platforms {
        let parts = platform.split('/').count();
        if !(2..=3).contains(&parts) || platform.split('/').any(str::is_empty) {
            return Err(format!(
                "`{key}.platforms` `{platform}` is not `os/architecture[/variant]`"
            ));
        }
    }
    Ok(())
}

fn glob(key: &str, pattern: &str) -> Result<(), String> {
    Glob::new(pattern)
        .map(drop)
        .map_err(|error| format!("`{key}` `{pattern}`: {}", error.kind()))
}

fn expression(key: &str, pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("`{key}` is no regular expression: {error}"))
}

/// A path inside the repository: relative, no `..`.
fn inside(key: &str, path: &str) -> Result<(), String> {
    let bad = path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..");
    if bad {
        Err(format!("`{key}` `{path}` must lie inside the repository"))
    } else {
        Ok(())
    }
}

fn lock_refs(prefix: &str) -> Result<(), String> {
    let legal = prefix.starts_with("refs/")
        && !prefix.ends_with(['/', '.'])
        && !prefix.contains("..")
        && !prefix.contains("//")
        && prefix
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"~^:?*[\\".contains(&b));
    if legal {
        Ok(())
    } else {
        Err(format!(
            "`git.lock-refs` `{prefix}` is no place for refs: try `refs/hoist`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn what_does_not_go_together_is_named() {
        for (text, words) in [
            ("[version]\npaths = [\"a[\"]", "version.paths"),
            ("[[version.rules]]\nbump = \"none\"", "matches nothing"),
            (
                "[[version.rules]]\nmatch = \"(\"\nbump = \"none\"",
                "no regular expression",
            ),
            (
                "[[version.rules]]\ntype = \"a}\"\nbump = \"none\"",
                "version.rules[0].type",
            ),
            ("[branches]\nmaintenance = [\"rel\"]", "needs `{major}`"),
            (
                "[branches]\nmaintenance = [\"{major}.minor}.x\"]",
                "each once",
            ),
            ("[branches]\nmaintenance = [\"[{major}].x\"]", "each once"),
            ("[branches.prerelease]\nnext = \"1\"", "label"),
            ("[image.build]\ncontext = \"../x\"", "inside the repository"),
            ("[image.build]\ncommand = [\"make\"]", "image.build.layout"),
            (
                "[image.build]\nsecrets = [{ id = \"x\" }]",
                "either `env` or `file`",
            ),
            ("[image.build]\nplatforms = [\"amd64\"]", "os/architecture"),
            ("[variants.a]\nsuffix = \"\"", "empty"),
            (
                "[variants.a]\nsuffix = \"-x\"\n[variants.b]\nsuffix = \"-x\"",
                "same suffix",
            ),
            ("[variants.beta]", "suffix of variant `beta`"),
            ("[git]\nlock-refs = \"hoist\"", "git.lock-refs"),
        ] {
            let error = Policy::parse(text, "release.toml").expect_err(text);
            assert!(error.message().contains(words), "{text}: {error}");
        }
    }
}
