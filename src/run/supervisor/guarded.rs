//! Keeping a guard: not for a run that ends at once, but before there is a second worker, and
//! again when it died.

use std::io;
use std::time::Duration;

use super::Supervisor;
use super::notified::Hearing;
use crate::enforce::event::Event;
use crate::enforce::guard::{self, Estate, Guard};
use crate::enforce::worker::Worker;
use crate::linux::process;
use crate::words::moment::Moment;

/// A run that ends within this time after its first worker was started has no guard to pay for, and
/// no watches.
pub(super) const SHORT: Duration = Duration::from_millis(5);

impl Supervisor<'_> {
    /// What a run is spared that ends at once.
    pub(super) fn stay(&mut self, now: Moment) {
        self.watch_if_told(now);
        if !self.deletion.was_tried {
            self.see_deletions(now);
        }
        self.start_guard(now);
    }

    /// Has a guard, if there is to be one and it is time.
    pub(super) fn start_guard(&mut self, now: Moment) {
        self.guard_at = None;
        if !self.plan.guard || self.guard.is_some() {
            return;
        }
        // Whoever speaks to a dead supervisor is to be refused, not to wait for a reader; and a watch
        // ends with its last descriptor, which is to be ours.
        let heard = self.hearing.iter().flat_map(Hearing::fds);
        let ours = heard.chain(self.looks.fd()).chain(self.newborns.fds());
        let started = self
            .estate()
            .and_then(|estate| Guard::start(estate, ours, self.run.witness));
        match started {
            Ok(guard) => {
                let started = Event::GuardStarted { pid: guard.pid() };
                self.run.witness.see(now, &started);
                self.run.search.know(guard.pid());
                self.guard = Some(guard);
                self.guard_knows = self.run.workers().len();
            }
            Err(error) => {
                self.run.warn(&format!(
                    "no guard: {error}; should this process be killed, stopctl stop has to be used"
                ));
                self.guard_again(now);
            }
        }
    }

    /// What a guard has to hold open: should the names be gone when we die, nobody else has it.
    fn estate(&self) -> io::Result<Estate> {
        Ok(Estate {
            dir: self.dir.twin()?,
            owner: self.run.files.owner.file(),
            supervisor: process::own_identity(),
            record: self.run.files.record.file(),
            flags: self.run.flags(),
            grace: self.plan.times.grace,
        })
    }

    /// Hands the guard the flags of workers that were started since, when they are many enough to
    /// wake it, or all that there will be.
    pub(super) fn tell_guard(&mut self) {
        let new = self
            .run
            .workers()
            .get(self.guard_knows..)
            .unwrap_or_default();
        let are_all = self.to_start() == 0;
        let Some(guard) = &self.guard else { return };
        for some in new.chunks(guard::TOGETHER) {
            if some.len() == guard::TOGETHER || are_all {
                let flags: Vec<_> = some.iter().map(Worker::flag).collect();
                guard.hand_over(&flags);
                self.guard_knows += some.len();
            }
        }
    }

    /// Ends the guard, if there is one. Answers whether there was.
    pub(super) fn end_guard(&mut self) -> bool {
        let Some(guard) = self.guard.take() else {
            return false;
        };
        let pid = guard.pid();
        guard.end();
        self.run.search.forget(pid);
        true
    }

    /// Whether that was the guard that ended: then there will be another one.
    pub(super) fn guard_ended(&mut self, pid: i32, now: Moment) -> bool {
        if self.guard.as_ref().is_none_or(|guard| guard.pid() != pid) {
            return false;
        }
        self.guard = None;
        self.run.witness.see(now, &Event::GuardEnded { pid });
        self.guard_again(now);
        true
    }

    /// The first time at once. Whatever ends guards may go on doing so: then less and less often.
    fn guard_again(&mut self, now: Moment) {
        self.guard_at = Some(now + self.guard_pause);
        self.guard_pause = (self.guard_pause * 2).max(guard::PAUSE);
    }
}
