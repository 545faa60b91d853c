//! One rule of docker/metadata-action's `tags:` input as one of hoist's templates.
//!
//! The rules are those of its version 6: a line is a CSV record of `key=value`, a bare field is
//! the value, no `type` means `raw`; patterns are Handlebars over the parsed version.

use std::collections::BTreeMap;

/// What a rule becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Import {
    /// A tag that never moves.
    Fixed(String),
    /// A tag that moves.
    Moving(String),
    /// `latest`, only from the default branch.
    LatestFromBranch,
    /// Nothing, and why.
    Nothing(String),
}

/// A line of the input, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataRule {
    pub(crate) kind: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl MetadataRule {
    pub(crate) fn parse(line: &str) -> Self {
        let mut fields = BTreeMap::new();
        for field in csv(line) {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) if is_key(key) => (key.trim().to_lowercase(), value.trim()),
                _ => ("value".to_owned(), field.trim()),
            };
            fields.insert(key, value.to_owned());
        }
        let kind = fields.remove("type").unwrap_or_else(|| "raw".to_owned());
        Self { kind, fields }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    /// Makes `latest` follow when the flavor leaves it to the rules.
    pub(crate) fn brings_latest(&self) -> bool {
        matches!(&*self.kind, "semver" | "pep440" | "match")
            || (self.kind == "ref" && self.get("event") == Some("tag"))
    }

    /// The template, `flavor` being the prefix and suffix of all rules without their own, and
    /// `git_prefix` what stands before the version in git tags.
    pub(crate) fn import(&self, flavor: (&str, &str), git_prefix: &str) -> Import {
        if self.get("enable") == Some("false") {
            return Import::Nothing("it is switched off".into());
        }
        let body = match self.body(git_prefix) {
            Ok(body) => body,
            Err(why) => return Import::Nothing(why),
        };
        let built_in = match &*self.kind {
            "sha" => Some(("sha-", "")),
            _ => None,
        };
        let (prefix, suffix) = built_in.unwrap_or(flavor);
        let prefix = self.get("prefix").unwrap_or(prefix);
        let suffix = self.get("suffix").unwrap_or(suffix);
        let around =
            translate(prefix, git_prefix).and_then(|p| Ok((p, translate(suffix, git_prefix)?)));
        let (prefix, suffix) = match around {
            Ok(around) => around,
            Err(why) => return Import::Nothing(why),
        };
        if self.kind == "raw" && body == "latest" {
            return self.latest(&prefix, &suffix);
        }
        let text = format!("{prefix}{body}{suffix}");
        let exact = ["{version}", "{major}.{minor}.{patch}"]
            .iter()
            .any(|part| text.contains(part));
        if exact || text.contains("{sha") {
            Import::Fixed(text)
        } else {
            Import::Moving(text)
        }
    }

    fn latest(&self, prefix: &str, suffix: &str) -> Import {
        let by_branch = self
            .get("enable")
            .is_some_and(|condition| condition.contains("is_default_branch"));
        if by_branch && prefix.is_empty() && suffix.is_empty() {
            return Import::LatestFromBranch;
        }
        Import::Moving(format!("{prefix}latest{suffix}"))
    }

    fn body(&self, git_prefix: &str) -> Result<String, String> {
        match &*self.kind {
            "semver" | "pep440" => {
                let pattern = self.get("pattern").unwrap_or("{{version}}");
                translate(pattern, git_prefix)
            }
            "raw" => translate(self.get("value").unwrap_or_default(), git_prefix),
            "sha" => Ok(match self.get("format") {
                Some("long") => "{sha:full}".into(),
                _ => "{sha}".into(),
            }),
            "match" => self.matched(),
            "ref" => match self.get("event") {
                Some("tag") => Ok(format!("{git_prefix}{{version}}")),
                Some("branch") => Err(
                    "it tags every push to a branch; hoist tags releases (`{branch}` in `tags.moving` moves with each release)".into(),
                ),
                Some("pr") => Err("pull requests are not released".into()),
                _ => Err("its event is not known".into()),
            },
            "edge" => Err("it follows pushes to a branch, not releases".into()),
            "schedule" => Err("it follows a schedule, not releases".into()),
            other => Err(format!("`type={other}` is not known")),
        }
    }

    /// The usual patterns of `type=match`; others have to be translated by hand.
    fn matched(&self) -> Result<String, String> {
        let pattern = self.get("pattern").unwrap_or_default();
        let core = pattern.trim_start_matches("v").trim_matches(['(', ')']);
        let number = |part: &str| matches!(part, r"\d" | r"\d+" | r"\d*" | "[0-9]+");
        let parts: Vec<&str> = core.split(r"\.").flat_map(|p| split_dots(p)).collect();
        match (&*parts, core) {
            (_, ".*" | ".+") => Ok("{version}".into()),
            ([a, b, c], _) if number(a) && number(b) && number(c) => Ok("{version}".into()),
            ([a, b], _) if number(a) && number(b) => Ok("{major}.{minor}".into()),
            ([a], _) if number(a) => Ok("{major}".into()),
            _ => Err(format!("the pattern `{pattern}` has no counterpart")),
        }
    }
}

/// `\d.\d`: an unescaped dot between two digit classes separates as well.
fn split_dots(part: &str) -> Vec<&str> {
    if part == ".*" || part == ".+" {
        return vec![part];
    }
    part.split('.').collect()
}

fn is_key(key: &str) -> bool {
    let key = key.trim();
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

/// The fields of a CSV record; a field in double quotes can hold commas, `""` is a quote.
pub(crate) fn csv(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    // GitHub fills an expression in before the action reads the line.
    let mut expression = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.last_mut().expect("there is always one");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                last.push('"');
                chars.next();
            }
            '"' if quoted || last.trim().is_empty() => quoted = !quoted,
            ',' if !quoted && !expression => fields.push(String::new()),
            c => {
                last.push(c);
                if last.ends_with("${{") {
                    expression = true;
                } else if last.ends_with("}}") {
                    expression = false;
                }
            }
        }
    }
    fields
}

/// Handlebars to our placeholders; what only GitHub knows has no counterpart.
fn translate(text: &str, git_prefix: &str) -> Result<String, String> {
    if text.contains("${{") {
        return Err(format!("`{text}` is known to GitHub alone"));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find("}}") else {
            return Err(format!("`{text}` does not end"));
        };
        out.push_str(&expression(
            rest[start + 2..start + end].trim(),
            git_prefix,
        )?);
        rest = &rest[start + end + 2..];
    }
    out.push_str(rest);
    if out.is_empty() && !text.is_empty() {
        return Err("it gives no text".into());
    }
    Ok(out)
}

fn expression(inner: &str, git_prefix: &str) -> Result<String, String> {
    let (name, arguments) = inner.split_once(' ').unwrap_or((inner, ""));
    Ok(match name {
        "version" | "major" | "minor" | "patch" | "sha" | "branch" => format!("{{{name}}}"),
        "raw" | "tag" => format!("{git_prefix}{{version}}"),
        "date" | "commit_date" => {
            let quote = |c| c == '\'' || c == '"';
            let format = arguments.trim_start_matches(quote);
            let format = format.split(quote).next().unwrap_or_default();
            format!("{{{name}:{}}}", strftime(format)?)
        }
        other => return Err(format!("`{{{{{other}}}}}` has no counterpart")),
    })
}

/// Moment's format letters as strftime's.
fn strftime(moment: &str) -> Result<String, String> {
    const LETTERS: [(&str, &str); 17] = [
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("MM", "%m"),
        ("M", "%-m"),
        ("DDDD", "%j"),
        ("DD", "%d"),
        ("D", "%-d"),
        ("HH", "%H"),
        ("H", "%-H"),
        ("hh", "%I"),
        ("mm", "%M"),
        ("ss", "%S"),
        ("X", "%s"),
        ("WW", "%V"),
        ("GGGG", "%G"),
    ];
    let mut out = String::new();
    let mut rest = moment;
    while let Some(c) = rest.chars().next() {
        if let Some((letters, format)) = LETTERS.iter().find(|(l, _)| rest.starts_with(l)) {
            out.push_str(format);
            rest = &rest[letters.len()..];
        } else if c == '[' {
            let end = rest
                .find(']')
                .ok_or_else(|| format!("`{moment}` does not end"))?;
            out.push_str(&rest[1..end]);
            rest = &rest[end + 1..];
        } else if c.is_ascii_alphabetic() {
            return Err(format!("the date format `{moment}` has no counterpart"));
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if out.is_empty() {
        Err("the date has no format".into())
    } else {
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use crate::init::rule::*;

    fn import(line: &str) -> Import {
        MetadataRule::parse(line).import(("", ""), "v")
    }

    #[test]
    fn every_kind_of_rule() {
        let fixed = |text: &str| Import::Fixed(text.into());
        let moving = |text: &str| Import::Moving(text.into());
        for (line, expected) in [
            ("type=semver,pattern={{version}}", fixed("{version}")),
            ("type=semver,pattern={{raw}}", fixed("v{version}")),
            (
                "type=semver,pattern=v{{major}}.{{minor}}.{{patch}}",
                fixed("v{major}.{minor}.{patch}"),
            ),
            (
                "type=semver,pattern={{major}}.{{minor}}",
                moving("{major}.{minor}"),
            ),
            (
                "type=semver,pattern={{major}},enable=${{ !startsWith(github.ref, 'refs/tags/v0.') }}",
                moving("{major}"),
            ),
            ("type=pep440,pattern={{version}}", fixed("{version}")),
            ("type=sha", fixed("sha-{sha}")),
            ("type=sha,format=long,prefix=", fixed("{sha:full}")),
            ("type=sha,prefix=git-,suffix=-x", fixed("git-{sha}-x")),
            ("type=ref,event=tag", fixed("v{version}")),
            ("type=match,pattern=v(.*),group=1", fixed("{version}")),
            (
                r"type=match,pattern=v(\d+.\d+),group=1",
                moving("{major}.{minor}"),
            ),
            (r"type=match,pattern=\d+\.\d+\.\d+", fixed("{version}")),
            ("type=raw,value=edge-{{branch}}", moving("edge-{branch}")),
            ("nightly", moving("nightly")),
            (
                "type=raw,value={{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}",
                moving("{date:%Y%m%d-%H%M%S}"),
            ),
            (
                "type=raw,value={{commit_date 'YYYY.MM.DD'}}-{{sha}}",
                fixed("{commit_date:%Y.%m.%d}-{sha}"),
            ),
            (
                "type=raw,value=latest,enable={{is_default_branch}}",
                Import::LatestFromBranch,
            ),
            ("latest", moving("latest")),
            ("\"type=raw\",\"value=a\"", moving("a")),
        ] {
            assert_eq!(import(line), expected, "{line}");
        }
        for (line, words) in [
            ("type=ref,event=branch", "every push"),
            ("type=ref,event=pr", "pull requests"),
            ("type=edge", "pushes"),
            ("type=schedule,pattern=nightly", "schedule"),
            ("type=raw,value=x,enable=false", "switched off"),
            ("type=raw,value=${{ github.run_id }}", "GitHub alone"),
            ("type=raw,value={{base_ref}}", "{{base_ref}}"),
            ("type=raw,value={{date 'dddd'}}", "dddd"),
            ("type=match,pattern=rel-(.*)-x", "rel-(.*)-x"),
            ("type=cheese", "not known"),
        ] {
            match import(line) {
                Import::Nothing(why) => assert!(why.contains(words), "{line}: {why}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_rules_own_prefix_replaces_the_flavors() {
        let import = |line: &str| MetadataRule::parse(line).import(("foo-", "-bar"), "v");
        assert_eq!(
            import("type=semver,pattern={{version}}"),
            Import::Fixed("foo-{version}-bar".into())
        );
        assert_eq!(
            import("type=semver,pattern={{version}},prefix="),
            Import::Fixed("{version}-bar".into())
        );
        assert_eq!(import("type=sha"), Import::Fixed("sha-{sha}".into()));
    }

    #[test]
    fn csv_fields() {
        assert_eq!(csv(r#"a,"b,""c""",d"#), ["a", "b,\"c\"", "d"]);
        assert_eq!(csv("a=${{ f(x, 'y') }},b"), ["a=${{ f(x, 'y') }}", "b"]);
        assert_eq!(csv(""), [""]);
    }
}
