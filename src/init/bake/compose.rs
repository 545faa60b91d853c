//! Variables of compose files: `$NAME`, `${NAME}`, `${NAME:-text}` and their kin; `$$` is a dollar.

use crate::init::shell_commands::unknown;

/// Whether a file is one of services.
pub(super) fn is_compose(path: &str) -> bool {
    path.ends_with(".yml") || path.ends_with(".yaml")
}

/// The text with the variables filled in. One without a value stays an expression, unless the file
/// has a default for it.
pub(super) fn interpolated(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(behind) = after.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        let braced = after.strip_prefix('{').and_then(closing);
        let (inner, end) = match braced {
            Some(end) => (&after[1..=end], end + 2),
            None => (&after[..name_end(after)], name_end(after)),
        };
        match value(inner, variable) {
            Some(value) => out.push_str(&value),
            None if end == 0 => out.push('$'),
            None => out.push_str(&unknown(&format!("${}", &after[..end]))),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// Where the brace closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn name_end(text: &str) -> usize {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match starts {
        true => text.find(|c| !is_of_name(c)).unwrap_or(text.len()),
        false => 0,
    }
}

/// What stands between the braces, filled in.
fn value(inner: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (name, operation) = inner.split_at(name_end(inner));
    if name.is_empty() {
        return None;
    }
    let known = variable(name);
    let text = |rest: &str| Some(interpolated(rest, variable));
    match (operation.get(..2), operation.get(..1)) {
        (Some(":-"), _) => known
            .filter(|value| !value.is_empty())
            .or_else(|| text(&operation[2..])),
        (Some(":+"), _) => match known.is_some_and(|value| !value.is_empty()) {
            true => text(&operation[2..]),
            false => Some(String::new()),
        },
        (_, Some("-")) => known.or_else(|| text(&operation[1..])),
        (_, Some("+")) => match known.is_some() {
            true => text(&operation[1..]),
            false => Some(String::new()),
        },
        _ => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_their_defaults() {
        let variable = |name: &str| match name {
            "TAG" => Some("1.2.3".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("acme/api:${TAG}", "acme/api:1.2.3"),
            ("acme/api:$TAG-slim", "acme/api:1.2.3-slim"),
            ("${OWNER:-acme}/api:${TAG:-latest}", "acme/api:1.2.3"),
            ("a:${EMPTY:-x}${EMPTY-y}", "a:x"),
            ("a:${NONE:-${TAG}}", "a:1.2.3"),
            ("a${TAG:+-b}${NONE:+-c}", "a-b"),
            ("price: $$5 and $6", "price: $5 and $6"),
            ("${TAG:?is needed}", "1.2.3"),
        ] {
            assert_eq!(interpolated(text, &variable), expected, "{text}");
        }
        let left = interpolated("a:${NONE}", &variable);
        assert!(left.contains("${{"), "{left}");
    }
}
