//! YAML read as the JSON that it could have been: `init` only looks things up in it.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// The first document; `None` where the text is not YAML. JSON is YAML too.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let read = |text: &str| {
        let documents = Yaml::load_from_str(text).ok()?;
        documents.first().map(value)
    };
    read(text).or_else(|| read(&with_brackets_inside(text)))
}

/// The text with every line that begins with a closing bracket further in. Other readers take
/// a bracket at the depth of its key; this one does not.
fn with_brackets_inside(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if line.trim_start().starts_with([']', '}']) {
            out.push_str(&" ".repeat(40));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(scalar) => crate::init::yaml::scalar(scalar),
        Yaml::Representation(text, ..) => Value::String(text.to_string()),
        Yaml::Tagged(_, inner) => value(inner),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(key, inner): (&Yaml<'_>, &Yaml<'_>)| (text(&value(key)), value(inner));
            Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
        }
        Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

fn scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Value::from(value.into_inner()),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

/// A scalar as text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The lines of a block, or the items of a list: inputs of actions come as either.
pub(crate) fn lines(value: Option<&Value>) -> Vec<String> {
    let all: Vec<String> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(other) => text(other).lines().map(str::to_owned).collect(),
    };
    let trimmed = all.iter().map(|line| line.trim());
    trimmed
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::init::yaml::*;

    #[test]
    fn yaml_and_json_read_the_same() {
        let yaml = "on: push\nwith:\n  tags: |\n    # no\n    a\n    b=1,c=2\n  n: 1.5\n  list: [x, 'y']\n";
        let value = parse(yaml).expect("it is YAML");
        assert_eq!(lines(value["with"].get("tags")), ["a", "b=1,c=2"]);
        assert_eq!(lines(value["with"].get("list")), ["x", "y"]);
        assert_eq!(value["on"], "push");
        let json = parse(r#"{"tagFormat": "v${version}"}"#).expect("it is YAML too");
        assert_eq!(json["tagFormat"], "v${version}");
        assert!(parse("a: [").is_none());
        let brackets = "on:\n  push:\n    paths: [\n      'a',\n    ]\njobs: {}\n";
        let value = parse(brackets).expect("other readers take it");
        assert_eq!(value["on"]["push"]["paths"][0], "a");
    }
}
