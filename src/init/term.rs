//! A value of a GitHub expression, which may be known to GitHub alone.

use serde_json::{Map, Number, Value};

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// Nothing in the repository tells it.
    Unknown,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Term>),
    Object(Object),
}

/// An object, whose names are compared without case.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Object {
    entries: Vec<(String, Term)>,
    /// What is not named is unknown; otherwise it is null.
    open: bool,
}

impl Object {
    /// An object of which the files tell only a part.
    pub(super) fn open() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Term>) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Term>) {
        let value = value.into();
        let known = self
            .entries
            .iter_mut()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        match known {
            Some((_, place)) => *place = value,
            None => self.entries.push((name.to_owned(), value)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Term {
        let found = self
            .entries
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        match found {
            Some((_, value)) => value.clone(),
            None if self.open => Term::Unknown,
            None => Term::Null,
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &(String, Term)> {
        self.entries.iter()
    }
}

impl Term {
    /// The value as it stands in a text; `None` where it is unknown, or no text can hold it.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::List(_) => Some("Array".into()),
            Self::Object(_) => Some("Object".into()),
        }
    }

    /// Whether the value counts as true.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Null => Some(false),
            Self::Bool(value) => Some(*value),
            Self::Number(value) => Some(*value != 0.0 && !value.is_nan()),
            Self::Text(text) if is_partial(text) => None,
            Self::Text(text) => Some(!text.is_empty()),
            Self::List(_) | Self::Object(_) => Some(true),
        }
    }

    /// The member called `name`, or at that place.
    pub(super) fn member(&self, name: &Self) -> Self {
        match (self, name) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Object(object), name) => {
                name.text().map_or(Self::Unknown, |name| object.get(&name))
            }
            (Self::List(items), Self::Number(at)) if *at >= 0.0 => {
                let index = items.get(*at as usize);
                index.cloned().unwrap_or(Self::Null)
            }
            _ => Self::Null,
        }
    }

    /// Every member, which is what `.*` gives.
    pub(super) fn members(&self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::List(items) => Self::List(items.clone()),
            Self::Object(object) if object.open => Self::Unknown,
            Self::Object(object) => Self::List(
                object
                    .entries
                    .iter()
                    .map(|(_, value)| value.clone())
                    .collect(),
            ),
            _ => Self::List(Vec::new()),
        }
    }

    /// The value as JSON; `None` where a part of it is unknown.
    pub(super) fn json(&self) -> Option<Value> {
        Some(match self {
            Self::Unknown => return None,
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) if value.fract() == 0.0 => Value::from(*value as i64),
            Self::Number(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => items.iter().map(Self::json).collect::<Option<_>>()?,
            Self::Object(object) if object.open => return None,
            Self::Object(object) => {
                let entries = object.entries.iter();
                let entries = entries.map(|(key, value)| Some((key.clone(), value.json()?)));
                Value::Object(entries.collect::<Option<Map<_, _>>>()?)
            }
        })
    }
}

/// Whether a text holds an expression that could not be filled in.
pub(super) fn is_partial(text: &str) -> bool {
    text.contains("${{")
}

impl From<&Value> for Term {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(value.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                let mut object = Object::default();
                for (key, value) in entries {
                    object.set(key, Self::from(value));
                }
                Self::Object(object)
            }
        }
    }
}

impl From<&str> for Term {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Term {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Object> for Term {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}
