//! Keeping a guard: not for a run that ends at once, but before there is a second worker, and
//! again when it died.

use std::time::Duration;

use super::Supervisor;
use super::notified::Hearing;
use crate::event::Event;
use crate::guard::{self, Guard};
use crate::moment::Moment;

/// A run that ends within this time after its first worker was started has no guard to pay for, and
/// no watches.
pub(super) const SHORT: Duration = Duration::from_millis(5);

impl Supervisor<'_> {
    /// What a run is spared that ends at once.
    pub(super) fn stay(&mut self, now: Moment) {
        self.watch(now);
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
        let ours = heard.chain(self.looks.fd());
        match Guard::start(&self.dir, self.run.nameless(), ours, self.run.witness) {
            Ok(guard) => {
                let started = Event::GuardStarted { pid: guard.pid() };
                self.run.witness.see(now, &started);
                self.run.search.know(guard.pid());
                self.guard = Some(guard);
            }
            Err(error) => {
                self.run.warn(&format!(
                    "no guard: {error}; should this process be killed, stopctl stop has to be used"
                ));
                self.guard_again(now);
            }
        }
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
