//! The schemas of the plan document and of the JSON lines. A document may get new fields, so they
//! allow fields that they do not name.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::parts::{document, of};
use crate::{
    cli::line::{
        DriftLine, FailedLine, NothingDocument, NothingLine, RepairLine, TakenBackLine,
        WithdrawnLine,
    },
    error::Error,
    event::Event,
    outcome::{Outcome, OutcomeKind},
    release::{Leg, Plan},
};

pub(super) type Object = Map<String, Value>;

/// An object of these properties, all of them required but those whose names end with `?`.
pub(super) fn object(properties: &[(&str, Value)]) -> Object {
    let name = |name: &&str| name.trim_end_matches('?').to_owned();
    let all: Object = properties
        .iter()
        .map(|(key, value)| (name(key), value.clone()))
        .collect();
    let required: Vec<_> = properties
        .iter()
        .filter(|(key, _)| !key.ends_with('?'))
        .map(|(key, _)| key)
        .collect();
    let mut object = Object::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), all.into());
    object.insert("required".to_owned(), json!(required));
    object
}

/// Both objects in one.
pub(super) fn with(one: &Object, other: &Object) -> Object {
    let mut both = one.clone();
    for (key, value) in other {
        match (both.get_mut(key), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) => {
                mine.extend(theirs.clone());
            }
            (Some(Value::Array(mine)), Value::Array(theirs)) => {
                mine.extend(theirs.iter().cloned());
            }
            (Some(_), _) => {}
            (None, value) => drop(both.insert(key.clone(), value.clone())),
        }
    }
    both
}

fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn v() -> Object {
    object(&[("v", json!({ "const": 1 }))])
}

/// The policy file, where a verb works on several images.
pub(super) fn config() -> Value {
    json!({ "description": "The policy file, where there are several images.", "type": "string" })
}

pub(super) fn as_object(schema: Value) -> Object {
    match schema {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

/// What one machine has made of an image.
pub(super) fn leg() -> Value {
    let mut leg = as_object(of::<Leg>(true));
    leg.remove("title");
    leg.remove("description");
    document(
        "leg",
        "A leg of `hoist build`: what one machine has made for an image.",
        leg.into(),
    )
}

/// The document of `hoist plan --json`.
pub(super) fn plan() -> Value {
    let mut plan = as_object(of::<Plan>(true));
    plan.remove("title");
    let nothing = line::<NothingDocument<'_>>();
    let config = object(&[("config", config())]);
    let failed = object(&[("error", of_error())]);
    let entries: Vec<_> = [&plan, &nothing, &failed]
        .map(|entry| with(&config, entry))
        .into();
    let several = with(
        &v(),
        &object(&[(
            "releases",
            json!({ "type": "array", "items": { "oneOf": entries } }),
        )]),
    );
    document(
        "hoist plan --json",
        "Everything that a release would do; or why there is nothing to release; or, with --all, one of the two for each image; or what failed.",
        json!({ "oneOf": [plan, nothing, several, with(&v(), &failed)] }),
    )
}

pub(super) fn of_error() -> Value {
    let mut error = of::<Error>(true);
    error.as_object_mut().map(|error| error.remove("title"));
    error
}

/// The type of one line.
fn line<T: JsonSchema>() -> Object {
    let mut line = as_object(of::<T>(true));
    line.remove("title");
    line
}

/// One line of the verbs that print JSON lines.
pub(super) fn lines() -> Value {
    let mut all: Vec<Object> = events();
    let config = object(&[("config?", config())]);
    all.push(with(&line::<DriftLine<'_>>(), &config));
    all.push(line::<TakenBackLine<'_>>());
    all.extend(outcomes());
    document(
        "a line of hoist's JSON lines",
        "What release, promote, resume, rollback and repair print with --json. The last line has the type `outcome`, whatever happened.",
        json!({ "oneOf": all }),
    )
}

fn events() -> Vec<Object> {
    let line = with(&v(), &object(&[("config?", config())]));
    let what = object(&[("what", text())]);
    let mut events = Vec::new();
    for event in as_object(of::<Event>(true))["oneOf"]
        .as_array()
        .expect("an enum")
    {
        let mut event = as_object(event.clone());
        match event.remove("oneOf") {
            None => events.push(with(&line, &event)),
            Some(steps) => {
                for step in steps.as_array().expect("an enum") {
                    let step = with(&event, &as_object(step.clone()));
                    events.push(with(&line, &with(&what, &step)));
                }
            }
        }
    }
    events
}

fn outcomes() -> Vec<Object> {
    let words = |schema: &Value| {
        let all = schema["oneOf"].as_array().expect("an enum").iter();
        all.map(|one| one["const"].clone()).collect::<Vec<_>>()
    };
    let ends = words(&of::<OutcomeKind>(true));
    let exit = || json!({ "description": "The exit code of the process.", "type": "integer" });
    let ended_line = |outcomes: &Value| {
        object(&[
            ("v", json!({ "const": 1 })),
            ("config?", config()),
            ("type", json!({ "const": "outcome" })),
            ("outcome", outcomes.clone()),
            ("exit", exit()),
        ])
    };
    let mut ended = as_object(of::<Outcome>(true));
    for part in ["properties", "required"] {
        match ended.get_mut(part) {
            Some(Value::Object(all)) => drop(all.remove("kind")),
            Some(Value::Array(all)) => all.retain(|name| name != "kind"),
            _ => panic!("an object has {part}"),
        }
    }
    ended.remove("title");
    let ended = with(&ended, &object(&[("withdrawn?", text())]));
    let named = object(&[("config?", config())]);
    let release = object(&[
        ("config", config()),
        ("outcome", text()),
        ("exit", exit()),
        ("version", json!({ "type": ["string", "null"] })),
    ]);
    let several = object(&[("releases", json!({ "type": "array", "items": release }))]);
    vec![
        with(&ended_line(&json!({ "enum": ends })), &ended),
        with(&line::<FailedLine<'_>>(), &named),
        with(&line::<NothingLine<'_>>(), &named),
        line::<WithdrawnLine<'_>>(),
        with(&line::<RepairLine>(), &named),
        with(&ended_line(&text()), &several),
    ]
}
