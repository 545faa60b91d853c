//! What all schemas are made with.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The schema of a type as it is read (`release.toml`) or written (documents). Every part stands
/// where it is used: an editor then shows the text of the key and not that of its type.
pub(super) fn of<T: JsonSchema>(written: bool) -> Value {
    let mut settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.meta_schema = None;
    let settings = match written {
        true => settings.for_serialize(),
        false => settings.for_deserialize(),
    };
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    each(&mut schema, &mut |object| {
        // Formats that only schemars knows, and patterns that say nothing.
        if object
            .get("format")
            .is_some_and(|format| format != "date-time")
        {
            object.remove("format");
        }
        if object.get("pattern").is_some_and(|pattern| pattern == "") {
            object.remove("pattern");
        }
        if let Some(Value::String(text)) = object.get_mut("description") {
            let words: Vec<_> = text.split_whitespace().collect();
            *text = words.join(" ").replace("[`", "`").replace("`]", "`");
        }
    });
    schema
}

/// Calls `change` with every object of a schema, the innermost ones first.
pub(super) fn each(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|value| each(value, change));
            change(object);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
        _ => {}
    }
}

/// A schema as a whole document.
pub(super) fn document(title: &str, description: &str, body: Value) -> Value {
    let mut document = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "description": description,
    });
    if let (Value::Object(document), Value::Object(body)) = (&mut document, body) {
        for (key, value) in body {
            document.entry(key).or_insert(value);
        }
    }
    document
}
