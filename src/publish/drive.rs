//! The loop that carries out the protocol: journal, act, observe, next state. It alone changes the
//! transaction, and it keeps what the steps remark.

use crate::{
    outcome::Outcome,
    publish::{
        announce::Announcer,
        protocol::{
            action::{Action, action},
            journal::{Record, encode},
            observation::{LockSeen, Observation},
            state::{State, Transaction},
            transitions,
        },
        remarks::Remarks,
        report::{self, Ending},
        run::{Position, Run},
        steps::{commit, forge, lock, observe, restage, rollback},
    },
};

/// Goes on until there is nothing to do, and reports.
pub(super) async fn drive(run: Run, txn: Transaction) -> Outcome {
    let mut driver = Driver {
        announcer: Announcer::new(&run, txn.state),
        run,
        txn,
        remarks: Remarks::default(),
    };
    driver.run_to_rest().await
}

struct Driver {
    run: Run,
    txn: Transaction,
    remarks: Remarks,
    announcer: Announcer,
}

impl Driver {
    async fn run_to_rest(&mut self) -> Outcome {
        while !matches!(self.txn.state, State::Ended(_) | State::Stopped(_)) {
            let seen = self.step().await;
            match transitions::next(&self.run.spec, self.txn.clone(), seen) {
                Ok(txn) => self.txn = txn,
                Err(error) => return report::bug(self.ending(), &error),
            }
            self.announcer.entered(&self.run, self.txn.state);
        }
        if matches!(self.txn.state, State::Ended(_)) && self.record().is_err() {
            // The next run finds the state before this one and comes to the same end.
            self.run
                .world
                .events
                .warning("the end of the release could not be written to its journal");
        }
        report::outcome(self.ending()).await
    }

    fn ending(&self) -> Ending<'_> {
        Ending {
            run: &self.run,
            txn: &self.txn,
            remarks: &self.remarks,
        }
    }

    /// Writes the state down, then performs its action.
    async fn step(&mut self) -> Observation {
        if self.run.limits.is_interrupted() && self.txn.can_stop_clean() {
            return Observation::Interrupted;
        }
        if let Err(error) = self.record() {
            self.remarks.failed(format!("writing the journal: {error}"));
            if transitions::needs_journal(&self.run.spec, &self.txn) {
                return Observation::JournalFailed;
            }
        }
        let at = Position {
            run: &self.run,
            txn: &self.txn,
        };
        let action = action(&self.run.spec, &self.txn);
        let (observation, remarks) = perform(at, action).await;
        self.remarks.absorb(remarks);
        observation
    }

    /// On the disk when this returns: the intent before the act.
    fn record(&self) -> std::io::Result<()> {
        let world = &self.run.world;
        let record = Record::Step {
            at: world.clock.now(),
            txn: self.txn.clone(),
        };
        world.journals.append(&self.run.journal, &encode(&record))
    }
}

fn last_look((look, remarks): (observe::LastLook, Remarks)) -> (Observation, Remarks) {
    let observe::LastLook { tags, settled } = look;
    (Observation::LastLook { tags, settled }, remarks)
}

async fn perform(at: Position<'_>, action: Action) -> (Observation, Remarks) {
    fn seen<T>(
        kind: fn(T) -> Observation,
        (answer, remarks): (T, Remarks),
    ) -> (Observation, Remarks) {
        (kind(answer), remarks)
    }
    match action {
        Action::TakeLock => seen(Observation::Lock, lock::take_lock(at).await),
        Action::TakeDraft => seen(Observation::Forge, forge::take_draft(at).await),
        Action::CheckLock => seen(Observation::Lock, lock::check_lock(at).await),
        Action::Observe => observe::observe(at).await,
        Action::PutTogether(tags) => seen(Observation::Put, commit::put_together(at, &tags).await),
        Action::PutEach(tags) => seen(Observation::Put, commit::put_each(at, &tags).await),
        Action::AwaitVisible => last_look(observe::await_visible(at).await),
        Action::LookLast => last_look(observe::look_last(at, None).await),
        Action::Look => seen(Observation::Tags, observe::look(at).await),
        Action::LookWithoutLock => observe::look_without_lock(at).await,
        Action::Stage => seen(Observation::Content, restage::restage(at).await),
        Action::AwaitLanding(tags) => {
            seen(Observation::Tags, observe::await_landing(at, &tags).await)
        }
        Action::PutBack(tags) => seen(Observation::PutBack, rollback::put_back(at, &tags).await),
        Action::Finish => seen(Observation::Git, lock::finish(at).await),
        Action::Unlock => seen(Observation::Git, lock::unlock(at).await),
        Action::Reveal => seen(Observation::Forge, forge::reveal(at).await),
        Action::Withdraw => seen(Observation::Forge, forge::withdraw(at).await),
        // The loop ends before a state that rests.
        Action::Rest => (Observation::Lock(LockSeen::Ours), Remarks::default()),
    }
}
