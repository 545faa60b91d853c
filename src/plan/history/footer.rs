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
            if let Some(id) = id(word) {
                ids.push(id);
            } else if word != "and" && word != "," {
                break;
            }
        }
    }
    ids
}

/// The parent that the revert of a merge goes back to: `reversing changes made to <id>`.
pub(crate) fn mainline(body: &[&str]) -> Option<String> {
    let words: Vec<_> = body
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let place = words
        .windows(4)
        .position(|four| four == ["reversing", "changes", "made", "to"])?;
    words.get(place + 4).and_then(|word| id(word))
}

/// The ids of `Refs:` footers: hexadecimal, seven digits at least, separated by commas or spaces.
pub(crate) fn referenced_ids(body: &[&str]) -> Vec<String> {
    let refs = body.iter().filter_map(|line| {
        let (token, value) = line.split_once(':')?;
        token.eq_ignore_ascii_case("refs").then_some(value)
    });
    refs.flat_map(|value| value.split([',', ' ', '\t']).filter_map(id))
        .collect()
}

/// The number in `Reverts acme/api#12`, as forges write it.
pub(crate) fn reverted_pull_request(body: &[&str]) -> Option<String> {
    body.iter().find_map(|line| {
        let rest = line.trim().strip_prefix("Reverts ")?;
        let number = rest.split_whitespace().next()?.split('#').nth(1)?;
        let number = number.trim_end_matches(|c: char| !c.is_ascii_digit());
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| number.to_owned())
    })
}

/// A commit's id, or the beginning of one, in a text's word.
fn id(word: &str) -> Option<String> {
    let id = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    ((7..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| id.to_ascii_lowercase())
}

/// The people whom `Co-authored-by:` lines name: name and address.
pub(crate) fn co_authors(message: &str) -> Vec<(String, String)> {
    let text = message.split('\0').next().unwrap_or_default();
    let named = text.split('\n').skip(1).filter_map(|line| {
        let (token, value) = line.trim().split_once(':')?;
        if !token.eq_ignore_ascii_case("co-authored-by") {
            return None;
        }
        let (name, rest) = value.split_once('<').unwrap_or((value, ""));
        let address = rest.split('>').next().unwrap_or_default();
        Some((name.trim().to_owned(), address.trim().to_owned()))
    });
    named.filter(|(name, _)| !name.is_empty()).collect()
}

/// The ids that `git cherry-pick -x` writes: `(cherry picked from commit <id>)`.
pub(crate) fn cherry_picked_from(body: &[&str]) -> Vec<String> {
    let named = body.iter().filter_map(|line| {
        let rest = line.trim().strip_prefix(CHERRY_PICKED)?;
        id(rest.trim())
    });
    named.collect()
}

const CHERRY_PICKED: &str = "(cherry picked from commit ";

/// Whether a message may have a line `Release-As`, in any spelling of its case that people use.
pub(crate) fn may_name_version(message: &str) -> bool {
    message.contains("elease") || message.contains("ELEASE")
}

/// A line `Release-As: 1.2.3` that is not a footer, and so sets no version: its text.
pub(crate) fn misplaced_release_as(header: &str, body: &[&str]) -> Option<String> {
    let version = |line: &str| {
        let line = line.trim_start_matches([' ', '\t', '*', '-', '>']);
        // The colon can be missing, or another sign can stand in its place.
        let end = line.char_indices().nth("release-as".len())?.0;
        let (token, value) = line.split_at(end);
        if !token.eq_ignore_ascii_case("release-as") {
            return None;
        }
        let value = value.trim_start_matches([' ', '\t', ':', '=', '#', '：']);
        let word = value.split_whitespace().next()?;
        let bare = word.strip_prefix(['v', 'V']).unwrap_or(word);
        let meant = bare.starts_with(|c: char| c.is_ascii_digit()) && bare.contains('.');
        meant.then(|| word.to_owned())
    };
    let mut found = version(header);
    for paragraph in body.split(|line| line.trim().is_empty()) {
        let is_footers = paragraph.first().is_some_and(|line| is_footer(line));
        let counts = |line: &&&str| {
            let token = line.split(':').next().unwrap_or_default();
            is_footers && token.eq_ignore_ascii_case("release-as")
        };
        let mut others = paragraph.iter().filter(|line| !counts(line));
        found = found.or_else(|| others.find_map(|line| version(line)));
    }
    found
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

/// `Token: value`, `Token #value`, a `BREAKING CHANGE` line, or what `git cherry-pick -x` adds.
fn is_footer(line: &str) -> bool {
    if breaking(line).is_some() || line.starts_with(CHERRY_PICKED) {
        return true;
    }
    let token = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .unwrap_or(line.len());
    token > 0 && (line[token..].starts_with(':') || line[token..].starts_with(" #"))
}

/// Whether a line is one that git or a forge adds: `Signed-off-by: …`, `See merge request …`.
pub(crate) fn is_trailer(line: &str) -> bool {
    const TOKENS: [&str; 7] = ["closes", "fixes", "resolves", "refs", "ref", "link", "see"];
    let token = line.split([':', ' ']).next().unwrap_or_default();
    // The key of a ticket (`ABC-7: fix: x`) has digits.
    let words = token.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let is_token = words && token.contains('-') && token.starts_with(char::is_uppercase);
    is_footer(line) && is_token || TOKENS.contains(&token.to_ascii_lowercase().as_str())
}

/// Whether `[skip release]` or `[release skip]` stands anywhere in the message.
pub(crate) fn skips(message: &str) -> bool {
    const WORDS: [&str; 2] = ["[skip release]", "[release skip]"];
    let text = message.split('\0').next().unwrap_or_default();
    let mut brackets = text.match_indices('[');
    brackets.any(|(at, _)| {
        let rest = &text.as_bytes()[at..];
        let begins = |word: &str| {
            let start = rest.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        };
        WORDS.into_iter().any(begins)
    })
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
