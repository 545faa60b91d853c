//! Text from commit messages, made safe for markdown.

use crate::{plan::notes::forge::Forge, text::sanitize_line};

/// Text from outside as one line of markdown: nothing in it opens a tag or becomes a heading.
/// What stands between backticks is code already.
pub(super) fn escape(text: &str, max: usize) -> String {
    let text = sanitize_line(text, max);
    let mut out = String::with_capacity(text.len());
    for (place, part) in text.split('`').enumerate() {
        if place > 0 {
            out.push('`');
        }
        // An odd number of backticks leaves the last part outside of code.
        let is_code = place % 2 == 1 && text.matches('`').count() > place;
        if is_code {
            out.push_str(part);
        } else {
            out.push_str(&part.replace('<', "\\<"));
        }
    }
    out
}

/// `#12` and `!12` as links, where they stand for themselves.
pub(super) fn linked(text: &str, forge: Option<&Forge>) -> String {
    let Some(forge) = forge else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let digits = tail.len() - tail.trim_start_matches(|d: char| d.is_ascii_digit()).len();
        let number = &tail[..digits];
        let alone = !before.is_alphanumeric()
            && !"&/`[".contains(before)
            && !tail[digits..].starts_with(|d: char| d.is_alphanumeric() || d == '`');
        let url = match c {
            '#' if digits > 0 && alone => Some(forge.issue(number)),
            '!' if digits > 0 && alone => forge.merge_request(number),
            _ => None,
        };
        match url {
            Some(url) => {
                out.push_str(&format!("[{c}{number}]({url})"));
                rest = &tail[digits..];
                before = '0';
            }
            None => {
                out.push(c);
                rest = tail;
                before = c;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::plan::notes::markdown::*;

    #[test]
    fn numbers_become_links_only_where_they_stand_alone() {
        let forge = Forge::of("https://gitlab.com/a/b");
        let text = linked("a (#1), !2, b#3, #4x, `#5`, &#6;", forge.as_ref());
        assert_eq!(
            text,
            "a ([#1](https://gitlab.com/a/b/-/issues/1)), [!2](https://gitlab.com/a/b/-/merge_requests/2), b#3, #4x, `#5`, &#6;"
        );
    }
}
