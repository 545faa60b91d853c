//! What one run knows of its lock: the objects by which it knows the lock as its own, until when it
//! may write, who had the lock before, and which of its own requests may still be under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    event::Awaited,
    git::ObjectId,
    io::lease::{Lease, Moment, Permit},
    publish::protocol::{lock_way::LockWay, observation::GitTagSeen, state::Goal},
};

/// A look at a tag is gone by for so long: then it is looked at again before it is written.
const FRESH: Duration = Duration::from_secs(2);

/// Who had the lock before this run took it over.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormerHolder {
    /// Where that run was leading the tags.
    pub(super) way: Goal,
    /// From this instant on nothing that it was permitted to send can be under way. Its requests
    /// whose answer it did not see may still arrive.
    pub(super) quiet_at: Instant,
    /// Until this instant the tags that it may have asked for are watched.
    pub(super) watched_until: Instant,
}

/// When the lock was asked for, by the lease's clock and by the runtime's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    moment: Moment,
    instant: Instant,
}

/// The lock in the hands of one run.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) lease: Lease,
    pub(super) former: Option<FormerHolder>,
    /// Held while the lock is read: one read serves all tags that wait for it.
    pub(super) reading: tokio::sync::Mutex<()>,
    lock: Mutex<LockObjects>,
    requests: Mutex<Requests>,
}

#[derive(Debug)]
struct LockObjects {
    /// The newest is last. While the lock changes from one to the next, both are this run's.
    all: Vec<ObjectId>,
    /// The way that the newest one tells of.
    way: LockWay,
}

#[derive(Debug, Default)]
struct Requests {
    /// When the last request was sent whose answer left a doubt.
    doubtful: Option<Instant>,
    /// The tags that such a request may have moved.
    doubted: BTreeSet<usize>,
    /// The tags that were written since the lock was last read as this run's, and when.
    written: BTreeMap<usize, Instant>,
    /// When the request was sent that last read the lock as this run's.
    asked: Option<Instant>,
    /// What the version's git tag was when the refs were last read.
    git_tag: Option<GitTagSeen>,
    /// When each tag was last looked at.
    looked: BTreeMap<usize, Instant>,
}

impl Holding {
    /// A run whose lock's refs hold `object`, or are to hold it.
    pub(super) fn new(
        lease: Lease,
        object: ObjectId,
        way: LockWay,
        former: Option<FormerHolder>,
    ) -> Self {
        Self {
            lease,
            former,
            reading: tokio::sync::Mutex::default(),
            lock: Mutex::new(LockObjects {
                all: vec![object],
                way,
            }),
            requests: Mutex::default(),
        }
    }

    /// The object that the lock's refs are to hold.
    pub(super) fn object(&self) -> ObjectId {
        let lock = open(&self.lock);
        lock.all.last().expect("there is always one").clone()
    }

    /// Whether a lock's object is this run's.
    pub(super) fn is_ours(&self, object: &ObjectId) -> bool {
        open(&self.lock).all.contains(object)
    }

    /// The way that the lock's object tells of.
    pub(super) fn way(&self) -> LockWay {
        open(&self.lock).way
    }

    /// The lock is to hold `object` from now on, which tells of `way`.
    pub(super) fn change_to(&self, object: ObjectId, way: LockWay) {
        let mut lock = open(&self.lock);
        lock.all.push(object);
        lock.way = way;
    }

    /// To be taken before the lock is read.
    pub(super) fn asking(&self) -> Asked {
        Asked {
            moment: self.lease.now(),
            instant: Instant::now(),
        }
    }

    /// A request that was sent after `asked` read the lock as this run's.
    pub(super) fn read_as_ours(&self, asked: Asked) {
        self.lease.renew(asked.moment);
        let mut requests = open(&self.requests);
        requests.written.retain(|_, at| *at >= asked.instant);
        requests.asked = Some(asked.instant);
    }

    /// Whether the lock was read as this run's by a request that was sent after `instant`.
    pub(super) fn was_asked_since(&self, instant: Instant) -> bool {
        let asked = open(&self.requests).asked;
        asked.is_some_and(|asked| asked >= instant)
    }

    /// Whether the lock was ever read as this run's.
    pub(super) fn was_held(&self) -> bool {
        open(&self.requests).asked.is_some()
    }

    /// Whether nothing was written since the lock was read as this run's, a moment ago, with a permit that
    /// lasts.
    pub(super) fn is_unused(&self) -> bool {
        let is_fresh = {
            let requests = open(&self.requests);
            let asked = requests.asked.is_some_and(|at| at.elapsed() < FRESH);
            asked && requests.written.is_empty()
        };
        is_fresh && self.permit().check().is_ok()
    }

    /// The version's git tag was seen to be this.
    pub(super) fn saw_git_tag(&self, seen: GitTagSeen) {
        open(&self.requests).git_tag = Some(seen);
    }

    /// What the version's git tag was when the refs were last read.
    pub(super) fn git_tag(&self) -> Option<GitTagSeen> {
        open(&self.requests).git_tag
    }

    /// A tag was looked at just now.
    pub(super) fn looked_at(&self, tag: usize) {
        open(&self.requests).looked.insert(tag, Instant::now());
    }

    /// Whether what a tag showed in the last look can be gone by.
    pub(super) fn is_fresh(&self, tag: usize) -> bool {
        let looked = open(&self.requests).looked.get(&tag).copied();
        looked.is_some_and(|looked| looked.elapsed() < FRESH)
    }

    /// What goes with each request that moves a tag.
    pub(super) fn permit(&self) -> Permit {
        self.lease.permit()
    }

    /// When the first write that leads `way` may be sent; `None`: at once.
    pub(super) fn opens_at(&self, way: Goal) -> Option<Instant> {
        let former = self.former.filter(|former| former.way != way)?;
        (former.quiet_at > Instant::now()).then_some(former.quiet_at)
    }

    /// A request that moves this tag was sent at `sent`.
    pub(super) fn writes(&self, tag: usize, sent: Instant) {
        open(&self.requests).written.insert(tag, sent);
    }

    /// What came of a request for `tags` that was sent at `sent` is not known: it may still be carried out.
    pub(super) fn doubts(&self, tags: &[usize], sent: Instant) {
        let mut requests = open(&self.requests);
        requests.doubtful = requests.doubtful.max(Some(sent));
        requests.doubted.extend(tags);
    }

    /// Whether a request may have moved this tag whose answer left a doubt.
    pub(super) fn may_have_moved(&self, tag: usize) -> bool {
        open(&self.requests).doubted.contains(&tag)
    }

    /// The tags that were written since the lock was last read as this run's.
    pub(super) fn written(&self) -> BTreeSet<usize> {
        open(&self.requests).written.keys().copied().collect()
    }

    /// From the instant that is given no request of this run or of its predecessor can still land, given how
    /// long a registry takes at most; and whose requests are waited for. `None`: nothing is under way now.
    pub(super) fn settles_at(&self, verify_timeout: Duration) -> Option<(Instant, Awaited)> {
        let doubtful = open(&self.requests).doubtful;
        let own = doubtful.map(|sent| (sent + verify_timeout + WAY, Awaited::UnseenAnswer));
        let former = self.former.map(|former| {
            let until = former.quiet_at.max(former.watched_until);
            (until, Awaited::FormerHolder)
        });
        let both = own.into_iter().chain(former);
        let last = both.max_by_key(|(until, _)| *until)?;
        (last.0 > Instant::now()).then_some(last)
    }
}

/// How long a request may be on its way: the registry's time for it begins when it arrives, later than
/// it was sent.
const WAY: Duration = Duration::from_secs(1);

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("no thread panics while it holds this lock")
}
