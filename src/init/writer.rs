//! A commented file under construction, and what a person should know of it.

use std::fmt::Write as _;

use crate::text::sanitize;

/// The file to write, and what a person should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) notes: Vec<String>,
    /// The repositories that the file names.
    pub(crate) repositories: Vec<String>,
    /// Tags of another tool were taken over.
    pub(crate) is_translation: bool,
    /// What pushes the same tags now, with its file.
    pub(crate) pushers: Vec<String>,
}

impl Draft {
    /// A line of the file. A comment may quote anything, and stays a comment.
    pub(crate) fn line(&mut self, line: &str) {
        if line.starts_with('#') && line.contains(char::is_control) {
            for part in sanitize(line.to_owned()).split(['\n', '\r']) {
                let mark = if part.starts_with('#') { "" } else { "# " };
                writeln!(self.text, "{mark}{part}").expect("writing to a string cannot fail");
            }
            return;
        }
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

/// A key as TOML needs it.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { quote(name) }
}

/// A path of the repository as it is seen from the directory `context`.
pub(crate) fn seen_from(context: &str, path: &str) -> String {
    let parts = |path: &'_ str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect()
    };
    let (context, path) = (parts(context), parts(path));
    let common = context.iter().zip(&path).take_while(|(a, b)| a == b);
    let common = common.count().min(path.len().saturating_sub(1));
    let up = context[common..].iter().map(|_| "..".to_owned());
    let all: Vec<String> = up.chain(path[common..].iter().cloned()).collect();
    all.join("/")
}

#[cfg(test)]
mod tests {
    use crate::init::writer::seen_from;

    #[test]
    fn a_dockerfile_is_seen_from_the_context() {
        for (context, path, seen) in [
            (".", "Dockerfile", "Dockerfile"),
            ("app", "app/Dockerfile", "Dockerfile"),
            ("./app/", "app/docker/Dockerfile", "docker/Dockerfile"),
            ("app", "docker/Dockerfile", "../docker/Dockerfile"),
            ("a/b", "a/c/Dockerfile", "../c/Dockerfile"),
            ("a/b", "Dockerfile", "../../Dockerfile"),
            ("app", "app", "../app"),
        ] {
            assert_eq!(seen_from(context, path), seen, "{context} {path}");
        }
    }
}
