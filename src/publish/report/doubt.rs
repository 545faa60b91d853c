//! The words for what could not be done, or not be made sure of, in time.

use std::time::Duration;

use crate::{
    oci::Observed,
    outcome::TagReport,
    publish::{
        protocol::state::TagProgress,
        report::{
            ending::Ending,
            tags::{Meant, list},
        },
    },
    text::limit,
};

/// What failed at a tag until the time was up: it could not be read, or it could not be moved.
pub(super) fn unclear(end: Ending<'_>, index: usize) -> String {
    let (tag, repository) = end.tag(index);
    let before = Observed::from(end.run.prepared.tags[index].before.clone());
    let was_read = end.remarks.last_shown(index) == Some(&before);
    let is_interrupted = end.run.limits.is_interrupted();
    let time = |millis| limit(Duration::from_millis(millis));
    let prepared = &end.run.prepared;
    let within = match is_interrupted {
        true => format!(
            "within {} of the signal (`publish.grace`)",
            time(prepared.grace)
        ),
        false => format!("within {} (`publish.deadline`)", time(prepared.deadline)),
    };
    match was_read {
        true => format!("the tag `{tag}` of `{repository}` could not be moved {within}"),
        false => {
            format!("what tag `{tag}` of `{repository}` shows could not be found out {within}")
        }
    }
}

/// What is true of a release that is given up and not known to be over.
pub(super) fn unsettled(end: Ending<'_>, tags: &[TagReport]) -> String {
    let list = list(tags, Meant::Before);
    if !tags.iter().all(TagReport::is_as_before) {
        return format!("not everything could be put back; {list}; the lock stays");
    }
    let is_open = |index: &usize| end.txn.progress[*index] == TagProgress::Intended;
    let open = (0..end.run.prepared.tags.len()).filter(is_open);
    let open: Vec<_> = open
        .map(|index| {
            let (tag, repository) = end.tag(index);
            repository.tag(tag)
        })
        .collect();
    let doubt = match &*open {
        [] => String::new(),
        open => format!("; it is not confirmed that {} stays so", open.join(", ")),
    };
    format!("{list}{doubt}; the lock stays")
}
