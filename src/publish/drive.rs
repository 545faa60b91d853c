//! Carries out the protocol: journal, act, observe, next state.

use crate::{
    event::Step,
    outcome::Outcome,
    publish::{
        protocol::{
            journal::{Record, encode},
            observation::{LockSeen, Observation},
            state::{self, Action, End, State},
            transitions,
        },
        report,
        run::Run,
    },
};

impl Run {
    /// Goes on until there is nothing to do, and reports.
    pub(super) async fn drive(mut self) -> Outcome {
        while !matches!(self.txn.state, State::Ended(_) | State::Stopped(_)) {
            let before = self.txn.state;
            let seen = self.step().await;
            match transitions::next(&self.shape, self.txn.clone(), seen) {
                Ok(txn) => self.txn = txn,
                Err(error) => return report::bug(&self, &error),
            }
            self.announce(before);
        }
        if matches!(self.txn.state, State::Ended(_)) && self.record().is_err() {
            // The next run finds the state before this one and comes to the same end.
            self.world
                .events
                .warning("the end of the release could not be written to its journal");
        }
        report::outcome(&self).await
    }

    /// Writes the state down, then performs its action.
    async fn step(&self) -> Observation {
        if self.signal.is_given() && self.txn.can_stop_clean() {
            return Observation::Interrupted;
        }
        if let Err(error) = self.record() {
            self.notes.other(format!("writing the journal: {error}"));
            let without =
                transitions::next(&self.shape, self.txn.clone(), Observation::JournalFailed);
            if without.is_ok_and(|txn| txn.state != self.txn.state) {
                return Observation::JournalFailed;
            }
        }
        self.perform(state::action(&self.shape, &self.txn)).await
    }

    /// On the disk when this returns: the intent before the act.
    fn record(&self) -> std::io::Result<()> {
        let record = Record::Step {
            at: self.world.clock.now(),
            txn: self.txn.clone(),
        };
        self.world.journals.append(&self.journal, &encode(&record))
    }

    async fn perform(&self, action: Action) -> Observation {
        match action {
            Action::TakeLock => Observation::Lock(self.take_lock().await),
            Action::CheckLock => Observation::Lock(self.check_lock().await),
            Action::Observe => self.look().await,
            Action::PutTogether(tags) => Observation::Put(self.put_together(&tags).await),
            Action::PutEach(tags) => Observation::Put(self.put_each(&tags).await),
            Action::AwaitVisible => Observation::Tags(self.watch().await),
            Action::Stage => Observation::Content(self.restage().await),
            Action::AwaitLanding(tags) => Observation::Tags(self.settle(&tags).await),
            Action::PutBack(tags) => Observation::PutBack(self.put_back(&tags).await),
            Action::Finish => Observation::Git(self.finish().await),
            Action::Unlock => Observation::Git(self.unlock().await),
            // `drive` ends before a state that rests.
            Action::Rest => Observation::Lock(LockSeen::Ours),
        }
    }

    fn announce(&self, before: State) {
        let events = &self.world.events;
        let version = self.prepared.version.to_string();
        match (before, self.txn.state) {
            (State::Locking, State::Observing) => {
                events.finished(Step::Lock, self.world.remote.name());
                events.started(Step::Observe, version);
            }
            (State::Observing | State::Staging, State::Committing(_) | State::CheckingLock(_)) => {
                events.started(Step::Commit, version);
            }
            (_, State::Verifying) => events.started(Step::Verify, version),
            (State::Verifying, State::Finishing) => {
                events.finished(Step::Verify, version.clone());
                events.started(Step::Finish, version);
            }
            (State::Settling, _) => {}
            (_, State::Settling) => events.started(Step::RollBack, version),
            (State::Unlocking(End::RolledBack), State::Ended(End::RolledBack)) => {
                events.finished(Step::RollBack, version);
            }
            (State::Finishing, State::Ended(End::Published)) => {
                events.finished(Step::Finish, version);
            }
            _ => {}
        }
    }
}
