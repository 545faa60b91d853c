//! The part of Go's templates that release tools are configured with: fields, `if`, and a few
//! functions of texts.

use std::collections::BTreeMap;

/// The fields that a template can name, without the leading dot.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(super) fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Action(&'a str),
}

/// Renders a template.
///
/// # Errors
/// What is not known in it.
pub(super) fn render(template: &str, fields: &Fields) -> Result<String, String> {
    let pieces = pieces(template)?;
    let mut out = String::new();
    // For each `if` that is open: whether a branch was taken, and whether this one is.
    let mut open: Vec<(bool, bool)> = Vec::new();
    for piece in pieces {
        let shown = open.iter().all(|(_, now)| *now);
        match piece {
            Piece::Text(text) if shown => out.push_str(text),
            Piece::Text(_) => {}
            Piece::Action(action) => {
                let (word, rest) = action
                    .split_once(char::is_whitespace)
                    .unwrap_or((action, ""));
                let outer = open
                    .len()
                    .checked_sub(1)
                    .is_none_or(|last| open[..last].iter().all(|(_, now)| *now));
                match word {
                    "if" => {
                        let truth = shown && !pipeline(rest, fields)?.is_empty();
                        open.push((truth, truth));
                    }
                    "else" => {
                        let condition = rest.trim().strip_prefix("if ");
                        let (taken, _) = open.pop().ok_or("an `else` without `if`")?;
                        let truth = match condition {
                            Some(condition) if !taken && outer => {
                                !pipeline(condition, fields)?.is_empty()
                            }
                            Some(_) => false,
                            None => !taken,
                        };
                        open.push((taken || truth, truth));
                    }
                    "end" => {
                        open.pop().ok_or("an `end` without `if`")?;
                    }
                    _ if word.starts_with("/*") => {}
                    "range" | "with" | "define" | "block" | "template" => {
                        return Err(format!("`{word}` is not read"));
                    }
                    _ if shown => out.push_str(&pipeline(action, fields)?),
                    _ => {}
                }
            }
        }
    }
    Ok(out)
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..].find("}}").ok_or("it does not end")? + start;
        let (mut text, mut action) = (&rest[..start], &rest[start + 2..end]);
        if let Some(trimmed) = action.strip_prefix('-') {
            (text, action) = (text.trim_end(), trimmed);
        }
        let mut after = &rest[end + 2..];
        if let Some(trimmed) = action.strip_suffix('-') {
            (action, after) = (trimmed, after.trim_start());
        }
        out.push(Piece::Text(text));
        out.push(Piece::Action(action.trim()));
        rest = after;
    }
    out.push(Piece::Text(rest));
    Ok(out)
}

/// `a | f | g x`: each value is the last argument of the next function. What is false is empty.
fn pipeline(text: &str, fields: &Fields) -> Result<String, String> {
    let mut value: Option<String> = None;
    for stage in split(text, '|') {
        let words = words(&stage)?;
        value = Some(command(&words, value, fields)?);
    }
    value.ok_or_else(|| "it is empty".to_owned())
}

fn command(words: &[String], piped: Option<String>, fields: &Fields) -> Result<String, String> {
    let [first, rest @ ..] = words else {
        return Err("it is empty".into());
    };
    let mut arguments: Vec<String> = Vec::new();
    for word in rest {
        arguments.push(operand(word, fields)?);
    }
    arguments.extend(piped);
    let truth = |value: bool| {
        if value {
            "true".to_owned()
        } else {
            String::new()
        }
    };
    Ok(match (&**first, &*arguments) {
        ("tolower" | "lower", [text]) => text.to_lowercase(),
        ("toupper" | "upper", [text]) => text.to_uppercase(),
        ("trim", [text]) => text.trim().to_owned(),
        ("trimprefix", [text, part]) => text.strip_prefix(&**part).unwrap_or(text).to_owned(),
        ("trimsuffix", [text, part]) => text.strip_suffix(&**part).unwrap_or(text).to_owned(),
        ("replace", [text, from, to]) => text.replace(&**from, to),
        ("not", [value]) => truth(value.is_empty()),
        ("and", values) => values
            .iter()
            .find(|value| value.is_empty())
            .or(values.last())
            .cloned()
            .unwrap_or_default(),
        ("or", values) => values
            .iter()
            .find(|value| !value.is_empty())
            .or(values.last())
            .cloned()
            .unwrap_or_default(),
        ("eq", [one, others @ ..]) => truth(others.contains(one)),
        ("ne", [one, other]) => truth(one != other),
        ("contains", [text, part]) => truth(text.contains(&**part)),
        ("print", values) => values.concat(),
        ("printf", [format, values @ ..]) => values
            .iter()
            .fold(format.clone(), |text, value| text.replacen("%s", value, 1)),
        ("isEnvSet", [name]) => truth(fields.0.contains_key(&format!("Env.{name}"))),
        ("envOrDefault", [name, default]) => fields
            .0
            .get(&format!("Env.{name}"))
            .cloned()
            .unwrap_or_else(|| default.clone()),
        (word, []) => operand(word, fields)?,
        (word, _) => return Err(format!("the function `{word}` is not read")),
    })
}

fn operand(word: &str, fields: &Fields) -> Result<String, String> {
    if let Some(inner) = word
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return pipeline(inner, fields);
    }
    let quoted = ['"', '`']
        .iter()
        .find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
    if let Some(text) = quoted {
        return Ok(text.to_owned());
    }
    match word {
        "true" => return Ok("true".into()),
        "false" => return Ok(String::new()),
        _ => {}
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(word.to_owned());
    }
    let name = word
        .strip_prefix('.')
        .ok_or_else(|| format!("`{word}` is not read"))?;
    let known = fields.0.get(name).cloned();
    known.ok_or_else(|| match name.strip_prefix("Env.") {
        Some(name) => format!("the environment alone knows `{name}`"),
        None => format!("`.{name}` is not known"),
    })
}

/// Words; quotes and parentheses hold together.
fn words(text: &str) -> Result<Vec<String>, String> {
    Ok(split(text, ' ')
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect())
}

fn split(text: &str, separator: char) -> Vec<String> {
    let mut out = vec![String::new()];
    let (mut quote, mut depth) = (None, 0_usize);
    for c in text.chars() {
        let last = out.last_mut().expect("there is always one");
        match c {
            '"' | '`' if quote.is_none() => quote = Some(c),
            c if Some(c) == quote => quote = None,
            '(' if quote.is_none() => depth += 1,
            ')' if quote.is_none() => depth = depth.saturating_sub(1),
            c if c == separator && quote.is_none() && depth == 0 => {
                out.push(String::new());
                continue;
            }
            _ => {}
        }
        last.push(c);
    }
    out.iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use crate::init::go_template::*;

    #[test]
    fn fields_conditions_and_functions() {
        let mut fields = Fields::default();
        for (name, value) in [
            ("Version", "1.2.3"),
            ("Tag", "v1.2.3"),
            ("Major", "1"),
            ("Prerelease", ""),
            ("Env.OWNER", "Acme"),
        ] {
            fields.set(name, value.into());
        }
        for (template, expected) in [
            ("acme/api:{{ .Version }}", "acme/api:1.2.3"),
            ("acme/api:v{{.Major}}", "acme/api:v1"),
            ("{{ if not .Prerelease }}latest{{ end }}", "latest"),
            (
                "{{- if .Prerelease -}} pre {{- else -}} stable {{- end -}}",
                "stable",
            ),
            (
                "{{ if .Prerelease }}a{{ else if eq .Major \"1\" }}b{{ else }}c{{ end }}",
                "b",
            ),
            ("{{ .Env.OWNER | tolower }}/x", "acme/x"),
            ("{{ tolower .Env.OWNER }}", "acme"),
            ("{{ replace .Version \".\" \"-\" }}", "1-2-3"),
            ("{{ trimprefix .Tag \"v\" }}", "1.2.3"),
            (
                "{{ if and (not .Prerelease) (ne .Major \"0\") }}yes{{ end }}",
                "yes",
            ),
            ("{{ envOrDefault \"X\" \"d\" }}", "d"),
            ("{{ printf \"%s-x\" .Tag }}", "v1.2.3-x"),
        ] {
            assert_eq!(
                render(template, &fields).as_deref(),
                Ok(expected),
                "{template}"
            );
        }
        for template in [
            "{{ .Env.X }}",
            "{{ .Nothing }}",
            "{{ sha256 .Tag }}",
            "{{ range .X }}",
            "{{ .Tag",
        ] {
            assert!(render(template, &fields).is_err(), "{template}");
        }
    }
}
