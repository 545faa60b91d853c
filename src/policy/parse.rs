//! Text to [`Policy`]: strict, with errors that point at the line and name the nearest key.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    error::{Error, ErrorCode, Result},
    policy::{check::check, meant::meant, release_toml::Policy},
};

/// Keys that cargo-release, whose file has the same name, knows at the top level and hoist does
/// not (its reference, "Configuration").
const CARGO_RELEASE_KEYS: [&str; 27] = [
    "allow-branch",
    "certs-source",
    "consolidate-commits",
    "dependent-version",
    "dev-version",
    "disable-release",
    "enable-all-features",
    "enable-features",
    "metadata",
    "owners",
    "post-release-replacements",
    "pre-release-commit-message",
    "pre-release-hook",
    "pre-release-replacements",
    "push",
    "push-options",
    "push-remote",
    "rate-limit",
    "release",
    "shared-version",
    "sign-commit",
    "sign-tag",
    "tag-message",
    "tag-name",
    "tag-prefix",
    "unstable",
    "verify",
];

impl Policy {
    /// Reads a policy file. `name` is the file's name for messages.
    ///
    /// # Errors
    /// A usage error with line, key and the nearest known name.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let policy: Self = toml::from_str(text).map_err(|error| explain(text, name, &error))?;
        check(&policy).map_err(|problem| problem.of_file(name))?;
        Ok(policy)
    }
}

/// Whether a text that is not a policy is the `release.toml` of cargo-release.
#[must_use]
pub fn is_cargo_release(text: &str) -> bool {
    cargo_release_key(text).is_some()
}

fn explain(text: &str, name: &str, toml: &toml::de::Error) -> Error {
    if let Some(key) = cargo_release_key(text) {
        return Error::usage(format!("`{name}` belongs to cargo-release, not to hoist"))
            .with_code(ErrorCode::PolicyOfOtherTool)
            .cause(format!("it has the key `{key}`"))
            .hint("keep hoist's policy in a file of its own: `hoist --config hoist.toml init`");
    }
    let message = toml.message().trim();
    let (line, column, source) = place(text, toml.span().map_or(0, |span| span.start));
    let at = format!("line {line}, column {column}: `{source}`");
    match unknown("field", message) {
        Some((field, known)) => {
            let error = Error::usage(format!("unknown key `{field}` in `{name}`"))
                .with_code(ErrorCode::InvalidPolicy)
                .cause(at);
            let path = error_path(text, toml.span());
            let near = nearest(field, &known);
            let slip = near.filter(|near| is_slip(field, near));
            let meant = path.and_then(|path| meant(&path));
            match (slip, meant, near) {
                (None, Some(meant), _) => error.hint(meant),
                (Some(near), ..) | (None, None, Some(near)) => {
                    error.hint(format!("did you mean `{near}`?"))
                }
                (None, None, None) => error.hint(format!("known here: {}", list(&known))),
            }
        }
        None => {
            let path = error_path(text, toml.span());
            let key = path.as_ref();
            let key = key.map_or_else(String::new, |key| format!("`{key}`: "));
            let list = path.as_deref().and_then(|path| entries_hint(path, message));
            let table = path.filter(|_| is_of_table(message));
            let message = without_type(message);
            let error = Error::usage(format!("`{name}` is not a valid policy: {key}{message}"))
                .with_code(ErrorCode::InvalidPolicy)
                .cause(at);
            let near = unknown_value(&message).and_then(|(value, known)| {
                nearest(&value.to_lowercase(), &known).map(str::to_owned)
            });
            match near {
                _ if list.is_some() => error.hint(list.unwrap_or_default()),
                _ if table.is_some() => error.hint(table_hint(&table.unwrap_or_default())),
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None if message.ends_with("expected a sequence") => {
                    error.hint("a list stands in brackets: `[\"…\"]`")
                }
                None if message.ends_with("expected a string") => {
                    error.hint("a text stands in quotes: `\"…\"`")
                }
                None => error,
            }
        }
    }
}

fn error_path(text: &str, span: Option<Range<usize>>) -> Option<String> {
    key_at(text, &span?)
}

/// Keys whose value is a list of tables.
const LISTS_OF_TABLES: [&str; 9] = [
    "attach",
    "announce",
    "image.build.secrets",
    "version.rules",
    "version.files",
    "hooks.before-build",
    "hooks.after-stage",
    "hooks.after-release",
    "hooks.on-failure",
];

/// Whether a table is expected where a value stands.
fn is_of_table(message: &str) -> bool {
    let expected = message.rsplit(", expected ").next().unwrap_or_default();
    message.starts_with("invalid type") && (expected == "a map" || expected.starts_with("struct "))
}

/// The message without the names that types have in the program.
fn without_type(message: &str) -> String {
    match message.rsplit_once(", expected struct ") {
        Some((what, _)) => format!("{what}, expected a table"),
        None => message.replace(", expected a map", ", expected a table"),
    }
}

/// How a table is written, and what somebody means who gives it a value.
fn table_hint(path: &str) -> String {
    match path {
        "image" | "registry" => {
            "where the image goes is `image.repository`, a name with its host".to_owned()
        }
        path if path.ends_with(']') => entry_hint(&without_places(path)),
        path => {
            let path = without_places(path);
            format!("`[{path}]` is a table: its keys stand below it, one a line")
        }
    }
}

/// How a list of tables is written, where something else stands in its place.
fn entries_hint(path: &str, message: &str) -> Option<String> {
    let is_list = LISTS_OF_TABLES.contains(&path)
        || path.starts_with("images.") && path.ends_with(".secrets");
    (is_list && message.ends_with(", expected a sequence")).then(|| entry_hint(path))
}

fn entry_hint(list: &str) -> String {
    format!("`[[{list}]]` begins each entry of the list: its keys stand below it, one a line")
}

/// `attach[0].annotations` as a header names it: `attach.annotations`.
fn without_places(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.split_once(']').map_or(part, |(_, rest)| rest)
    })
}

/// A value that is none of those that its key can have, and those.
fn unknown_value(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message
        .strip_prefix("unknown variant `")?
        .split('`')
        .step_by(2);
    let value = quoted.next()?;
    Some((value, quoted.filter(|known| !known.is_empty()).collect()))
}

/// The path of the key or value at `span`: `version.rules[0].type`. `None` where the text is not
/// TOML, and then the error is about that.
fn key_at(text: &str, span: &Range<usize>) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    key_in_table(table.get_ref(), span)
}

fn key_in_table(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let below = if key.span() == *span {
            Some(String::new())
        } else {
            key_in_value(value, span)
        };
        below.map(|below| format!("{}{below}", key.get_ref()))
    })
}

fn key_in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    let below = match value.get_ref() {
        DeValue::Table(table) => key_in_table(table, span).map(|below| format!(".{below}")),
        DeValue::Array(array) => array.iter().enumerate().find_map(|(index, value)| {
            key_in_value(value, span).map(|below| format!("[{index}]{below}"))
        }),
        _ => None,
    };
    below.or_else(|| (value.span() == *span).then(String::new))
}

/// A key that only cargo-release has, where hoist's own tables are absent.
fn cargo_release_key(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    if table.contains_key("image") || table.contains_key("tags") {
        return None;
    }
    if table.get("publish").is_some_and(toml::Value::is_bool) {
        return Some("publish".to_owned());
    }
    table
        .keys()
        .find(|key| CARGO_RELEASE_KEYS.contains(&key.as_str()))
        .cloned()
}

fn place(text: &str, offset: usize) -> (usize, usize, &str) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let source = text[start..].lines().next().unwrap_or("").trim();
    (line, before[start..].chars().count() + 1, source)
}

/// serde's own words: "unknown field `x`, expected one of `a`, `b`".
/// The unknown name in serde's message, and those that are known.
fn unknown<'a>(what: &str, message: &'a str) -> Option<(&'a str, Vec<&'a str>)> {
    let rest = message.strip_prefix("unknown ")?.strip_prefix(what)?;
    let rest = rest.strip_prefix(" `")?;
    let (field, expected) = rest.split_once('`')?;
    Some((field, expected.split('`').skip(1).step_by(2).collect()))
}

fn nearest<'a>(field: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&plain(field), name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// Whether a key is another one of its table but for a letter. Short words resemble too much.
fn is_slip(field: &str, near: &str) -> bool {
    field.len() > 3 && strsim::damerau_levenshtein(&plain(field), near) <= 1
}

/// The key as hoist writes its own.
fn plain(field: &str) -> String {
    field.to_lowercase().replace('_', "-")
}

fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn error(text: &str) -> Error {
        Policy::parse(text, "release.toml").expect_err("the text is wrong")
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(
            Policy::parse("", "release.toml").ok(),
            Some(Policy::default())
        );
    }

    #[test]
    fn an_unknown_key_names_the_line_and_the_nearest_one() {
        let error = error("[image]\nrepository = \"acme/api\"\n\n[tags]\nmovng = []\n");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.message(), "unknown key `movng` in `release.toml`");
        assert_eq!(error.causes(), ["line 5, column 1: `movng = []`"]);
        assert_eq!(error.first_hint(), Some("did you mean `moving`?"));
    }

    #[test]
    fn a_key_like_no_other_lists_what_is_known() {
        let error = error("[notes]\nxyzzy = 1\n");
        assert_eq!(
            error.first_hint(),
            Some("known here: `template`, `changelog`")
        );
    }

    #[test]
    fn cargo_releases_file_is_recognised() {
        let error = error("sign-commit = true\npublish = false\n");
        assert!(error.message().contains("cargo-release"), "{error}");
    }

    #[test]
    fn terminal_escapes_of_a_strangers_file_are_not_shown() {
        for text in [
            "[tags]\nlatest = \u{1b}[31mred\n",
            "[version]\npaths = [\"\\u001b[31m[\"]\n",
            "[tags]\n\"\\u001b[31m\" = 1\n",
        ] {
            let shown = format!("{:#}", error(text));
            assert!(!shown.contains('\u{1b}'), "{shown:?}");
            assert!(shown.contains("\\u{1b}"), "{shown:?}");
        }
    }

    #[test]
    fn a_wrong_choice_names_the_nearest_one() {
        for (text, near) in [
            ("[version]\nzero = \"Minor\"\n", "did you mean `minor`?"),
            ("[tags]\nlatest = \"highst\"\n", "did you mean `highest`?"),
        ] {
            assert_eq!(error(text).first_hint(), Some(near), "{text}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_answered_with_the_form() {
        for (text, form) in [
            ("[tags]\nmoving = \"latest\"\n", "in brackets"),
            ("[publish]\ndeadline = 20\n", "in quotes"),
            (
                "[image.build]\nsecrets = [\"id=t\"]\n",
                "`[[image.build.secrets]]`",
            ),
            (
                "[image.build.secrets]\nid = \"t\"\n",
                "`[[image.build.secrets]]`",
            ),
            (
                "[images.web]\nsecrets = { id = \"t\" }\n",
                "`[[images.web.secrets]]`",
            ),
            ("[attach]\nfile = \"a\"\n", "`[[attach]]`"),
            ("attach = [\"a\"]\n", "`[[attach]]`"),
            ("version.rules = \"a\"\n", "`[[version.rules]]`"),
            (
                "[hooks]\nafter-stage = [\"a\"]\n",
                "`[[hooks.after-stage]]`",
            ),
            ("[announce]\nurl = \"x\"\n", "`[[announce]]`"),
        ] {
            let error = error(text);
            let hint = error.first_hint().unwrap_or_default();
            assert!(hint.contains(form), "{text}: {error}");
        }
    }

    #[test]
    fn a_wrong_value_names_its_place() {
        for (text, words) in [
            ("[image]\nrepository = \"https://x/y\"\n", "scheme"),
            ("[version]\ntag = \"v\"\n", "`{version}` exactly once"),
            ("[version]\ninitial = \"1.0\"\n", "is not a valid policy"),
            ("[publish]\ndeadline = \"ten\"\n", "not a valid duration"),
            ("[publish]\ndeadline = \"00m\"\n", "no time"),
            ("[tags]\nfixed = [\"{versoin}\"]\n", "`tags.fixed[0]`"),
            (
                "[branches.prerelease]\n\"a[\" = \"rc\"\n",
                "`branches.prerelease.a[`",
            ),
            (
                "[image.build]\nplatforms = [\"linux/amd64\", \"x\"]\n",
                "`image.build.platforms[1]`",
            ),
            ("[tags]\nlatest = \"always\"\n", "unknown variant"),
            ("[version]\nzero = \"Minor\"\n", "unknown variant"),
            ("[tags\n", "is not a valid policy"),
        ] {
            let error = error(text);
            assert!(format!("{error:#}").contains(words), "{text}: {error}");
            assert!(error.causes()[0].starts_with("line "), "{error}");
        }
    }
}
