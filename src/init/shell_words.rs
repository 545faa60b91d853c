//! A shell script as far as it is a list of plain commands whose words expand to known texts.
//!
//! No shell: a script that branches or loops is read up to there, and what it sets afterwards is
//! unknown.

use std::collections::BTreeMap;

use regex::Regex;

use crate::init::shell_commands::{PlainCommand, assignment, commands, words};

/// What [`PlainScript::read`] asks for as a variable where a script reads the version from a file.
pub(super) const VERSION_OF_FILE: &str = "<version of a file>";

/// What a script sets, and its commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PlainScript {
    /// Outputs of the step; `None` where the value is not known.
    pub(super) outputs: BTreeMap<String, Option<String>>,
    /// Variables of later steps.
    pub(super) environment: BTreeMap<String, Option<String>>,
    /// Every variable that it sets.
    pub(super) variables: BTreeMap<String, Option<String>>,
    pub(super) commands: Vec<PlainCommand>,
}

impl PlainScript {
    pub(super) fn read(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut script = Self::default();
        let mut own: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut branched = false;
        let joined = text.replace("\\\n", " ");
        for line in joined.lines().map(str::trim) {
            let first = line.split_whitespace().next().unwrap_or_default();
            branched |= matches!(
                first,
                "if" | "case" | "for" | "while" | "until" | "function" | "else" | "elif"
            ) || first.ends_with("()");
            let known = |name: &str| match own.get(name) {
                Some(value) => value.clone(),
                None => variable(name),
            };
            let value = |text: &str| if branched { None } else { expand(text, &known) };
            if let Some((name, text)) = assignment(line) {
                let value = value(text);
                own.insert(name.to_owned(), value);
            } else if let Some((place, name, text)) = output(line) {
                let value = value(text);
                match place {
                    OutputPlace::Output => script.outputs.insert(name.to_owned(), value),
                    OutputPlace::Environment => {
                        own.insert(name.to_owned(), value.clone());
                        script.environment.insert(name.to_owned(), value)
                    }
                };
            } else {
                script.commands.extend(commands(line, !branched, &value));
            }
        }
        script.variables = own;
        script
    }
}

enum OutputPlace {
    Output,
    Environment,
}

/// `echo "name=text" >> $GITHUB_OUTPUT`, its older form, and the environment's.
fn output(line: &str) -> Option<(OutputPlace, &str, &str)> {
    let rest = line.strip_prefix("echo ")?;
    if let Some((_, rest)) = rest.split_once("::set-output name=") {
        let (name, value) = rest.split_once("::")?;
        return Some((
            OutputPlace::Output,
            name,
            value.trim_end_matches(['"', '\'']),
        ));
    }
    let (text, target) = rest
        .split_once(">>")
        .or_else(|| rest.split_once("| tee -a"))?;
    let place = if target.contains("GITHUB_OUTPUT") {
        OutputPlace::Output
    } else if target.contains("GITHUB_ENV") {
        OutputPlace::Environment
    } else {
        return None;
    };
    let text = text.trim();
    let text = text.strip_prefix("-n ").unwrap_or(text).trim();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inner = quote.map_or(text, |quote| text.trim_matches(quote));
    let (name, value) = inner.split_once('=')?;
    Some((place, name.trim(), value))
}

/// The text that a word expands to.
fn expand(word: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = word.trim();
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\'' => {
                let end = after.find('\'')?;
                out.push_str(&after[..end]);
                rest = &after[end + 1..];
            }
            '"' => rest = after,
            '`' => return None,
            '$' if after.starts_with("{{") => return None,
            '$' if after.starts_with('(') => {
                let end = closing(after)?;
                out.push_str(&command(&after[1..end], variable)?);
                rest = &after[end + 1..];
            }
            '$' if after.starts_with('{') => {
                let end = after.find('}')?;
                out.push_str(&parameter(&after[1..end], variable)?);
                rest = &after[end + 1..];
            }
            '$' => {
                let end = after
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(after.len());
                if end == 0 {
                    return None;
                }
                out.push_str(&variable(&after[..end])?);
                rest = &after[end..];
            }
            c => {
                out.push(c);
                rest = after;
            }
        }
    }
    Some(out)
}

/// Where the parenthesis that a text begins with closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// `NAME`, `NAME#pattern`, `NAME%pattern`, `NAME/from/to`, `NAME::7`, `NAME,,`, `NAME:-text`.
fn parameter(inner: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let end = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inner.len());
    let (name, operation) = inner.split_at(end);
    if let Some(default) = operation.strip_prefix(":-") {
        return variable(name)
            .filter(|value| !value.is_empty())
            .or_else(|| expand(default, variable));
    }
    let value = variable(name)?;
    let cut =
        |pattern: &str, from_start: bool, longest: bool| cut(&value, pattern, from_start, longest);
    if operation.is_empty() {
        Some(value)
    } else if let Some(pattern) = operation.strip_prefix("##") {
        cut(pattern, true, true)
    } else if let Some(pattern) = operation.strip_prefix('#') {
        cut(pattern, true, false)
    } else if let Some(pattern) = operation.strip_prefix('%') {
        cut(
            pattern.trim_start_matches('%'),
            false,
            pattern.starts_with('%'),
        )
    } else if let Some(rest) = operation.strip_prefix('/') {
        let all = rest.starts_with('/');
        let rest = rest.trim_start_matches('/');
        let rest = rest.replace("\\/", "\u{2}");
        let (from, to) = rest.split_once('/').unwrap_or((&rest, ""));
        let (from, to) = (from.replace('\u{2}', "/"), to.replace('\u{2}', "/"));
        let from = from.replace("$'\\n'", "\n");
        Some(if all {
            value.replace(&from, &to)
        } else {
            value.replacen(&from, &to, 1)
        })
    } else if operation == ",," {
        Some(value.to_lowercase())
    } else {
        let length = operation
            .strip_prefix("::")
            .or_else(|| operation.strip_prefix(":0:"))?;
        shortened(&value, length.parse().ok()?)
    }
}

/// The first characters; of the commit's id a placeholder with that length.
fn shortened(value: &str, length: usize) -> Option<String> {
    match value {
        "{sha:full}" if length == 7 => Some("{sha}".into()),
        "{sha:full}" => Some(format!("{{sha:{length}}}")),
        value if value.contains('{') => None,
        value => Some(value.chars().take(length).collect()),
    }
}

/// Takes the part off that a pattern of the shell matches.
fn cut(value: &str, pattern: &str, from_start: bool, longest: bool) -> Option<String> {
    let body: String = pattern
        .trim_matches('"')
        .chars()
        .map(|c| match c {
            '*' => ".*".to_owned(),
            '?' => ".".into(),
            c => regex::escape(&c.to_string()),
        })
        .collect();
    let whole = Regex::new(&format!("^{body}$")).ok()?;
    let mut places: Vec<usize> = value
        .char_indices()
        .map(|(at, _)| at)
        .chain([value.len()])
        .collect();
    // The shortest part at the start ends early, the shortest one at the end starts late.
    if from_start == longest {
        places.reverse();
    }
    let part = |at: &usize| {
        if from_start {
            value.split_at(*at)
        } else {
            let (a, b) = value.split_at(*at);
            (b, a)
        }
    };
    let found = places
        .iter()
        .map(part)
        .find(|(taken, _)| whole.is_match(taken));
    Some(found.map_or(value, |(_, rest)| rest).to_owned())
}

/// The few commands whose answer is a placeholder, or a change of a known text.
fn command(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut stages = text.split('|').map(str::trim);
    let first = stages.next()?;
    let all = words(first);
    let plain: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut value = match &*plain {
        ["date", rest @ ..] => {
            let format = rest
                .iter()
                .find_map(|word| word.trim_matches(['"', '\'']).strip_prefix('+'))?;
            let format = format.trim_matches(['"', '\'']);
            (!format.contains('$')).then(|| format!("{{date:{format}}}"))?
        }
        [
            "git",
            "rev-parse",
            "--short",
            "HEAD" | "$GITHUB_SHA" | "\"$GITHUB_SHA\"",
        ] => "{sha}".to_owned(),
        ["git", "rev-parse", "HEAD"] => "{sha:full}".to_owned(),
        [first, ..] if matches!(*first, "cat" | "jq") && reads_version(first, &plain[1..]) => {
            variable(VERSION_OF_FILE)?
        }
        ["git", "rev-parse", short, "HEAD"] => {
            format!(
                "{{sha:{}}}",
                short.strip_prefix("--short=")?.parse::<usize>().ok()?
            )
        }
        ["echo" | "printf", rest @ ..] => {
            let rest: Vec<&str> = rest.iter().copied().filter(|word| *word != "-n").collect();
            let [one] = &*rest else { return None };
            expand(one, variable)?
        }
        _ => return None,
    };
    for stage in stages {
        let all = words(stage);
        let plain: Vec<&str> = all
            .iter()
            .map(|word| word.trim_matches(['"', '\'']))
            .collect();
        value = match &*plain {
            ["tr", "[:upper:]" | "A-Z", "[:lower:]" | "a-z"] => value.to_lowercase(),
            ["cut", "-c2-"] => value.chars().skip(1).collect(),
            ["cut", "-c1-7" | "-c-7"] => shortened(&value, 7)?,
            ["cut", "-d", separator, "-f", field] => part(&value, separator, field)?,
            ["cut", joined, field] => part(
                &value,
                joined.strip_prefix("-d")?,
                field.strip_prefix("-f")?,
            )?,
            ["sed", .., script] => substituted(&value, script)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Whether the command prints the version of a file: `cat VERSION`, `jq -r .version package.json`.
fn reads_version(command: &str, arguments: &[&str]) -> bool {
    let bare = |word: &&str| word.trim_matches(['"', '\'']).to_owned();
    let words: Vec<String> = arguments.iter().map(bare).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (command, &*words) {
        ("cat", [file]) => is_version_file(file),
        ("jq", ["-r", ".version", file]) => file.ends_with("package.json"),
        _ => false,
    }
}

fn is_version_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    matches!(&*name, "version" | "version.txt" | ".version")
}

/// Whether a command somewhere in a text reads the version from a file.
pub(super) fn has_version_of_file(text: &str) -> bool {
    let ends = |c: char| c == ')' || c == '`' || c == '|' || c == '\\' || c == '\n';
    let mut starts = text.match_indices("$(").map(|(at, _)| &text[at + 2..]);
    starts.any(|rest| {
        let command = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let all = words(command.trim());
        let plain: Vec<&str> = all.iter().map(String::as_str).collect();
        plain
            .split_first()
            .is_some_and(|(first, rest)| reads_version(first, rest))
    })
}

fn part(value: &str, separator: &str, field: &str) -> Option<String> {
    let separator = separator.trim_matches(['"', '\'']).chars().next()?;
    let parts: Vec<&str> = value.split(separator).collect();
    let joined = |parts: &[&str]| parts.join(&separator.to_string());
    match field.split_once('-') {
        None => Some((*parts.get(field.parse::<usize>().ok()?.checked_sub(1)?)?).to_owned()),
        Some((from, to)) => {
            let from = from.parse::<usize>().unwrap_or(1).checked_sub(1)?;
            let to = to.parse::<usize>().unwrap_or(parts.len()).min(parts.len());
            Some(joined(parts.get(from..to)?))
        }
    }
}

/// `s/from/to/` of plain text, `^` and `$`.
fn substituted(value: &str, script: &str) -> Option<String> {
    let script = script.strip_prefix('s')?;
    let separator = script.chars().next()?;
    let mut parts = script[separator.len_utf8()..].split(separator);
    let (from, to) = (parts.next()?, parts.next()?);
    let plain = from.trim_start_matches('^').trim_end_matches('$');
    if plain.contains(['\\', '[', '(', '*', '.', '+']) || to.contains('\\') {
        return None;
    }
    let regex = Regex::new(&from.replace(plain, &regex::escape(plain))).ok()?;
    Some(regex.replace(value, to).into_owned())
}

#[cfg(test)]
mod tests {
    use crate::init::{shell_commands::as_written, shell_words::*};

    fn variable(name: &str) -> Option<String> {
        match name {
            "GITHUB_REF" => Some("refs/tags/v1.2.3".into()),
            "GITHUB_REF_NAME" => Some("v1.2.3".into()),
            "GITHUB_SHA" => Some("{sha:full}".into()),
            "GITHUB_REPOSITORY" => Some("Acme/Api".into()),
            _ => None,
        }
    }

    #[test]
    fn outputs_of_the_git_ref() {
        for (script, expected) in [
            (
                "echo \"x=${GITHUB_REF#refs/tags/}\" >> $GITHUB_OUTPUT",
                Some("v1.2.3"),
            ),
            (
                "echo x=${GITHUB_REF#refs/tags/v} >> \"$GITHUB_OUTPUT\"",
                Some("1.2.3"),
            ),
            (
                "echo ::set-output name=x::${GITHUB_REF##*/}",
                Some("v1.2.3"),
            ),
            (
                "echo \"x=${GITHUB_REF_NAME#v}\" | tee -a $GITHUB_OUTPUT",
                Some("1.2.3"),
            ),
            (
                "V=${GITHUB_REF_NAME#v}\necho \"x=${V%.*}\" >> $GITHUB_OUTPUT",
                Some("1.2"),
            ),
            (
                "V=$(echo ${GITHUB_REF_NAME} | sed 's/^v//')\necho \"x=$V\" >> $GITHUB_OUTPUT",
                Some("1.2.3"),
            ),
            (
                "echo \"x=$(echo $GITHUB_REF | cut -d / -f 3)\" >> $GITHUB_OUTPUT",
                Some("v1.2.3"),
            ),
            (
                "echo \"x=${GITHUB_SHA::7}\" >> $GITHUB_OUTPUT",
                Some("{sha}"),
            ),
            (
                "echo \"x=$(git rev-parse --short HEAD)\" >> $GITHUB_OUTPUT",
                Some("{sha}"),
            ),
            (
                "echo \"x=$(date -u +'%Y%m%d')\" >> $GITHUB_OUTPUT",
                Some("{date:%Y%m%d}"),
            ),
            (
                "echo \"x=${GITHUB_REPOSITORY,,}\" >> $GITHUB_OUTPUT",
                Some("acme/api"),
            ),
            ("echo \"x=$(make version)\" >> $GITHUB_OUTPUT", None),
            (
                "if [ a = b ]; then\necho \"x=a\" >> $GITHUB_OUTPUT\nfi",
                None,
            ),
        ] {
            let script_read = PlainScript::read(script, &variable);
            assert_eq!(script_read.outputs["x"].as_deref(), expected, "{script}");
        }
    }

    #[test]
    fn commands_by_their_words() {
        let script = PlainScript::read(
            "V=1\ndocker push acme/api:$V # all\ndocker tag \\\n  a b; X=1 sudo docker push \"c:$(date)\" && echo\n[ a = b ] && docker push d\nif x; then\n  docker push e:$V\nfi",
            &variable,
        );
        let shown: Vec<String> = script
            .commands
            .iter()
            .map(|command| {
                let sure = if command.sure { "" } else { "? " };
                format!("{sure}{}", as_written(&command.words.join(" ")))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "docker push acme/api:1",
                "docker tag a b",
                "docker push c:$(date)",
                "echo",
                "[ a = b ]",
                "? docker push d",
                "? if x",
                "? docker push e:$V",
                "? fi",
            ]
        );
        assert!(script.commands[2].words[2].contains("${{"));
    }
}
