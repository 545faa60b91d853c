//! What a journal may say. It can come from a lock on the remote, which others may write. Its ids
//! and refs become arguments of `git`: their types see to that each is a valid one.

use crate::publish::protocol::{
    journal::{
        forge_record::ForgeRecord,
        records::{ImageRecord, Prepared, Record, TagRecord},
    },
    state::Cause,
};

/// Every index is in range, every needed document is there, and the branch is one: a journal comes
/// from a file or a remote, so it is checked like any input.
pub(super) fn is_consistent(prepared: &Prepared) -> bool {
    let image = |image: &ImageRecord| {
        let texts = image
            .name
            .iter()
            .chain(&image.variant)
            .chain(&image.platforms);
        let mut texts = texts.map(String::as_str);
        texts.all(is_printable)
            && std::iter::once(&image.manifest)
                .chain(&image.children)
                .all(|digest| prepared.document(digest).is_some())
    };
    let in_range = |tag: &TagRecord| {
        tag.repository < prepared.repositories.len() && tag.image < prepared.images.len()
    };
    let mut referrers = prepared.attachments.iter().chain(&prepared.signatures);
    prepared.tags.iter().all(in_range)
        && referrers.all(|one| one.repository < prepared.repositories.len())
        && prepared.images.iter().all(image)
        && !prepared.tags.is_empty()
        && prepared
            .branch
            .as_ref()
            .is_none_or(|branch| branch.name.is_branch())
        && prepared.forge.as_ref().is_none_or(|forge| is_release(prepared, forge))
        // One push makes one ref that tells that the transaction is complete.
        && (prepared.git_tag.is_none() || prepared.mark.is_none())
}

/// A release on a forge is of the version's own tag.
fn is_release(prepared: &Prepared, forge: &ForgeRecord) -> bool {
    let own_tag = prepared
        .git_tag
        .as_ref()
        .is_none_or(|tag| tag.name == forge.tag);
    let mut texts = [&forge.url, &forge.marker, &forge.title].into_iter();
    own_tag
        && forge.tag.is_tag()
        && texts.all(|text| is_printable(text))
        && forge
            .links
            .iter()
            .all(|(name, url)| is_printable(name) && is_address(url))
}

fn is_address(text: &str) -> bool {
    text.len() <= 2000 && !text.contains(char::is_control)
}

/// Names are shown to people.
fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && !text.contains(char::is_control)
}

/// Whether all that a record says is about one of so many tags.
pub(super) fn fits(record: &Record, tags: usize) -> bool {
    let Record::Step { txn, .. } = record else {
        return true;
    };
    let named = match txn.cause {
        Some(Cause::Refused(tag) | Cause::Foreign(tag) | Cause::Unclear(tag)) => tag < tags,
        Some(
            Cause::GitTag
            | Cause::Branch
            | Cause::Busy
            | Cause::Lock
            | Cause::Unreadable
            | Cause::Content
            | Cause::Draft
            | Cause::Journal
            | Cause::Interrupted,
        )
        | None => true,
    };
    named && txn.progress.len() == tags
}
