//! Lines of a message's body that mean something: what breaks, what is reverted, what version the
//! release is to have.

/// What follows `BREAKING CHANGE:` where `line` starts with it, or with one of its spellings
/// (upper case only, as the specification says).
pub(crate) fn breaking(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("BREAKING CHANGE")
        .or_else(|| line.strip_prefix("BREAKING-CHANGE"))?;
    rest.strip_prefix(':')
        .or_else(|| rest.strip_prefix(" #"))
        .map(str::trim)
}

/// What the first such line of a body says, with the lines that go on with it: a paragraph ends at
/// a blank line, a footer at the next one.
pub(crate) fn breaking_text(body: &[&str]) -> Option<String> {
    let (place, start) = body
        .iter()
        .enumerate()
        .find_map(|(place, line)| Some((place, breaking(line)?)))?;
    let mut text = start.to_owned();
    for line in &body[place + 1..] {
        if line.trim().is_empty() || is_footer(line) {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line.trim());
    }
    Some(text)
}

/// The ids after `This reverts commit`: seven digits at least. Several after `commits` count too.
pub(crate) fn reverted_ids(body: &[&str]) -> Vec<String> {
    let mut words = body.iter().flat_map(|line| line.split_whitespace());
    let mut ids = Vec::new();
    while let Some(word) = words.next() {
        if !word.eq_ignore_ascii_case("reverts") {
            continue;
        }
        let after = words.next().unwrap_or_default();
        if !["commit", "commits"].contains(&after.to_ascii_lowercase().as_str()) {
            continue;
        }
        for word in words.by_ref() {
            let id = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if (7..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()) {
                ids.push(id.to_ascii_lowercase());
            } else if word != "and" && word != "," {
                break;
            }
        }
    }
    ids
}

/// The text of a `Release-As` footer, the last one. A footer stands in a paragraph of footers, so
/// prose that mentions the word sets no version.
pub(crate) fn release_as(body: &[&str]) -> Option<String> {
    body.split(|line| line.trim().is_empty())
        .filter(|paragraph| paragraph.first().is_some_and(|line| is_footer(line)))
        .flatten()
        .filter_map(|line| {
            let (token, value) = line.split_once(':')?;
            token
                .eq_ignore_ascii_case("release-as")
                .then(|| value.trim().to_owned())
        })
        .next_back()
}

/// `Token: value`, `Token #value` or a `BREAKING CHANGE` line.
fn is_footer(line: &str) -> bool {
    if breaking(line).is_some() {
        return true;
    }
    let token = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .unwrap_or(line.len());
    token > 0 && (line[token..].starts_with(':') || line[token..].starts_with(" #"))
}

/// Whether `[skip release]` or `[release skip]` stands anywhere in the message.
pub(crate) fn skips(message: &str) -> bool {
    let text = message.split('\0').next().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    lower.contains("[skip release]") || lower.contains("[release skip]")
}

#[cfg(test)]
mod tests {
    use crate::plan::history::footer::*;

    #[test]
    fn ids_are_found_in_gits_own_words() {
        let ids = |text: &str| reverted_ids(&text.lines().collect::<Vec<_>>());
        assert_eq!(ids("This reverts commit 676104e."), ["676104e"]);
        assert_eq!(
            ids("\nThis reverts commits 676104E0 and abcdef1,\nthanks"),
            ["676104e0", "abcdef1"]
        );
        assert_eq!(ids("This reverts commit 67610"), [""; 0]);
        assert_eq!(ids("it reverts the feature 676104e"), [""; 0]);
    }

    #[test]
    fn a_version_is_asked_for_in_a_footer_only() {
        let found = |text: &str| release_as(&text.split('\n').collect::<Vec<_>>());
        assert_eq!(found("\nRelease-As: 2.0.0").as_deref(), Some("2.0.0"));
        assert_eq!(
            found("\nbody\n\nCloses #1\nrelease-as: v3\n\nCo-authored-by: A <a@b>").as_deref(),
            Some("v3")
        );
        assert_eq!(found("\nwrite\nRelease-As: 2.0.0 to set it"), None);
        assert_eq!(
            found("Release-As: 1.0.0\nRelease-As: 2.0.0").as_deref(),
            Some("2.0.0")
        );
    }
}
