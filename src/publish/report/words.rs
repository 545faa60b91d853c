//! The end of a run in words: what failed, what is true outside now, what to do next.

use crate::{
    error::{Error, ErrorCode, ErrorKind},
    io::git::remote::RefPattern,
    oci::Observed,
    outcome::{OutcomeKind, TagReport},
    publish::{
        errors::MAY_PUSH,
        protocol::{
            observation::GitTagSeen,
            state::{Cause, End, Goal, State, Stop},
        },
        report::{
            command::{command, finished_first, from_branch, pull_again, takes_up},
            doubt::{unclear, unsettled},
            ending::{Ending, because},
            forge::{hidden, tell_moved, tell_page, unrevealed},
            lost::{elsewhere, gone, past_others, unpushed, written},
            tags::{Meant, list},
        },
        unfinished,
    },
};

/// The end in one word, and the error where the run did not do what it was asked to.
pub(super) async fn judge(end: Ending<'_>, tags: &[TagReport]) -> (OutcomeKind, Option<Error>) {
    let version = &end.run.prepared.version;
    let back = matches!(end.run.goal, Some(Goal::Back));
    match end.txn.state {
        State::Ended(End::Published) if back && end.run.prepared.mark.is_some() => {
            let told = format!("{version} was taken back already, so that was finished");
            let error = Error::refused(told)
                .state(format!("every tag shows the version before {version}"))
                .hint(format!(
                    "`hoist rollback {version} --undo`, then `hoist repair`, puts it in its place again"
                ));
            (OutcomeKind::Published, Some(error))
        }
        State::Ended(End::Published) if back => {
            let error = Error::refused(format!(
                "{version} was complete already, so it was finished"
            ))
            .state("every tag shows it, and git has its tag")
            .hint(format!(
                "`hoist rollback {version}` moves the moving tags back"
            ));
            (OutcomeKind::Published, Some(error))
        }
        State::Ended(End::Published) => {
            tell_moved(end, tags);
            (OutcomeKind::Published, None)
        }
        State::Ended(End::RolledBack | End::NotBegun) if back => match gone(end, tags) {
            Some(error) => (OutcomeKind::NeedsHuman, Some(error)),
            None => (OutcomeKind::RolledBack, None),
        },
        State::Ended(End::NotBegun) if end.run.goal.is_some() && end.txn.cause.is_none() => {
            let events = &end.run.world.events;
            events.note(format!(
                "no tag of {version} had moved; `hoist release` starts it again"
            ));
            (OutcomeKind::RolledBack, None)
        }
        // No tag had moved; this was made sure of.
        State::Ended(End::RolledBack) if end.txn.cause == Some(Cause::Content) => {
            not_moved(end).await
        }
        State::Ended(End::RolledBack) => rolled_back(end, tags),
        State::Ended(End::NotBegun) => not_moved(end).await,
        State::Ended(End::Elsewhere) => {
            tell_page(end);
            elsewhere(end, tags, back)
        }
        State::Ended(End::Unpushed) => (OutcomeKind::NeedsHuman, Some(unpushed(end))),
        State::Ended(End::Hidden) => (OutcomeKind::NeedsHuman, Some(hidden(end))),
        State::Ended(End::Leftover) => {
            let error =
                past_others(end, tags).unwrap_or_else(|| leftover(end, &list(tags, Meant::Before)));
            (OutcomeKind::NeedsHuman, Some(error))
        }
        State::Stopped(stop) => {
            let (kind, error) = stopped(end, tags, stop);
            let who = match stop {
                Stop::LockLost => {
                    unfinished::holder(&end.run.world, &end.run.prepared.lock_refs).await
                }
                Stop::Held
                | Stop::Lagging
                | Stop::Unconfirmed
                | Stop::Overtaken
                | Stop::LockUnknown
                | Stop::Unfinished
                | Stop::Unrevealed
                | Stop::Unsettled
                | Stop::Unreadable
                | Stop::ContentGone
                | Stop::Journal => None,
            };
            (kind, error.map(|error| because(error, who)))
        }
        State::Locking
        | State::Drafting
        | State::Observing
        | State::CheckingLock(_)
        | State::Committing(_)
        | State::Verifying
        | State::Finishing
        | State::Revealing
        | State::Recovering(_)
        | State::Staging
        | State::Settling
        | State::RollingBack(_)
        | State::Confirming(_)
        | State::Withdrawing(_)
        | State::Unlocking(_)
        | State::Judging(_)
        | State::WithoutLock(_)
        | State::Relocking(_) => {
            let error = Error::bug("a run ended in the middle of the publish protocol");
            (OutcomeKind::NeedsHuman, Some(error))
        }
    }
}

/// The commit failed, and every tag is as it was.
fn rolled_back(end: Ending<'_>, tags: &[TagReport]) -> (OutcomeKind, Option<Error>) {
    if let Some(error) = gone(end, tags) {
        return (OutcomeKind::NeedsHuman, Some(error));
    }
    let (kind, error_kind) = if end.run.limits.is_interrupted() {
        (OutcomeKind::Interrupted, ErrorKind::Interrupted)
    } else {
        (OutcomeKind::RolledBack, ErrorKind::RolledBack)
    };
    let error = failure(end, error_kind).state(format!(
        "rolled back; all {} tags are as they were before",
        tags.len()
    ));
    (kind, Some(with_hint(end, error)))
}

/// What went wrong first, with the outside world's own words.
fn failure(end: Ending<'_>, kind: ErrorKind) -> Error {
    let version = &end.run.prepared.version;
    let new = |message: String| Error::new(kind, message);
    let other = || end.remarks.last_failure();
    match end.txn.cause {
        Some(Cause::Refused(index)) => {
            let (tag, repository) = end.tag(index);
            let error = new(format!("`{repository}` refuses the tag `{tag}`"));
            because(error, end.remarks.tag_failure(index))
        }
        Some(Cause::Foreign(index)) => {
            let (tag, repository) = end.tag(index);
            if let Some(why) = end.remarks.why_overtaken(index) {
                return new(format!(
                    "cannot move tag `{tag}` of `{repository}`: a higher version of its line came while this release was running"
                ))
                .cause(why);
            }
            let error = new(format!(
                "cannot move tag `{tag}` of `{repository}`: it changed while this release was running"
            ));
            error.cause(foreign_cause(end, index))
        }
        Some(Cause::Unclear(index)) => {
            because(new(unclear(end, index)), end.remarks.tag_failure(index))
        }
        Some(Cause::GitTag) => {
            if end.run.prepared.mark.is_some() {
                return new(format!("somebody else has taken {version} back"));
            }
            let tag = end
                .run
                .prepared
                .git_tag
                .as_ref()
                .map_or("", |tag| tag.name.short());
            new(format!("somebody else has made the git tag `{tag}`"))
        }
        Some(Cause::Branch) => {
            let branch = end.run.prepared.branch.as_ref();
            let branch = branch.map_or("", |branch| branch.short());
            new(format!("the branch `{branch}` has advanced"))
        }
        Some(Cause::Busy) => because(new("another release holds the lock".into()), other()),
        Some(Cause::Lock) => {
            let what = match &end.run.prepared.branch {
                Some(_) => "cannot push the lock and the release commit",
                None => "cannot take the lock",
            };
            because(new(what.into()), other())
        }
        Some(Cause::Unreadable) => {
            let words =
                (0..end.run.prepared.tags.len()).find_map(|index| end.remarks.tag_failure(index));
            because(new("cannot read the tags".into()), words.or(other()))
        }
        Some(Cause::Content) => because(
            new(format!("cannot send the content of {version}")),
            other(),
        ),
        Some(Cause::Draft) => {
            let error = new(format!("cannot take the draft of {version} on the forge"));
            because(error.with_code(ErrorCode::ForgeFailed), other())
        }
        Some(Cause::Journal) => because(new("cannot write the journal".into()), other()),
        Some(Cause::Interrupted) => new("interrupted".into()),
        None if end.run.limits.is_interrupted() => new("interrupted".into()),
        None => because(new(format!("{version} is not complete")), other()),
    }
}

fn foreign_cause(end: Ending<'_>, index: usize) -> String {
    let before = &end.run.prepared.tags[index].before;
    let expected = before.as_ref().map_or("absent", |digest| digest.short());
    let found = end.remarks.last_shown(index).unwrap_or(&Observed::Unknown);
    format!("expected {expected}, found {found}")
}

fn with_hint(end: Ending<'_>, error: Error) -> Error {
    if end.txn.cause == Some(Cause::Lock)
        && let Some(hint) = end.remarks.hint()
    {
        return error.hint(hint);
    }
    match end.txn.cause {
        Some(Cause::Foreign(_) | Cause::GitTag) => error.hint(finished_first(&end.run.prepared)),
        Some(Cause::Branch) => {
            error.hint(pull_again(&end.run.prepared, end.run.world.remote.name()))
        }
        Some(Cause::Lock) if end.run.prepared.branch.is_some() => error.hint(MAY_PUSH),
        Some(
            Cause::Refused(_)
            | Cause::Unclear(_)
            | Cause::Busy
            | Cause::Lock
            | Cause::Unreadable
            | Cause::Content
            | Cause::Draft
            | Cause::Journal
            | Cause::Interrupted,
        )
        | None => error.hint(format!(
            "when the cause is removed, {} starts again",
            command(&end.run.prepared)
        )),
    }
}

/// What is left of a release that was given up: tags, or its commit on the branch.
fn leftover(end: Ending<'_>, tags: &str) -> Error {
    let error = failure(end, ErrorKind::NeedsHuman);
    let tags = format!("rolled back as far as possible; {tags}");
    match (&end.run.prepared.branch, end.remarks.does_branch_stay()) {
        (Some(branch), true) => error
            .state(format!(
                "{tags}; `{}` keeps the release commit {}: others have built on it, or the server does not let it be taken back",
                branch.short(),
                end.run.prepared.commit,
            ))
            .hint(from_branch(&end.run.prepared, end.run.world.remote.name())),
        (Some(_) | None, _) => error
            .state(tags)
            .hint(takes_up(&end.run.prepared)),
    }
}

async fn not_moved(end: Ending<'_>) -> (OutcomeKind, Option<Error>) {
    let state = "no tag has moved";
    match end.txn.cause {
        Some(Cause::Busy) => {
            let name = async {
                let locks = RefPattern::names(&end.run.prepared.lock_refs);
                let refs = end.run.world.remote.refs(&locks).await;
                match refs.ok().and_then(|refs| refs.into_iter().next()) {
                    Some(lock) => unfinished::busy(&end.run.world, &lock).await,
                    None => unfinished::just_released(),
                }
            };
            let error = end.run.limits.git(end.txn.state).run(name).await;
            let error = error.unwrap_or_else(|| failure(end, ErrorKind::Busy).state(state));
            (OutcomeKind::Busy, Some(error))
        }
        Some(Cause::Interrupted) => {
            let error = failure(end, ErrorKind::Interrupted);
            let again = format!("{} starts again", command(&end.run.prepared));
            let error = error.state(state).hint(again);
            (OutcomeKind::Interrupted, Some(error))
        }
        Some(
            Cause::Refused(_)
            | Cause::Foreign(_)
            | Cause::Unclear(_)
            | Cause::GitTag
            | Cause::Branch
            | Cause::Lock
            | Cause::Unreadable
            | Cause::Content
            | Cause::Draft
            | Cause::Journal,
        )
        | None => {
            let (kind, error) = if end.run.limits.is_interrupted() {
                // It left no time to find out more.
                (OutcomeKind::Interrupted, ErrorKind::Interrupted)
            } else {
                (OutcomeKind::Failed, ErrorKind::Failed)
            };
            // Somebody else has moved one of them.
            let state = match end.txn.cause {
                Some(Cause::Foreign(_) | Cause::GitTag) => "this release has moved no tag",
                _ => state,
            };
            let error = failure(end, error).state(state);
            (kind, Some(with_hint(end, error)))
        }
    }
}

fn stopped(end: Ending<'_>, tags: &[TagReport], stop: Stop) -> (OutcomeKind, Option<Error>) {
    let version = &end.run.prepared.version;
    let interrupted = end.run.limits.is_interrupted();
    let (kind, error_kind) = match stop {
        Stop::Held => (OutcomeKind::Held, ErrorKind::NeedsHuman),
        _ if interrupted => (OutcomeKind::Interrupted, ErrorKind::Interrupted),
        Stop::Lagging
        | Stop::Unconfirmed
        | Stop::Overtaken
        | Stop::LockLost
        | Stop::LockUnknown
        | Stop::Unfinished
        | Stop::Unrevealed
        | Stop::Unsettled
        | Stop::Unreadable
        | Stop::ContentGone
        | Stop::Journal => (OutcomeKind::NeedsHuman, ErrorKind::NeedsHuman),
    };
    let failed = || failure(end, error_kind);
    let new = |message: &str| because(Error::new(error_kind, message), end.remarks.last_failure());
    let ours = || list(tags, Meant::New(version));
    let both = match end.run.holding.git_tag() {
        Some(GitTagSeen::Ours) => {
            "`hoist resume` finishes it; git has its tag, so it is not undone"
        }
        Some(GitTagSeen::Absent | GitTagSeen::Other) | None => {
            "`hoist resume` finishes it, `hoist rollback` undoes it"
        }
    };
    let error = match stop {
        Stop::Held => failed()
            .state(format!("held by policy; {}", ours()))
            .hint(both),
        Stop::Lagging => Error::new(error_kind, format!("not every tag shows {version} yet"))
            .state(format!("every registry accepted its tags; {}", ours()))
            .hint(format!(
                "`hoist verify {version}` shows when they do; then `hoist resume`"
            )),
        Stop::Unconfirmed => {
            let message = "a request whose answer was not seen may still be carried out";
            Error::new(error_kind, message).state(ours()).hint(both)
        }
        Stop::Overtaken => Error::new(
            error_kind,
            format!("another release has gone over {version}, whose lock is gone"),
        )
        .state(ours())
        .hint("`hoist repair` puts the tags right")
        .hint(format!(
            "`hoist rollback --take-over` puts back what still shows {version}"
        )),
        Stop::LockLost => Error::new(
            error_kind,
            "this run has lost its lock: another one has taken the release over or ended it, or somebody has deleted the lock",
        )
        .state(format!("{}{}", ours(), written(end)))
        .hint("`hoist status` shows who has the lock; where nobody has ended the release, `hoist resume` or `hoist rollback` goes on")
        .hint("when it is over, `hoist repair` puts the tags right"),
        Stop::LockUnknown => new("cannot find out whether the lock is still held")
            .state(ours())
            .hint(format!("`hoist status` shows whether it is over; if not, {both}")),
        Stop::Unfinished => new("cannot push the git tag")
            .state("every image tag shows the release; the git tag may be missing")
            .hint("`hoist resume` finishes it"),
        Stop::Unrevealed => unrevealed(end, error_kind),
        Stop::Unsettled => failed()
            .state(unsettled(end, tags))
            .hint("`hoist rollback` goes on, and gives the lock back"),
        Stop::Unreadable => failed().state(ours()).hint(both),
        Stop::ContentGone => failed().state(ours()).hint("`hoist rollback` undoes it"),
        Stop::Journal => failed().state(ours()).hint(both),
    };
    (kind, Some(error))
}
