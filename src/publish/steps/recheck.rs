//! Forward only, asked once more: whoever published a higher version while this one was built or
//! waited for the lock keeps the moving tags of its line.

use futures_util::future::try_join_all;

use crate::{
    git::RefName,
    publish::{
        deadline::Deadline,
        protocol::{journal::TagRecord, observation::Shows},
        recheck::{Lists, PublishedNow, Recheck},
        remarks::Remarks,
        run::Run,
    },
};

/// A repository that could not be asked for its list of tags.
pub(in crate::publish) struct Unlisted {
    /// The index of the repository.
    repository: usize,
    /// The registry's own words; `None`: the time was up.
    why: Option<String>,
}

/// Each repository's list of tags.
pub(in crate::publish) async fn lists(run: &Run, limit: &Deadline) -> Result<Lists, Unlisted> {
    let ask = run
        .apis
        .iter()
        .enumerate()
        .map(|(repository, api)| async move {
            let name = api.repository().clone();
            let why = match limit.run(api.tags()).await {
                Some(Ok(tags)) => return Ok((name, Some(tags))),
                // The registry answers, and does not hand its list out.
                Some(Err(error)) if error.is_refused() => return Ok((name, None)),
                Some(Err(error)) => Some(error.to_string()),
                None => None,
            };
            Err(Unlisted { repository, why })
        });
    try_join_all(ask).await
}

/// Turns what the tags show into what they may do: one that a higher version holds now counts as
/// somebody else's. The remote's git tags and marks are named beside the lists.
pub(in crate::publish) fn hold_back(
    run: &Run,
    recheck: &Recheck,
    (lists, (git, marks)): (Result<Lists, Unlisted>, (Vec<String>, Vec<RefName>)),
    tags: &mut [Shows],
    remarks: &mut Remarks,
) {
    let find = |wanted: &dyn Fn(&TagRecord) -> bool| run.prepared.tags.iter().position(wanted);
    let repositories = match lists {
        Ok(repositories) => repositories,
        Err(unlisted) => {
            if let Some(index) = find(&|tag| tag.repository == unlisted.repository) {
                tags[index] = Shows::Unreadable;
                if let Some(why) = unlisted.why {
                    remarks.tag_failed(index, why);
                }
            }
            return;
        }
    };
    let now = PublishedNow {
        repositories,
        git,
        marks,
    };
    let overtaken = match recheck.decide(&now) {
        Ok(overtaken) => overtaken,
        Err(error) => {
            // It is about the lists as a whole, so nothing is known of any tag.
            remarks.failed(format!("{error:#}"));
            tags.fill(Shows::Unreadable);
            return;
        }
    };
    for overtaken in overtaken {
        let is_it = |tag: &TagRecord| {
            tag.tag == overtaken.tag && *run.prepared.repository(tag) == overtaken.repository
        };
        if let Some(index) = find(&is_it) {
            // One that shows the release already is no longer this run's to move.
            tags[index] = Shows::Other;
            remarks.overtaken(index, overtaken.why);
        }
    }
}
