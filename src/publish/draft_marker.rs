//! The comment in a draft's text by which runs of hoist know it.

use crate::publish::world::World;

/// How a marker begins, whoever wrote it.
pub(super) const MARK: &str = "<!-- hoist: ";
/// What a marker holds where the draft was somebody's own before.
const ADOPTED: &str = ", adopted";

/// What this run's draft is known by. It names the tag, so that a text copied from another release still counts as its
/// author's.
pub(super) fn marker(world: &World, tag: &str, adopted: bool) -> String {
    let adopted = if adopted { ADOPTED } else { "" };
    format!("{MARK}{} {tag}{adopted} -->", world.owner.nonce)
}

/// Whether a run of hoist has marked a draft of this tag, and whether it was somebody's own before.
pub(super) fn marked(text: &str, tag: &str) -> Option<bool> {
    text.lines().find_map(|line| {
        let inner = line.trim().strip_prefix(MARK)?.strip_suffix(" -->")?;
        let (_, rest) = inner.split_once(' ')?;
        match rest.strip_suffix(ADOPTED) {
            Some(of) => (of == tag).then_some(true),
            None => (rest == tag).then_some(false),
        }
    })
}

/// A text without the markers that runs have put into it.
pub(super) fn without_marker(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with(MARK));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_of_one_tag() {
        let text = |marker: &str| format!("What is new, adopted and kept\n\n{marker}\n");
        for (marker, is_own) in [
            ("<!-- hoist: 1a2b v1.0.0 -->", Some(false)),
            ("<!-- hoist: 1a2b v1.0.0, adopted -->", Some(true)),
            ("<!-- hoist: 1a2b v0.9.0 -->", None),
            ("<!-- hoist: 1a2b -->", None),
            ("see <!-- hoist: 1a2b v1.0.0 -->", None),
            ("", None),
        ] {
            assert_eq!(marked(&text(marker), "v1.0.0"), is_own, "{marker}");
        }
    }
}
