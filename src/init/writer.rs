//! A commented file under construction, and what a person should know of it.

use std::fmt::Write as _;

/// The file to write, and what a person should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) notes: Vec<String>,
}

impl Draft {
    pub(crate) fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("writing to a string cannot fail");
    }

    /// Never guess silently: the comment and the note say it.
    pub(crate) fn assume(&mut self, what: &str) {
        self.line(&format!("# Assumed: {what}."));
        self.notes.push(format!("assumed: {what}"));
    }
}

pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| quote(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

pub(crate) fn named<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("`{}`", item.as_ref()))
        .collect();
    items.join(", ")
}
