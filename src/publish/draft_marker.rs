//! The comment in a draft's text by which runs of hoist know it.

use chrono::{DateTime, SecondsFormat, Utc};

/// How a marker begins, whoever wrote it.
pub(super) const MARK: &str = "<!-- hoist: ";
/// What stands between a text and its marker.
const BEFORE: &str = "\n\n";
/// What a marker holds where the draft was somebody's own before.
const ADOPTED: &str = "adopted";

/// What a marker tells of its draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DraftMark {
    /// The nonce of the run that has made or taken the draft.
    pub(super) nonce: String,
    /// When that was; older versions of hoist do not say.
    pub(super) since: Option<DateTime<Utc>>,
    /// Whether the draft was somebody's own before.
    pub(super) adopted: bool,
}

impl DraftMark {
    /// The marker of a draft. It names the tag, so that a text copied from another release still counts as its author's.
    pub(super) fn line(&self, tag: &str) -> String {
        let since = self.since.map(|at| {
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!(", {at}")
        });
        let since = since.unwrap_or_default();
        let adopted = match self.adopted {
            true => format!(", {ADOPTED}"),
            false => String::new(),
        };
        format!("{MARK}{} {tag}{since}{adopted} -->", self.nonce)
    }
}

/// What a run of hoist has marked a draft of this tag with.
pub(super) fn marked(text: &str, tag: &str) -> Option<DraftMark> {
    text.lines().find_map(|line| {
        let inner = line.trim().strip_prefix(MARK)?.strip_suffix(" -->")?;
        let (nonce, rest) = inner.split_once(' ')?;
        // No name of a git tag has a space in it.
        let mut parts = rest.split(", ");
        if parts.next() != Some(tag) {
            return None;
        }
        let mut mark = DraftMark {
            nonce: nonce.to_owned(),
            since: None,
            adopted: false,
        };
        for part in parts {
            match part {
                ADOPTED => mark.adopted = true,
                at => mark.since = Some(DateTime::parse_from_rfc3339(at).ok()?.to_utc()),
            }
        }
        Some(mark)
    })
}

/// A text with a marker behind it.
pub(super) fn with_marker(text: &str, marker: &str) -> String {
    format!("{text}{BEFORE}{marker}\n")
}

/// A text without the markers that runs have put into it: byte for byte as it was before [`with_marker`].
pub(super) fn without_marker(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_last = false;
    for line in text.split_inclusive('\n') {
        is_last = line.starts_with(MARK);
        if !is_last {
            kept.push_str(line);
        }
    }
    if is_last && kept.ends_with(BEFORE) {
        kept.truncate(kept.len() - BEFORE.len());
    }
    kept
}

/// Whether what a journal names as the mark of its draft is one of the run with this nonce: a text that is in
/// every draft would lead a run to the draft of somebody else.
pub(crate) fn is_marker_of(marker: &str, nonce: &str) -> bool {
    let rest = marker.strip_prefix(MARK);
    let rest = rest.and_then(|rest| rest.strip_prefix(nonce));
    !nonce.is_empty() && rest.is_some_and(|rest| rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_of_one_tag() {
        let text = |marker: &str| format!("What is new, adopted and kept\n\n{marker}\n");
        let at = "2026-11-23T12:00:00Z";
        for (marker, is_own) in [
            ("<!-- hoist: 1a2b v1.0.0 -->", Some((false, None))),
            ("<!-- hoist: 1a2b v1.0.0, adopted -->", Some((true, None))),
            (
                "<!-- hoist: 1a2b v1.0.0, 2026-11-23T12:00:00Z -->",
                Some((false, Some(at))),
            ),
            (
                "<!-- hoist: 1a2b v1.0.0, 2026-11-23T12:00:00Z, adopted -->",
                Some((true, Some(at))),
            ),
            ("<!-- hoist: 1a2b v1.0.0, something -->", None),
            ("<!-- hoist: 1a2b v0.9.0 -->", None),
            ("<!-- hoist: 1a2b -->", None),
            ("see <!-- hoist: 1a2b v1.0.0 -->", None),
            ("", None),
        ] {
            let expected = is_own.map(|(adopted, since)| DraftMark {
                nonce: "1a2b".to_owned(),
                since: since.map(|at| at.parse().expect("a time")),
                adopted,
            });
            let read = marked(&text(marker), "v1.0.0");
            assert_eq!(read, expected, "{marker}");
            if let Some(mark) = read {
                assert_eq!(mark.line("v1.0.0"), marker);
            }
        }
    }

    #[test]
    fn a_text_is_the_same_without_its_marker() {
        let marker = "<!-- hoist: 1a2b v1.0.0, adopted -->";
        for text in [
            "",
            "what is new",
            "what is new\n",
            "one\r\ntwo\r\n",
            "\n\n",
            "text \n\n\n",
        ] {
            assert_eq!(without_marker(&with_marker(text, marker)), text, "{text:?}");
            assert_eq!(without_marker(text), text, "{text:?}");
        }
        // A person has written on behind it.
        let more = with_marker("one", marker) + "two\r\n";
        assert_eq!(without_marker(&more), "one\n\ntwo\r\n");
    }

    #[test]
    fn a_journal_cannot_name_the_draft_of_another_run() {
        for (marker, is_own) in [
            ("<!-- hoist: 1a2b v1.0.0 -->", true),
            ("<!-- hoist: 1a2b -->", true),
            ("<!-- hoist: 1a2b3c v1.0.0 -->", false),
            ("<!-- hoist: ", false),
            ("e", false),
        ] {
            assert_eq!(is_marker_of(marker, "1a2b"), is_own, "{marker}");
        }
        assert!(!is_marker_of("<!-- hoist:  v1.0.0 -->", ""));
    }
}
