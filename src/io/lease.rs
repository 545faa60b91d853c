//! The right to write names while a lock is held, limited in time.
//!
//! A process can be stopped at any instant: Ctrl-Z, a laptop that sleeps, a retry that takes ten
//! minutes. When it goes on, another one may have taken its lock over. So the lock gives a permit
//! for a short time only, which begins when the request that read the lock was sent. The registry
//! client looks at the permit right before the bytes of a request that moves a tag go out, and drops
//! such a request soon after. Whoever takes the lock over waits until nothing that was permitted
//! can still be under way.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// How long a permit lasts, from the moment at which the request that read the lock was sent.
pub const PERMIT: Duration = Duration::from_secs(15);

/// How long a permitted request may take, from the look at its permit: then it is dropped.
pub const REQUEST: Duration = Duration::from_secs(30);

/// The limits of a lease. The constants above are the ones that hold; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long a permit lasts.
    pub permit: Duration,
    /// How long a permitted request may take.
    pub request: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            permit: PERMIT,
            request: REQUEST,
        }
    }
}

impl LeaseTimes {
    /// The limits that this process goes by: the constants.
    #[cfg(not(feature = "testing"))]
    #[must_use]
    pub fn of_process() -> Self {
        Self::default()
    }

    /// The limits that this process goes by. Tests that stop a process shorten them by a variable, in
    /// milliseconds, which the binary for users does not know: it is built without `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn of_process() -> Self {
        let set = std::env::var("HOIST_TEST_LEASE").unwrap_or_default();
        let milliseconds = |text: &str| text.parse().ok().map(Duration::from_millis);
        let times = set.split_once(',').and_then(|(permit, request)| {
            Some(Self {
                permit: milliseconds(permit)?,
                request: milliseconds(request)?,
            })
        });
        times.unwrap_or_default()
    }

    /// When so much time has gone since a lock was taken over, nothing that its former holder was
    /// permitted to send can still be under way.
    #[must_use]
    pub fn quiet(self) -> Duration {
        self.permit + self.request
    }
}

/// The clock of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaseClock {
    /// The machine's own, which goes on while the machine sleeps.
    #[default]
    Boot,
    /// The runtime's, which tests can stop and move.
    Runtime,
}

/// An instant of a lease's clock.
#[derive(Debug, Clone, Copy)]
pub struct Moment(Reading);

#[derive(Debug, Clone, Copy)]
enum Reading {
    /// The time since the machine was started, and the wall clock.
    Boot(Duration, SystemTime),
    Runtime(Instant),
}

impl LeaseClock {
    /// This instant.
    #[must_use]
    pub fn now(self) -> Moment {
        Moment(match self {
            Self::Boot => Reading::Boot(since_boot(), SystemTime::now()),
            Self::Runtime => Reading::Runtime(Instant::now()),
        })
    }
}

impl Moment {
    /// How long ago this was, by whichever clock says more: a wall clock that has jumped forward may
    /// tell of a pause that the steady one slept through.
    fn elapsed(self) -> Duration {
        match self.0 {
            Reading::Boot(steady, wall) => {
                let steady = since_boot().saturating_sub(steady);
                let wall = SystemTime::now().duration_since(wall);
                steady.max(wall.unwrap_or_default())
            }
            Reading::Runtime(instant) => instant.elapsed(),
        }
    }
}

fn since_boot() -> Duration {
    #[cfg(target_vendor = "apple")]
    let clock = ClockId::Monotonic;
    #[cfg(not(target_vendor = "apple"))]
    let clock = ClockId::Boottime;
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The lease of one run: renewed each time that the lock is read as this run's.
#[derive(Debug, Clone)]
pub struct Lease {
    clock: LeaseClock,
    times: LeaseTimes,
    begun: Arc<Mutex<Option<Moment>>>,
}

impl Lease {
    /// A lease that permits nothing yet.
    #[must_use]
    pub fn new(clock: LeaseClock, times: LeaseTimes) -> Self {
        Self {
            clock,
            times,
            begun: Arc::default(),
        }
    }

    /// Its limits.
    #[must_use]
    pub fn times(&self) -> LeaseTimes {
        self.times
    }

    /// This instant, to be taken before the lock is read.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The request that was sent at `sent` read the lock as this run's.
    pub fn renew(&self, sent: Moment) {
        *open(&self.begun) = Some(sent);
    }

    /// The lock is not this run's any more, or that is not known.
    pub fn end(&self) {
        *open(&self.begun) = None;
    }

    /// What is handed to the registry client with a request that moves a tag.
    #[must_use]
    pub fn permit(&self) -> Permit {
        Permit(Some(self.clone()))
    }

    fn is_valid(&self) -> bool {
        let begun = *open(&self.begun);
        begun.is_some_and(|begun| begun.elapsed() < self.times.permit)
    }
}

/// The right to send a request that moves a tag, looked at right before its bytes go out.
#[derive(Debug, Clone)]
pub struct Permit(Option<Lease>);

/// The permit has ended: the request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock was not read as this run's for too long: nothing was sent")]
pub struct PermitEnded;

impl Permit {
    /// For what gives no name: content by its digest.
    #[must_use]
    pub const fn always() -> Self {
        Self(None)
    }

    /// Whether a request may be sent now.
    ///
    /// # Errors
    /// The permit has ended: the lock must be read again first.
    pub fn check(&self) -> Result<(), PermitEnded> {
        match &self.0 {
            Some(lease) if !lease.is_valid() => Err(PermitEnded),
            Some(_) | None => Ok(()),
        }
    }

    /// How long a request may take that is sent now; `None`: as long as any other.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        self.0.as_ref().map(|lease| lease.times.request)
    }
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("no thread panics while it holds this lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease::new(LeaseClock::Runtime, LeaseTimes::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_begins_when_the_lock_was_asked_for_and_lasts_fifteen_seconds() {
        let lease = lease();
        let permit = lease.permit();
        assert_eq!(permit.check(), Err(PermitEnded), "the lock was never read");
        let sent = lease.now();
        tokio::time::sleep(Duration::from_secs(10)).await;
        lease.renew(sent);
        assert_eq!(permit.check(), Ok(()));
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        assert_eq!(permit.check(), Ok(()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(permit.check(), Err(PermitEnded));
        lease.renew(lease.now());
        assert_eq!(permit.check(), Ok(()));
        lease.end();
        assert_eq!(permit.check(), Err(PermitEnded));
    }

    #[test]
    fn a_wall_clock_that_jumped_forward_ends_a_permit() {
        let lease = Lease::new(LeaseClock::Boot, LeaseTimes::default());
        let read = |ago: u64, ahead: u64| {
            let wall = SystemTime::now() - Duration::from_secs(ago) + Duration::from_secs(ahead);
            lease.renew(Moment(Reading::Boot(since_boot(), wall)));
            lease.permit().check()
        };
        assert_eq!(read(0, 0), Ok(()));
        assert_eq!(read(16, 0), Err(PermitEnded));
        // One that was set back tells of nothing.
        assert_eq!(read(0, 3_600), Ok(()));
    }
}
