//! The part of Handlebars that docker/metadata-action's inputs are written in: names, and helpers
//! with one argument.

/// What a name gives, with the first argument where there is one; or why it has no counterpart.
pub(super) type Helpers<'a> = dyn Fn(&str, Option<&str>) -> Result<String, String> + 'a;

/// Fills in the expressions of `text`; `value` gets a name and its first argument.
///
/// # Errors
/// Why it has no counterpart.
pub(super) fn render(text: &str, value: &Helpers<'_>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    // GitHub's own `${{ }}`, which was not filled in, is none of Handlebars'.
    while let Some(start) = rest.find("{{") {
        if rest[..start].ends_with('$') {
            return Err(format!("`{text}` is known to GitHub alone"));
        }
        out.push_str(&rest[..start]);
        let (open, close) = match rest[start..].starts_with("{{{") {
            true => (3, "}}}"),
            false => (2, "}}"),
        };
        let Some(end) = rest[start..].find(close) else {
            return Err(format!("`{text}` does not end"));
        };
        let inner = rest[start + open..start + end].trim_matches(['~', ' ']);
        let (name, arguments) = inner.split_once(' ').unwrap_or((inner, ""));
        if name.starts_with(['#', '/', '>', '^', '!', '&']) {
            return Err(format!("`{{{{{inner}}}}}` has no counterpart"));
        }
        out.push_str(&value(name, argument(arguments))?);
        rest = &rest[start + end + close.len()..];
    }
    Ok(out + rest)
}

/// The quoted text that the arguments begin with.
fn argument(arguments: &str) -> Option<&str> {
    let arguments = arguments.trim();
    let quote = arguments
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"'))?;
    arguments[1..].split(quote).next()
}

/// Moment's letters of a date format as strftime's.
///
/// # Errors
/// Why it has no counterpart.
pub(super) fn strftime(moment: &str) -> Result<String, String> {
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
