//! The functions of bake files that are known: those that make texts and lists of texts and lists.

use hcl::Value;
use regex::Regex;

/// The value as a text; `None` for lists and maps.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether the value is true, as a condition sees it.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match &**text {
            "true" | "1" => Some(true),
            "false" | "0" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// What the function gives; `None` where it is not known, or not for these arguments.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Value> {
    let at = |place: usize| arguments.get(place).and_then(text);
    let list = |place: usize| match arguments.get(place) {
        Some(Value::Array(items)) => Some(items.clone()),
        _ => None,
    };
    Some(match name {
        "equal" => Value::Bool(arguments.first()? == arguments.get(1)?),
        "notequal" => Value::Bool(arguments.first()? != arguments.get(1)?),
        "and" => Value::Bool(truth(arguments.first()?)? && truth(arguments.get(1)?)?),
        "or" => Value::Bool(truth(arguments.first()?)? || truth(arguments.get(1)?)?),
        "not" => Value::Bool(!truth(arguments.first()?)?),
        "lower" => at(0)?.to_lowercase().into(),
        "upper" => at(0)?.to_uppercase().into(),
        "trimspace" => at(0)?.trim().into(),
        "trimprefix" => {
            let (whole, part) = (at(0)?, at(1)?);
            whole.strip_prefix(&*part).unwrap_or(&whole).into()
        }
        "trimsuffix" => {
            let (whole, part) = (at(0)?, at(1)?);
            whole.strip_suffix(&*part).unwrap_or(&whole).into()
        }
        "trim" => {
            let characters: Vec<char> = at(1)?.chars().collect();
            at(0)?.trim_matches(&*characters).into()
        }
        "replace" => at(0)?.replace(&at(1)?, &at(2)?).into(),
        "regex_replace" => regex(&at(1)?)?
            .replace_all(&at(0)?, &*at(2)?)
            .into_owned()
            .into(),
        "substr" => {
            let (whole, start, length) = (
                at(0)?,
                number(arguments.get(1)?)?,
                number(arguments.get(2)?)?,
            );
            // A placeholder cannot be cut.
            if whole.contains('{') {
                return None;
            }
            let start = usize::try_from(start).ok()?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            whole
                .chars()
                .skip(start)
                .take(length)
                .collect::<String>()
                .into()
        }
        "format" => format(&at(0)?, &arguments[1..])?.into(),
        "join" => {
            let items: Option<Vec<String>> = list(1)?.iter().map(text).collect();
            items?.join(&at(0)?).into()
        }
        "split" => {
            let (separator, whole) = (at(0)?, at(1)?);
            Value::Array(whole.split(&*separator).map(Value::from).collect())
        }
        "concat" => {
            let lists: Option<Vec<Vec<Value>>> = (0..arguments.len()).map(list).collect();
            Value::Array(lists?.concat())
        }
        "flatten" => Value::Array(flatten(list(0)?)),
        "compact" => Value::Array(
            list(0)?
                .into_iter()
                .filter(|item| text(item).is_some_and(|text| !text.is_empty()))
                .collect(),
        ),
        "distinct" => {
            let mut distinct: Vec<Value> = Vec::new();
            for item in list(0)? {
                if !distinct.contains(&item) {
                    distinct.push(item);
                }
            }
            Value::Array(distinct)
        }
        "reverse" | "reverselist" => Value::Array(list(0)?.into_iter().rev().collect()),
        "length" => match arguments.first()? {
            Value::Array(items) => Value::from(items.len()),
            Value::Object(members) => Value::from(members.len()),
            _ => return None,
        },
        "strlen" => Value::from(at(0)?.chars().count()),
        "contains" => Value::Bool(list(0)?.contains(arguments.get(1)?)),
        "element" => {
            let items = list(0)?;
            let place = usize::try_from(number(arguments.get(1)?)?).ok()?;
            items.get(place.checked_rem(items.len())?)?.clone()
        }
        "index" => match (arguments.first()?, arguments.get(1)?) {
            (Value::Array(items), place) => {
                items.get(usize::try_from(number(place)?).ok()?)?.clone()
            }
            (Value::Object(members), key) => members.get(&text(key)?)?.clone(),
            _ => return None,
        },
        "slice" => {
            let items = list(0)?;
            let place = |at: usize| usize::try_from(number(arguments.get(at)?)?).ok();
            Value::Array(items.get(place(1)?..place(2)?)?.to_vec())
        }
        "sort" => {
            let items: Option<Vec<String>> = list(0)?.iter().map(text).collect();
            let mut items = items?;
            items.sort();
            Value::Array(items.into_iter().map(Value::from).collect())
        }
        "lookup" => {
            let members = arguments.first()?.as_object()?;
            let found = members.get(&at(1)?).or(arguments.get(2));
            found?.clone()
        }
        "values" => {
            let members = arguments.first()?.as_object()?;
            Value::Array(members.values().cloned().collect())
        }
        "coalesce" => arguments
            .iter()
            .find(|value| !value.is_null() && text(value).as_deref() != Some(""))?
            .clone(),
        "merge" => {
            let mut merged = hcl::Map::new();
            for argument in arguments {
                merged.extend(argument.as_object()?.clone());
            }
            Value::Object(merged)
        }
        "keys" => Value::Array(
            arguments
                .first()?
                .as_object()?
                .keys()
                .map(|key| Value::from(key.as_str()))
                .collect(),
        ),
        "sanitize" => regex("[^a-zA-Z0-9_-]")?
            .replace_all(&at(0)?, "_")
            .into_owned()
            .into(),
        "tostring" | "string" => at(0)?.into(),
        // The instant of the release; the format is not one of ours.
        "timestamp" => "{date:%Y-%m-%dT%H:%M:%SZ}".into(),
        "formatdate" => format!("{{date:{}}}", date(&at(0)?)?).into(),
        _ => return None,
    })
}

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| text(value)?.parse().ok())
}

fn flatten(items: Vec<Value>) -> Vec<Value> {
    let each = items.into_iter().map(|item| match item {
        Value::Array(inner) => flatten(inner),
        other => vec![other],
    });
    each.flatten().collect()
}

/// `%s`, `%d`, `%v`, `%q` and `%%`.
fn format(pattern: &str, arguments: &[Value]) -> Option<String> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            '%' => out.push('%'),
            's' | 'd' | 'v' => out.push_str(&text(arguments.next()?)?),
            _ => return None,
        }
    }
    Some(out)
}

/// The letters of `formatdate` as strftime's.
fn date(format: &str) -> Option<String> {
    const LETTERS: [(&str, &str); 6] = [
        ("YYYY", "%Y"),
        ("MM", "%m"),
        ("DD", "%d"),
        ("hh", "%H"),
        ("mm", "%M"),
        ("ss", "%S"),
    ];
    let mut out = String::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        if let Some((letters, ours)) = LETTERS
            .iter()
            .find(|(letters, _)| rest.starts_with(letters))
        {
            out.push_str(ours);
            rest = &rest[letters.len()..];
        } else if c.is_ascii_alphabetic() {
            return None;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}
