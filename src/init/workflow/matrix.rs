//! `strategy.matrix`: the combinations that a job runs with.

use serde_json::Value;

use crate::init::{
    expression,
    term::{Object, Term},
};

/// More combinations than this are not looked at.
const MOST: usize = 64;

/// Every combination. One whose values are not known where the matrix is computed.
pub(super) fn combinations(matrix: Option<&Value>, contexts: &Object) -> Vec<Object> {
    let matrix = match matrix {
        None | Some(Value::Null) => return vec![Object::default()],
        Some(matrix) => filled(matrix, contexts),
    };
    let Term::Object(matrix) = matrix else {
        return vec![Object::open()];
    };
    let mut all = vec![Object::default()];
    let mut has_axis = false;
    for (name, values) in matrix.entries() {
        let values = match values {
            _ if matches!(&**name, "include" | "exclude") => continue,
            Term::List(values) => values.clone(),
            other => vec![other.clone()],
        };
        has_axis = true;
        let with = |known: &Object| {
            let each = values.iter();
            each.map(|value| known.clone().with(name, value.clone()))
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).take(MOST).collect();
    }
    if !has_axis {
        all.clear();
    }
    if let Term::List(excluded) = matrix.get("exclude") {
        all.retain(|one| !excluded.iter().any(|pattern| holds(one, pattern)));
    }
    include(&mut all, &matrix.get("include"), &matrix);
    if all.is_empty() {
        vec![Object::open()]
    } else {
        all
    }
}

/// `include` adds to the combinations that it does not change, else it is one of its own.
fn include(all: &mut Vec<Object>, include: &Term, axes: &Object) {
    let Term::List(entries) = include else {
        return;
    };
    let before = all.len();
    for entry in entries {
        let Term::Object(entry) = entry else { continue };
        let is_axis = |name: &str| axes.get(name) != Term::Null;
        let fits = |one: &Object| {
            let mut entries = entry.entries();
            entries.all(|(name, value)| !is_axis(name) || one.get(name) == *value)
        };
        let mut added = false;
        for one in all.iter_mut().take(before).filter(|one| fits(one)) {
            added = true;
            for (name, value) in entry.entries() {
                one.set(name, value.clone());
            }
        }
        if !added && all.len() < MOST {
            all.push(entry.clone());
        }
    }
}

fn holds(one: &Object, pattern: &Term) -> bool {
    match pattern {
        Term::Object(pattern) => pattern
            .entries()
            .all(|(name, value)| one.get(name) == *value),
        _ => false,
    }
}

/// The value with its expressions filled in, at any depth.
pub(super) fn filled(value: &Value, contexts: &Object) -> Term {
    match value {
        Value::String(text) => expression::value(text, contexts),
        Value::Array(items) => {
            Term::List(items.iter().map(|item| filled(item, contexts)).collect())
        }
        Value::Object(entries) => {
            let mut object = Object::default();
            for (name, value) in entries {
                object.set(name, filled(value, contexts));
            }
            Term::Object(object)
        }
        other => Term::from(other),
    }
}

#[cfg(test)]
mod tests {
    use crate::init::{workflow::matrix::*, yaml};

    #[test]
    fn axes_include_and_exclude() {
        for (text, expected) in [
            ("{a: [1, 2], b: [x, y]}", 4),
            ("{a: [1, 2], b: [x, y], exclude: [{a: 1, b: x}]}", 3),
            ("{include: [{a: 1}, {a: 2}, {a: 3}]}", 3),
            ("{a: [1, 2], include: [{a: 1, c: z}, {a: 3}]}", 3),
            ("{a: [1, 2], include: [{c: z}]}", 2),
            ("${{ fromJSON(needs.x.outputs.y) }}", 1),
        ] {
            let matrix = yaml::parse(&format!("m: {text}")).expect("it is YAML");
            let contexts = Object::default().with("needs", Object::open());
            let all = combinations(matrix.get("m"), &contexts);
            assert_eq!(all.len(), expected, "{text}: {all:?}");
        }
    }
}
