//! The protocol alone, against an adversary that gives every answer a world can give, loses
//! answers, lets requests arrive late and stops the process at any point: a search of all
//! reachable states.

use std::collections::HashSet;

use hoist::{
    policy::OnFailure,
    publish::{
        TagClass,
        protocol::{
            action::{Action, action},
            observation::{
                ContentSeen, ForgeSeen, GitSeen, GitTagSeen, LockSeen, Observation, PutBackSeen,
                PutSeen, Shows,
            },
            replay::{recover, recover_done},
            state::{End, Goal, Lockless, State, Stop, TagSpec, Transaction, TransactionSpec},
            transitions::next,
        },
    },
};

/// What is true outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Outside {
    tags: Vec<Shows>,
    lock: bool,
    /// The lock says that all tags are done.
    done: bool,
    /// The forge shows the release.
    public: bool,
    /// The draft of somebody else has what the release adds to it.
    taken: bool,
    git_tag: GitTagSeen,
    /// Another writer has moved a tag; it does so once at most.
    meddled: bool,
    /// Requests that put the release and whose answer was lost: each may still be carried out, until
    /// all the time has gone that a registry takes at most.
    pending: Vec<bool>,
}

impl Outside {
    fn start(lock: bool) -> Self {
        Self {
            tags: vec![Shows::Before; TAGS],
            lock,
            done: false,
            public: false,
            taken: false,
            git_tag: GitTagSeen::Absent,
            meddled: false,
            pending: vec![false; TAGS],
        }
    }

    /// What is true when no request can be under way any more: each of them was carried out late, or
    /// never.
    fn settled(&self) -> Vec<Self> {
        let mut all = vec![Self {
            pending: vec![false; TAGS],
            ..self.clone()
        }];
        for tag in (0..TAGS).filter(|&tag| self.pending[tag]) {
            for index in 0..all.len() {
                let mut landed = all[index].clone();
                landed.tags[tag] = Shows::Ours;
                all.push(landed);
            }
        }
        all
    }
}

/// How many tags there are.
const TAGS: usize = 2;

type Node = (Transaction, Outside);

/// Two tags: both of one repository, which can go in one request, or one in each of two.
fn shape(on_failure: OnFailure, repositories: u8, has_forge: bool) -> TransactionSpec {
    let slot = |repository, group, kind| TagSpec {
        repository,
        image: 0,
        group,
        kind,
    };
    TransactionSpec {
        tags: vec![
            slot(0, 0, TagClass::Version),
            slot(
                usize::from(repositories - 1),
                repositories - 1,
                TagClass::Moving,
            ),
        ],
        on_failure,
        makes_git_tag: true,
        has_forge,
        takes_draft: false,
    }
}

/// With the draft of somebody else on a forge.
fn with_draft(on_failure: OnFailure) -> TransactionSpec {
    TransactionSpec {
        takes_draft: true,
        ..shape(on_failure, 1, true)
    }
}

/// All ways of choosing one of `options(i)` for each index of `tags`.
fn choices<T: Clone>(tags: &[usize], options: impl Fn(usize) -> Vec<T>) -> Vec<Vec<(usize, T)>> {
    let mut all = vec![Vec::new()];
    for &tag in tags {
        all = all
            .into_iter()
            .flat_map(|head: Vec<(usize, T)>| {
                options(tag).into_iter().map(move |option| {
                    let mut row = head.clone();
                    row.push((tag, option));
                    row
                })
            })
            .collect();
    }
    all
}

fn put(outside: &Outside, tags: &[usize], together: bool) -> Vec<(Observation, Outside)> {
    if !outside.lock {
        let lost = tags.iter().map(|&tag| (tag, PutSeen::LockLost)).collect();
        return vec![(Observation::Put(lost), outside.clone())];
    }
    let options = |tag: usize| {
        let was = outside.tags[tag];
        let mut options = vec![
            (PutSeen::Ours, Shows::Ours),
            (PutSeen::Unclear, Shows::Ours),
            (PutSeen::Unclear, was),
        ];
        if was == Shows::Before {
            options.push((PutSeen::Refused, was));
        }
        if was == Shows::Other {
            options.push((PutSeen::Foreign, was));
            options.push((PutSeen::Overwritten, was));
        }
        if together {
            options.extend([
                (PutSeen::NotTaken, was),
                // Taken, and the answer has lost the names.
                (PutSeen::NotTaken, Shows::Ours),
                (PutSeen::Pending, was),
                (PutSeen::Pending, Shows::Ours),
            ]);
        }
        options
    };
    let row = |row: Vec<(usize, (PutSeen, Shows))>| {
        let mut then = outside.clone();
        for (tag, (seen, shows)) in &row {
            then.tags[*tag] = *shows;
            // What was not done in time may be done later.
            then.pending[*tag] |= *seen == PutSeen::Unclear && *shows != Shows::Ours;
        }
        (
            Observation::Put(
                row.into_iter()
                    .map(|(tag, (seen, _))| (tag, seen))
                    .collect(),
            ),
            then,
        )
    };
    choices(tags, options).into_iter().map(row).collect()
}

fn put_back(outside: &Outside, tags: &[usize]) -> Vec<(Observation, Outside)> {
    if !outside.lock {
        let lost = tags
            .iter()
            .map(|&tag| (tag, PutBackSeen::LockLost))
            .collect();
        return vec![(Observation::PutBack(lost), outside.clone())];
    }
    let options = |tag: usize| match outside.tags[tag] {
        Shows::Other => vec![
            (PutBackSeen::Foreign, Shows::Other),
            (PutBackSeen::Unclear, Shows::Other),
        ],
        was => vec![
            (PutBackSeen::Restored, Shows::Before),
            (PutBackSeen::Unclear, Shows::Before),
            (PutBackSeen::Unclear, was),
            (PutBackSeen::Left, Shows::Ours),
        ],
    };
    let row = |row: Vec<(usize, (PutBackSeen, Shows))>| {
        let mut then = outside.clone();
        for (tag, (_, shows)) in &row {
            then.tags[*tag] = *shows;
        }
        (
            Observation::PutBack(
                row.into_iter()
                    .map(|(tag, (seen, _))| (tag, seen))
                    .collect(),
            ),
            then,
        )
    };
    choices(tags, options).into_iter().map(row).collect()
}

/// Truthful looks, looks that lag behind, looks that fail.
fn looks(outside: &Outside) -> Vec<Vec<Shows>> {
    let truth = outside.tags.clone();
    let all = |shows: Shows| {
        let hide = |tag: &Shows| if *tag == Shows::Ours { shows } else { *tag };
        truth.iter().map(hide).collect()
    };
    vec![truth.clone(), all(Shows::Before), all(Shows::Unreadable)]
}

fn lock_seen(outside: &Outside) -> LockSeen {
    if outside.lock {
        LockSeen::Ours
    } else {
        LockSeen::Taken
    }
}

/// Every answer that the outside can give, and what is true outside afterwards.
fn answers(
    shape: &TransactionSpec,
    outside: &Outside,
    action: &Action,
) -> Vec<(Observation, Outside)> {
    let with_lock = |lock| Outside {
        lock,
        done: lock && outside.done,
        ..outside.clone()
    };
    match action {
        Action::TakeLock => vec![
            (Observation::Lock(LockSeen::Ours), with_lock(true)),
            (Observation::Lock(LockSeen::Taken), with_lock(false)),
            (Observation::Lock(LockSeen::Partly), with_lock(true)),
            (Observation::Lock(LockSeen::Refused), with_lock(false)),
            (Observation::Lock(LockSeen::Advanced), with_lock(false)),
            (Observation::Lock(LockSeen::Advanced), with_lock(true)),
            (Observation::Lock(LockSeen::Unreachable), with_lock(true)),
            (Observation::Lock(LockSeen::Unreachable), with_lock(false)),
        ],
        Action::CheckLock => vec![
            (Observation::Lock(lock_seen(outside)), outside.clone()),
            (Observation::Lock(LockSeen::Unreachable), outside.clone()),
        ],
        Action::Observe => {
            let world = |tags: Vec<Shows>, lock| Observation::World {
                tags,
                git_tag: outside.git_tag,
                lock,
            };
            let mut all: Vec<_> = looks(outside)
                .into_iter()
                .map(|tags| (world(tags, lock_seen(outside)), outside.clone()))
                .collect();
            all.push((
                world(outside.tags.clone(), LockSeen::Unreachable),
                outside.clone(),
            ));
            all
        }
        Action::TakeDraft if !outside.lock => {
            vec![(Observation::Forge(ForgeSeen::LockLost), outside.clone())]
        }
        Action::TakeDraft => {
            let taken = Outside {
                taken: true,
                ..outside.clone()
            };
            vec![
                (Observation::Forge(ForgeSeen::Done), taken.clone()),
                (Observation::Forge(ForgeSeen::Refused), outside.clone()),
                (Observation::Forge(ForgeSeen::Unreachable), taken),
                (Observation::Forge(ForgeSeen::LockUnknown), outside.clone()),
            ]
        }
        Action::PutTogether(_) | Action::PutEach(_) if shape.takes_draft && !outside.taken => {
            panic!("a tag moves before the draft is taken")
        }
        Action::PutTogether(tags) => put(outside, tags, true),
        Action::PutEach(tags) => put(outside, tags, false),
        Action::AwaitLanding(_) => looks(outside)
            .into_iter()
            .map(|tags| (Observation::Tags(tags), outside.clone()))
            .collect(),
        Action::Look => vec![(Observation::Tags(outside.tags.clone()), outside.clone())],
        Action::AwaitVisible | Action::LookLast => last_looks(outside),
        Action::LookWithoutLock => without_lock(outside),
        Action::Stage => {
            let staged = |seen| {
                let then = Outside {
                    taken: outside.taken || seen == ContentSeen::Ready,
                    ..outside.clone()
                };
                (Observation::Content(seen), then)
            };
            [ContentSeen::Ready, ContentSeen::Gone, ContentSeen::Failed]
                .map(staged)
                .to_vec()
        }
        Action::PutBack(tags) => put_back(outside, tags),
        Action::Finish => {
            let done = Outside {
                lock: shape.has_forge,
                done: shape.has_forge,
                git_tag: GitTagSeen::Ours,
                ..outside.clone()
            };
            if !outside.lock {
                return vec![(Observation::Git(GitSeen::Taken), outside.clone())];
            }
            // A server without atomic pushes can stop after the tag.
            let tag_only = Outside {
                lock: true,
                done: false,
                ..done.clone()
            };
            vec![
                (Observation::Git(GitSeen::Done), done.clone()),
                (Observation::Git(GitSeen::Refused), outside.clone()),
                (Observation::Git(GitSeen::Unreachable), outside.clone()),
                (Observation::Git(GitSeen::Unreachable), tag_only),
                (Observation::Git(GitSeen::Unreachable), done),
            ]
        }
        Action::Unlock if !outside.lock => vec![
            (Observation::Git(GitSeen::Taken), outside.clone()),
            // An earlier try of this push was carried out, and its answer was lost.
            (Observation::Git(GitSeen::Gone), outside.clone()),
        ],
        Action::Unlock => vec![
            (Observation::Git(GitSeen::Done), with_lock(false)),
            (Observation::Git(GitSeen::BranchLeft), with_lock(false)),
            (Observation::Git(GitSeen::Unreachable), with_lock(false)),
            (Observation::Git(GitSeen::Unreachable), outside.clone()),
        ],
        Action::Reveal if !outside.lock => {
            vec![(Observation::Forge(ForgeSeen::LockLost), outside.clone())]
        }
        Action::Reveal => {
            assert_eq!(outside.git_tag, GitTagSeen::Ours, "public before its tag");
            let public = Outside {
                public: true,
                ..outside.clone()
            };
            vec![
                (Observation::Forge(ForgeSeen::Done), public.clone()),
                (Observation::Forge(ForgeSeen::Refused), outside.clone()),
                (Observation::Forge(ForgeSeen::Unreachable), outside.clone()),
                (Observation::Forge(ForgeSeen::Unreachable), public),
                (Observation::Forge(ForgeSeen::LockUnknown), outside.clone()),
            ]
        }
        Action::Withdraw => vec![
            (
                Observation::Forge(ForgeSeen::Done),
                Outside {
                    taken: false,
                    ..outside.clone()
                },
            ),
            (Observation::Forge(ForgeSeen::Refused), outside.clone()),
        ],
        Action::Rest => Vec::new(),
    }
}

/// A world that answers truthfully and does what it is asked.
fn kind(shape: &TransactionSpec, outside: &Outside, action: &Action) -> (Observation, Outside) {
    let mut then = outside.clone();
    let seen = match action {
        Action::TakeLock => {
            then.lock = true;
            Observation::Lock(LockSeen::Ours)
        }
        Action::CheckLock => Observation::Lock(lock_seen(outside)),
        Action::Observe => Observation::World {
            tags: outside.tags.clone(),
            git_tag: outside.git_tag,
            lock: lock_seen(outside),
        },
        Action::PutTogether(tags) | Action::PutEach(tags) => {
            for &tag in tags {
                then.tags[tag] = Shows::Ours;
            }
            Observation::Put(tags.iter().map(|&tag| (tag, PutSeen::Ours)).collect())
        }
        Action::AwaitLanding(_) | Action::Look => Observation::Tags(outside.tags.clone()),
        Action::AwaitVisible | Action::LookLast => {
            then.pending = vec![false; TAGS];
            Observation::LastLook {
                tags: outside.tags.clone(),
                settled: true,
            }
        }
        Action::LookWithoutLock => Observation::World {
            tags: outside.tags.clone(),
            git_tag: outside.git_tag,
            lock: LockSeen::Absent,
        },
        Action::TakeDraft => {
            then.taken = true;
            Observation::Forge(ForgeSeen::Done)
        }
        Action::Stage => {
            then.taken = true;
            Observation::Content(ContentSeen::Ready)
        }
        Action::PutBack(tags) => {
            let one = |&tag: &usize| {
                if outside.tags[tag] == Shows::Other {
                    return (tag, PutBackSeen::Foreign);
                }
                (tag, PutBackSeen::Restored)
            };
            let seen = tags.iter().map(one).collect();
            for &tag in tags {
                if outside.tags[tag] != Shows::Other {
                    then.tags[tag] = Shows::Before;
                }
            }
            Observation::PutBack(seen)
        }
        Action::Reveal => {
            then.public = true;
            Observation::Forge(ForgeSeen::Done)
        }
        Action::Withdraw => {
            then.taken = false;
            Observation::Forge(ForgeSeen::Done)
        }
        Action::Finish => {
            then.lock = shape.has_forge;
            then.done = shape.has_forge;
            then.git_tag = GitTagSeen::Ours;
            Observation::Git(GitSeen::Done)
        }
        Action::Unlock => {
            then.lock = false;
            then.done = false;
            Observation::Git(GitSeen::Done)
        }
        Action::Rest => unreachable!("the run is over"),
    };
    (seen, then)
}

/// Last looks: when all is settled they are true; else they may lag behind, and say that they may.
fn last_looks(outside: &Outside) -> Vec<(Observation, Outside)> {
    let look = |tags, settled| Observation::LastLook { tags, settled };
    let settled = outside.settled().into_iter();
    let mut all: Vec<_> = settled
        .map(|then| (look(then.tags.clone(), true), then))
        .collect();
    let early = looks(outside).into_iter();
    all.extend(early.map(|tags| (look(tags, false), outside.clone())));
    all.push((look(vec![Shows::Unreadable; TAGS], true), outside.clone()));
    all
}

/// Looks of a recovery that finds no lock. That all tags are as they were is told only when all is
/// settled.
fn without_lock(outside: &Outside) -> Vec<(Observation, Outside)> {
    let world = |tags: Vec<Shows>| Observation::World {
        tags,
        git_tag: outside.git_tag,
        lock: LockSeen::Absent,
    };
    let mut all = vec![(world(vec![Shows::Unreadable; TAGS]), outside.clone())];
    if outside.tags.iter().all(|tag| *tag == Shows::Before) {
        let settled = outside.settled().into_iter();
        all.extend(settled.map(|then| (world(then.tags.clone()), then)));
    } else {
        all.push((world(outside.tags.clone()), outside.clone()));
    }
    all
}

/// A recovery that finds the lock.
fn locked(txn: &Transaction, outside: &Outside, goal: Goal) -> Transaction {
    match outside.done {
        true => recover_done(txn.clone()),
        false => recover(txn.clone(), goal),
    }
}

/// A recovery that finds no lock.
fn lockless(txn: &Transaction, goal: Goal) -> Transaction {
    let lockless = Lockless {
        goal,
        take_over: false,
        never_locked: txn.state == State::Locking,
    };
    Transaction {
        state: State::WithoutLock(lockless),
        ..txn.clone()
    }
}

fn is_rest(txn: &Transaction) -> bool {
    matches!(txn.state, State::Ended(_) | State::Stopped(_))
}

/// What an end promises.
fn check_end(shape: &TransactionSpec, (txn, outside): &Node) {
    let all = |shows| outside.tags.iter().all(|tag| *tag == shows);
    match txn.state {
        State::Ended(End::Published | End::Unpushed | End::Hidden) => {
            assert!(outside.meddled || all(Shows::Ours), "{txn:?} {outside:?}");
            let is_published = txn.state == State::Ended(End::Published);
            let is_public = outside.public || !shape.has_forge;
            assert!(is_public || !is_published, "{txn:?} {outside:?}");
        }
        State::Ended(End::RolledBack) => {
            let as_before =
                |tag: &Shows| *tag == Shows::Before || (outside.meddled && *tag == Shows::Other);
            assert!(outside.tags.iter().all(as_before), "{txn:?} {outside:?}");
        }
        State::Ended(End::NotBegun) if !outside.meddled => {
            assert!(all(Shows::Before), "{txn:?} {outside:?}");
        }
        _ => {}
    }
}

/// From here, with a world that has become kind, the way ends, and where it should.
fn check_way(shape: &TransactionSpec, (txn, outside): &Node, goal: Goal) {
    if matches!(txn.state, State::Ended(_)) {
        return;
    }
    let begin = if outside.lock {
        locked(txn, outside, goal)
    } else {
        lockless(txn, goal)
    };
    let mut node = (begin, outside.clone());
    for _ in 0..40 {
        if is_rest(&node.0) {
            break;
        }
        let (seen, then) = kind(shape, &node.1, &action(shape, &node.0));
        node = (next(shape, node.0, seen).unwrap(), then);
    }
    let held = node.0.state == State::Stopped(Stop::Held);
    let ended = matches!(node.0.state, State::Ended(_))
        // Somebody else's digest under a tag whose lock is gone: a person decides.
        || (node.0.state == State::Stopped(Stop::Overtaken) && outside.meddled);
    assert!(
        ended || (held && goal == Goal::Forward),
        "from {txn:?} {outside:?} {goal:?}: {node:?}"
    );
    check_end(shape, &node);
}

fn successors(shape: &TransactionSpec, (txn, outside): &Node) -> Vec<Node> {
    let mut all = Vec::new();
    // A crash: the state is on the disk, its action may or may not have been performed.
    for goal in [Goal::Forward, Goal::Back] {
        if matches!(txn.state, State::Ended(_)) {
            continue;
        }
        if outside.lock {
            all.push((locked(txn, outside, goal), outside.clone()));
        } else {
            all.push((lockless(txn, goal), outside.clone()));
        }
    }
    // Somebody deletes the lock.
    if outside.lock && !matches!(txn.state, State::Ended(_)) {
        let gone = Outside {
            lock: false,
            done: false,
            ..outside.clone()
        };
        all.push((txn.clone(), gone));
    }
    // A request that was under way is carried out.
    for tag in (0..TAGS).filter(|&tag| outside.pending[tag]) {
        let mut landed = outside.clone();
        landed.pending[tag] = false;
        landed.tags[tag] = Shows::Ours;
        all.push((txn.clone(), landed));
    }
    if is_rest(txn) {
        return all;
    }
    let step = |seen: Observation, then: Outside| (next(shape, txn.clone(), seen).unwrap(), then);
    all.push(step(Observation::JournalFailed, outside.clone()));
    all.push(step(Observation::Interrupted, outside.clone()));
    for (seen, then) in answers(shape, outside, &action(shape, txn)) {
        for goal in [Goal::Forward, Goal::Back] {
            if then.lock {
                all.push((locked(txn, &then, goal), then.clone()));
            }
        }
        all.push(step(seen, then));
    }
    if !outside.meddled {
        for tag in 0..outside.tags.len() {
            let mut then = outside.clone();
            then.meddled = true;
            then.tags[tag] = Shows::Other;
            all.push((txn.clone(), then));
        }
    }
    all
}

fn explore(on_failure: OnFailure, repositories: u8) -> usize {
    explore_shape(&shape(on_failure, repositories, false))
}

fn explore_shape(shape: &TransactionSpec) -> usize {
    let start = Outside::start(false);
    let mut seen: HashSet<Node> = HashSet::new();
    let mut open = vec![(Transaction::new([false; TAGS]), start)];
    while let Some(node) = open.pop() {
        if !seen.insert(node.clone()) {
            continue;
        }
        check_end(shape, &node);
        check_way(shape, &node, Goal::Forward);
        check_way(shape, &node, Goal::Back);
        open.extend(successors(shape, &node));
    }
    seen.len()
}

#[test]
fn from_every_reachable_state_both_ways_end() {
    let count = explore(OnFailure::Rollback, 1) + explore(OnFailure::Rollback, 2);
    assert!(count > 1000, "{count} states");
}

#[test]
fn a_held_commit_can_be_finished_and_undone_too() {
    let count = explore(OnFailure::Hold, 1) + explore(OnFailure::Hold, 2);
    assert!(count > 1000, "{count} states");
}

/// With a release on a forge: it is never public before the git tag, and published is only what is public.
#[test]
fn with_a_forge_both_ways_end_too() {
    for on_failure in [OnFailure::Rollback, OnFailure::Hold] {
        let count = explore_shape(&shape(on_failure, 1, true));
        assert!(count > 1000, "{count} states");
        let count = explore_shape(&with_draft(on_failure));
        assert!(count > 1000, "{count} states");
    }
}

/// Every state with every kind of answer, all tags alike: a review sees the protocol change.
#[test]
fn the_transition_table() {
    insta::assert_snapshot!(table(&shape(OnFailure::Rollback, 1, false)).join("\n"));
}

/// What a forge changes of it.
#[test]
fn the_transition_table_of_a_forge() {
    let without = table(&shape(OnFailure::Rollback, 1, false));
    let mut with = table(&shape(OnFailure::Rollback, 1, true));
    with.retain(|line| !without.contains(line));
    insta::assert_snapshot!(with.join("\n"));
}

/// What the draft of somebody else changes of that.
#[test]
fn the_transition_table_of_a_draft_that_is_taken() {
    let without = table(&shape(OnFailure::Rollback, 1, true));
    let mut with = table(&with_draft(OnFailure::Rollback));
    with.retain(|line| !without.contains(line));
    insta::assert_snapshot!(with.join("\n"));
}

fn table(shape: &TransactionSpec) -> Vec<String> {
    let start = Transaction::new([false; TAGS]);
    let outside = Outside::start(true);
    let mut lines = std::collections::BTreeSet::new();
    let mut seen: HashSet<Transaction> = HashSet::new();
    let mut open = vec![start];
    while let Some(txn) = open.pop() {
        if is_rest(&txn) || !seen.insert(txn.clone()) {
            continue;
        }
        let action = action(shape, &txn);
        for answer in uniform(&action, &outside) {
            let then = next(shape, txn.clone(), answer.clone()).unwrap();
            lines.insert(format!(
                "{:?} | {} | {:?}",
                txn.state,
                summary(&answer),
                then.state
            ));
            open.push(then);
        }
        for goal in [Goal::Forward, Goal::Back] {
            open.push(recover(txn.clone(), goal));
            open.push(lockless(&txn, goal));
        }
    }
    lines.into_iter().collect()
}

/// Answers in which all tags are alike.
fn uniform(action: &Action, outside: &Outside) -> Vec<Observation> {
    let puts = [
        PutSeen::Ours,
        PutSeen::NotTaken,
        PutSeen::Pending,
        PutSeen::Refused,
        PutSeen::Foreign,
        PutSeen::Overwritten,
        PutSeen::Unclear,
        PutSeen::LockLost,
        PutSeen::LockUnknown,
    ];
    let backs = [
        PutBackSeen::Restored,
        PutBackSeen::Left,
        PutBackSeen::Foreign,
        PutBackSeen::Unclear,
        PutBackSeen::LockLost,
        PutBackSeen::LockUnknown,
    ];
    let shows = [Shows::Ours, Shows::Before, Shows::Other, Shows::Unreadable];
    let locks = [
        LockSeen::Ours,
        LockSeen::Taken,
        LockSeen::Absent,
        LockSeen::Partly,
        LockSeen::Refused,
        LockSeen::Advanced,
        LockSeen::Unreachable,
    ];
    match action {
        Action::TakeLock | Action::CheckLock => locks.map(Observation::Lock).to_vec(),
        Action::Observe | Action::LookWithoutLock => {
            let held = if *action == Action::Observe {
                LockSeen::Ours
            } else {
                LockSeen::Absent
            };
            let mut all = Vec::new();
            for tag in shows {
                for git_tag in [GitTagSeen::Absent, GitTagSeen::Ours, GitTagSeen::Other] {
                    all.push(Observation::World {
                        tags: vec![tag; TAGS],
                        git_tag,
                        lock: held,
                    });
                }
            }
            for lock in locks.iter().filter(|lock| **lock != held) {
                all.push(Observation::World {
                    tags: outside.tags.clone(),
                    git_tag: GitTagSeen::Absent,
                    lock: *lock,
                });
            }
            all
        }
        Action::PutTogether(tags) => puts
            .map(|seen| Observation::Put(tags.iter().map(|&tag| (tag, seen)).collect()))
            .to_vec(),
        Action::PutEach(tags) => [0, 3, 4, 5, 6, 7, 8]
            .map(|place| puts[place])
            .map(|seen| Observation::Put(tags.iter().map(|&tag| (tag, seen)).collect()))
            .to_vec(),
        Action::AwaitLanding(_) | Action::Look => {
            shows.map(|tag| Observation::Tags(vec![tag; TAGS])).to_vec()
        }
        Action::AwaitVisible | Action::LookLast => {
            let all = [true, false].into_iter();
            all.flat_map(|settled| {
                shows.map(|tag| Observation::LastLook {
                    tags: vec![tag; TAGS],
                    settled,
                })
            })
            .collect()
        }
        Action::Stage => [ContentSeen::Ready, ContentSeen::Gone, ContentSeen::Failed]
            .map(Observation::Content)
            .to_vec(),
        Action::PutBack(tags) => backs
            .map(|seen| Observation::PutBack(tags.iter().map(|&tag| (tag, seen)).collect()))
            .to_vec(),
        Action::Finish | Action::Unlock => [
            GitSeen::Done,
            GitSeen::BranchLeft,
            GitSeen::Taken,
            GitSeen::Gone,
            GitSeen::Refused,
            GitSeen::Unreachable,
        ]
        .map(Observation::Git)
        .to_vec(),
        Action::TakeDraft | Action::Reveal | Action::Withdraw => [
            ForgeSeen::Done,
            ForgeSeen::Refused,
            ForgeSeen::Unreachable,
            ForgeSeen::LockLost,
            ForgeSeen::LockUnknown,
        ]
        .map(Observation::Forge)
        .to_vec(),
        Action::Rest => Vec::new(),
    }
}

fn summary(seen: &Observation) -> String {
    match seen {
        Observation::World {
            tags,
            git_tag,
            lock,
        } => format!("tags {:?}, git tag {git_tag:?}, lock {lock:?}", tags[0]),
        Observation::Tags(tags) => format!("tags {:?}", tags[0]),
        Observation::LastLook { tags, settled } => {
            format!("last look {:?}, settled {settled}", tags[0])
        }
        Observation::Put(answers) => format!("put {:?}", answers[0].1),
        Observation::PutBack(answers) => format!("put back {:?}", answers[0].1),
        Observation::Lock(lock) => format!("lock {lock:?}"),
        Observation::Content(content) => format!("content {content:?}"),
        Observation::Git(git) => format!("git {git:?}"),
        Observation::Forge(forge) => format!("forge {forge:?}"),
        Observation::JournalFailed | Observation::Interrupted => format!("{seen:?}"),
    }
}
