//! Parses the headers of registries. Everything here reads hostile text: it reads a bounded part of
//! it, never fails, and leaves out what it does not understand.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};

use crate::oci::Tag;

/// Longest header value that is read, in bytes.
const MAX_VALUE: usize = 8 * 1024;
/// Most entries that are taken from one list.
const MAX_ENTRIES: usize = 256;

/// The longest wait that is reported, thirty years: a date can be thousands of years ahead.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1_000_000_000);

/// One way to authenticate that a registry offers (RFC 9110, 11.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The scheme in lower case: `basic`, `bearer`.
    pub scheme: String,
    /// The parameters, their names in lower case.
    pub parameters: BTreeMap<String, String>,
}

/// All challenges of all `WWW-Authenticate` headers.
pub(crate) fn challenges<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    let mut all = Vec::new();
    for value in values.take(MAX_ENTRIES) {
        let mut rest = cut(value);
        while all.len() < MAX_ENTRIES {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let (scheme, after) = token(rest);
            if scheme.is_empty() {
                break;
            }
            let (parameters, after) = parameters(after);
            rest = after;
            all.push(Challenge {
                scheme: scheme.to_ascii_lowercase(),
                parameters,
            });
        }
    }
    all
}

/// `name=value, name="value"` up to the next scheme.
fn parameters(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    let mut rest = text;
    loop {
        let start = rest.trim_start_matches([' ', '\t', ',']);
        let (name, after) = token(start);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            return (found, start);
        };
        if name.is_empty() || found.len() == MAX_ENTRIES {
            return (found, "");
        }
        let (value, after) = value_of(value.trim_start());
        found.entry(name.to_ascii_lowercase()).or_insert(value);
        rest = after;
    }
}

fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

/// The leading token (RFC 9110, 5.6.2), and the rest.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The tags that a registry has set (`OCI-Tag`, distribution specification end-7b): repeated headers,
/// comma separated lists, or both.
pub(crate) fn accepted_tags<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Tag> {
    values
        .flat_map(|value| cut(value).split(','))
        .take(MAX_ENTRIES)
        .filter_map(|tag| tag.trim().trim_matches('"').parse().ok())
        .collect()
}

/// The target of `rel="next"` (RFC 8288), as it is written; of a link without `rel` where none has it.
/// `None`: this is the last page.
///
/// # Errors
/// A link that cannot be read is not the end: what is behind it would be lost.
pub(crate) fn next_link<'a>(
    values: impl Iterator<Item = &'a str>,
) -> Result<Option<String>, &'static str> {
    const UNREADABLE: &str = "its `Link` names no page: the list may go on";
    let mut without_rel = None;
    for value in values
        .take(MAX_ENTRIES)
        .filter(|value| !value.trim().is_empty())
    {
        let mut rest = cut(value);
        if !rest.contains('<') {
            return Err(UNREADABLE);
        }
        while let Some((_, after)) = rest.split_once('<') {
            let (target, after) = after.split_once('>').ok_or(UNREADABLE)?;
            let end = after.find('<').unwrap_or(after.len());
            let target = || target.trim().to_owned();
            let parameters = after[..end].split([';', ',']);
            let rel = parameters.filter_map(|parameter| parameter.split_once('='));
            let rel = rel.filter(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
            let rel: Vec<&str> = rel.map(|(_, value)| value.trim()).collect();
            let mut names = rel
                .iter()
                .flat_map(|rel| rel.trim_matches(['"', '\'']).split_ascii_whitespace());
            if names.any(|name| name.eq_ignore_ascii_case("next")) {
                return Ok(Some(target()));
            }
            if rel.is_empty() && without_rel.is_none() {
                without_rel = Some(target());
            }
            rest = &after[end..];
        }
    }
    Ok(without_rel)
}

/// How long to wait (`Retry-After` and Docker Hub's `X-Retry-After`): seconds, an HTTP date, or
/// seconds since 1970; at most [`LONGEST_WAIT`]. `now` is the time on the server's own clock, where it
/// is known.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    /// No registry asks for a wait of thirty years: a number this large is an instant.
    const EPOCH: u64 = LONGEST_WAIT.as_secs();
    let text = cut(value).trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // A number that overflows is too long to wait for anyway.
        let number = text.parse::<u64>().unwrap_or(u64::MAX);
        let seconds = if number < EPOCH {
            number
        } else {
            number.saturating_sub(u64::try_from(now.timestamp()).unwrap_or(0))
        };
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let wait = (http_date(text)? - now).to_std().unwrap_or_default();
    Some(wait.min(LONGEST_WAIT))
}

/// `200;w=21600`: a count, and the window that it holds for, in seconds.
pub(crate) fn rate(value: &str) -> Option<(u64, Option<Duration>)> {
    let (count, rest) = value.split_once(';').unwrap_or((value, ""));
    let window = rest
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("w=")?.parse().ok());
    Some((count.trim().parse().ok()?, window.map(Duration::from_secs)))
}

/// A date in one of the three forms of RFC 9110, 5.6.7.
pub(crate) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(text).ok().map(DateTime::from)
}

/// At most [`MAX_VALUE`] bytes of `text`.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_VALUE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use proptest::prelude::*;

    use super::*;

    fn parsed(values: &[&str]) -> Vec<(String, Vec<(String, String)>)> {
        challenges(values.iter().copied())
            .into_iter()
            .map(|c| (c.scheme, c.parameters.into_iter().collect()))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_challenge_is_a_scheme_and_its_parameters() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:acme/api:pull,push",error="insufficient_scope""#;
        assert_eq!(
            parsed(&[hub]),
            [(
                "bearer".to_owned(),
                vec![
                    pair("error", "insufficient_scope"),
                    pair("realm", "https://auth.docker.io/token"),
                    pair("scope", "repository:acme/api:pull,push"),
                    pair("service", "registry.docker.io"),
                ]
            )]
        );
    }

    #[test]
    fn several_challenges_stand_in_one_header_or_in_several() {
        let both = [
            ("basic".to_owned(), vec![pair("realm", "a \"b\", c")]),
            ("bearer".to_owned(), vec![pair("realm", "x")]),
        ];
        assert_eq!(
            parsed(&[r#"BASIC Realm="a \"b\", c" , bearer realm=x"#]),
            both
        );
        assert_eq!(
            parsed(&[r#"Basic realm="a \"b\", c""#, "Bearer realm = x"]),
            both
        );
    }

    #[test]
    fn tags_come_repeated_or_in_a_list() {
        let tags = |values: &[&str]| {
            accepted_tags(values.iter().copied())
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(tags(&["1.2.3", "latest"]), ["1.2.3", "latest"]);
        assert_eq!(
            tags(&["1.2.3, 1.2 ,,1", "latest"]),
            ["1.2.3", "1.2", "1", "latest"]
        );
        assert_eq!(tags(&["a b, \u{1b}[31m, -x"]), Vec::<String>::new());
    }

    #[test]
    fn the_next_page_is_the_link_that_says_so() {
        let next = |value: &str| next_link([value].into_iter());
        for (value, page) in [
            (
                r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            (
                r#"</first>; rel="first", </second>; title="x"; REL=Next"#,
                Some("/second"),
            ),
            (r#"</both>; rel="next last""#, Some("/both")),
            ("</single>; rel='next'", Some("/single")),
            ("</v2/a>", Some("/v2/a")),
            (r#"</v2/a>, </b>; rel="next""#, Some("/b")),
            (r#"</v2/a>; rel="first prev""#, None),
            ("", None),
        ] {
            assert_eq!(next(value), Ok(page.map(str::to_owned)), "{value}");
        }
        // The list may go on, and nobody knows where.
        for value in ["<broken; rel=next", r#"/v2/a; rel="next""#] {
            assert!(next(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_rate_is_a_count_and_a_window() {
        let hours = Some(Duration::from_secs(21_600));
        assert_eq!(rate("200;w=21600"), Some((200, hours)));
        assert_eq!(rate("187 ; x=1; w=21600"), Some((187, hours)));
        assert_eq!(rate("5"), Some((5, None)));
        assert_eq!(rate("many;w=1"), None);
    }

    #[test]
    fn a_wait_is_given_in_seconds_as_a_date_or_as_an_instant() {
        let now = Utc
            .with_ymd_and_hms(1994, 11, 6, 8, 49, 37)
            .single()
            .expect("a date");
        let wait = |value: &str| retry_after(value, now).map(|w| w.as_secs());
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sun Nov  6 08:50:37 1994"), Some(60));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        for never in [
            "Sat Nov  6 08:50:37 9999",
            "18446744073709551615",
            "99999999999999999999",
        ] {
            assert_eq!(wait(never), Some(LONGEST_WAIT.as_secs()), "{never}");
        }
        for bad in ["", "soon", "-1", "1.5"] {
            assert_eq!(wait(bad), None, "{bad}");
        }
        let now = Utc
            .timestamp_opt(1_800_000_000, 0)
            .single()
            .expect("a date");
        assert_eq!(
            retry_after("1800000030", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(retry_after("1799999999", now), Some(Duration::ZERO));
    }

    /// What hostile headers are made of.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            Just("Bearer ".to_owned()),
            Just("realm=\"".to_owned()),
            Just("rel=\"next\"".to_owned()),
            Just("</v2/".to_owned()),
            Just(">; ".to_owned()),
            Just("\\\"".to_owned()),
            Just("=,;<>\"".to_owned()),
            Just("99999999999999999999".to_owned()),
            Just("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
            "[ -~]{0,20}",
            ".{0,20}",
        ];
        proptest::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn hostile_headers_are_read_without_harm(values in proptest::collection::vec(hostile(), 0..4)) {
            let all = || values.iter().map(String::as_str);
            let challenges = challenges(all());
            prop_assert!(challenges.len() <= MAX_ENTRIES);
            prop_assert!(challenges.iter().all(|c| c.parameters.len() <= MAX_ENTRIES));
            prop_assert!(accepted_tags(all()).len() <= MAX_ENTRIES);
            if let Ok(Some(link)) = next_link(all()) {
                prop_assert!(link.len() <= MAX_VALUE);
            }
            let now = Utc.timestamp_opt(1_800_000_000, 0).single().expect("a date");
            for value in all() {
                prop_assert!(retry_after(value, now).is_none_or(|wait| wait <= LONGEST_WAIT));
                let _ = rate(value);
            }
        }

        #[test]
        fn a_challenge_is_read_as_it_was_written(
            scheme in "[A-Za-z]{1,9}",
            parameters in proptest::collection::btree_map("[a-z]{1,8}", "[ -~]{0,30}", 1..5),
        ) {
            let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
            let written: Vec<String> =
                parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
            let header = format!("{scheme} {}", written.join(", "));
            let read = challenges([header.as_str()].into_iter());
            prop_assert_eq!(read, vec![Challenge { scheme: scheme.to_ascii_lowercase(), parameters }]);
        }

        #[test]
        fn tags_are_read_as_they_were_written(
            tags in proptest::collection::vec("[A-Za-z0-9_][A-Za-z0-9._-]{0,40}", 0..20),
            comma in any::<bool>(),
        ) {
            let lines = if comma { vec![tags.join(" , ")] } else { tags.clone() };
            let read = accepted_tags(lines.iter().map(String::as_str));
            prop_assert_eq!(read.iter().map(Tag::as_str).collect::<Vec<_>>(), tags);
        }
    }
}
