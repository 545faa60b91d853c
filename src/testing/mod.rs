//! In-memory stand-ins for the outside world, with scripted faults: a registry, a git remote, a
//! forge, a journal store. For tests of the transaction, here and in programs that embed hoist.
//!
//! Every operation asks the shared [`Faults`] first. With tokio's clock paused, a whole release
//! with all its waiting takes no time.

mod forge;
mod journal;
mod personality;
mod registry;
mod remote;
mod repository;

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

pub use crate::testing::forge::{FakeForge, StoredRelease};
pub use crate::testing::journal::FakeJournals;
pub use crate::testing::personality::{MultiTag, Personality, Referrers};
pub use crate::testing::registry::FakeRegistry;
pub use crate::testing::remote::{FakeRemote, object_id};
pub use crate::testing::repository::FakeRepository;

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What strikes an operation.
#[derive(Clone)]
pub enum Fault {
    /// The server says no; nothing was done.
    Refused,
    /// A registry answers 404 although the thing may be there.
    NotFound,
    /// No connection; nothing was done.
    Unreachable,
    /// It was not done, and the caller cannot know that: 5xx.
    Failed,
    /// It was done, and the answer was lost.
    Lost,
    /// The process dies before it.
    CrashBefore,
    /// The process dies after it.
    CrashAfter,
    /// Something else happens just before it; then it goes on as ever.
    First(Arc<dyn Fn() + Send + Sync>),
    /// The process stops before it, until its future is polled again: whoever waits for this is told.
    Stop(Arc<Notify>),
    /// The answer is lost, and what it does to tags happens so much later.
    Late(Duration),
}

/// Which operations a fault strikes.
#[derive(Clone)]
struct FaultRule {
    pattern: String,
    skip: u64,
    times: u64,
    fault: Fault,
}

#[derive(Default)]
struct Script {
    rules: Vec<FaultRule>,
    log: Vec<String>,
    crashed: bool,
}

/// A script of faults, shared by all fakes of one world, and the log of their operations.
#[derive(Clone, Default)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
    crash: Arc<Notify>,
}

/// What an operation is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Do,
    Refuse,
    NotFound,
    NoConnection,
    Fail,
    DoAndLose,
    DoAndCrash,
    DoLate(Duration),
}

impl Faults {
    /// Strikes the operations whose description contains `pattern`: after `skip` of them, `times`
    /// in a row. Descriptions look like `PUT 127.0.0.1:5000/acme/api:1.2.3`, `git swap`,
    /// `journal append`.
    pub fn strike(&self, pattern: &str, skip: u64, times: u64, fault: Fault) {
        open(&self.script).rules.push(FaultRule {
            pattern: pattern.to_owned(),
            skip,
            times,
            fault,
        });
    }

    /// No more faults, and the machine runs again.
    pub fn clear(&self) {
        let mut script = open(&self.script);
        script.rules.clear();
        script.crashed = false;
    }

    /// Every operation so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        open(&self.script).log.clone()
    }

    /// Forgets the log.
    pub fn forget(&self) {
        open(&self.script).log.clear();
    }

    /// Resolves when the process has died.
    pub async fn crashed(&self) {
        loop {
            let notified = self.crash.notified();
            if open(&self.script).crashed {
                return;
            }
            notified.await;
        }
    }

    fn die(&self) {
        open(&self.script).crashed = true;
        self.crash.notify_waiters();
    }

    /// `None`: the process is dead, and nothing more happens.
    fn order(&self, what: String) -> Option<Order> {
        self.order_or_stop(what).map(|(order, _)| order)
    }

    /// As [`Faults::order`], and who is to be told that the process has stopped here.
    fn order_or_stop(&self, what: String) -> Option<(Order, Option<Arc<Notify>>)> {
        let mut script = open(&self.script);
        if script.crashed {
            return None;
        }
        let mut struck = None;
        for rule in &mut script.rules {
            if struck.is_some() || !what.contains(&rule.pattern) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 {
                rule.times = rule.times.saturating_sub(1);
                struck = Some(rule.fault.clone());
            }
        }
        script.log.push(what);
        drop(script);
        let mut stopped = None;
        let order = match struck {
            None => Order::Do,
            Some(Fault::Refused) => Order::Refuse,
            Some(Fault::NotFound) => Order::NotFound,
            Some(Fault::Unreachable) => Order::NoConnection,
            Some(Fault::Failed) => Order::Fail,
            Some(Fault::Lost) => Order::DoAndLose,
            Some(Fault::CrashAfter) => Order::DoAndCrash,
            Some(Fault::CrashBefore) => {
                self.die();
                return None;
            }
            Some(Fault::First(other)) => {
                other();
                Order::Do
            }
            Some(Fault::Stop(told)) => {
                stopped = Some(told);
                Order::Do
            }
            Some(Fault::Late(delay)) => Order::DoLate(delay),
        };
        Some((order, stopped))
    }

    /// As [`Faults::order`]; a dead process waits for ever, until whoever runs it drops it.
    async fn ask(&self, what: String) -> Order {
        // A request takes a while, and others come in between.
        tokio::task::yield_now().await;
        match self.order_or_stop(what) {
            Some((order, None)) => order,
            Some((order, Some(told))) => {
                told.notify_one();
                tokio::task::yield_now().await;
                order
            }
            None => pending().await,
        }
    }

    /// After an operation that ends the process.
    async fn finish(&self, order: Order) {
        if order == Order::DoAndCrash {
            self.die();
            pending::<()>().await;
        }
    }
}
