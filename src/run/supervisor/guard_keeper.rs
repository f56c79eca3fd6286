//! Keeping a guard: none for a run that ends at once, but one before there is a second worker, and
//! another one when it died.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::contract::run_dir::RunDir;
use crate::enforce::event::Event;
use crate::enforce::guard::{self, Estate, Guard};
use crate::enforce::run::{Roster, Run};
use crate::enforce::worker::Worker;
use crate::linux::plain::plain;
use crate::linux::process;
use crate::words::duration::Limit;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// A run that ends within this time after its first worker was started is not made to pay for a
/// guard, nor for watches.
const SHORT: Duration = Duration::from_millis(5);

/// The guard of the run, and when there is to be one.
#[derive(Debug)]
pub(super) struct GuardKeeper {
    guard: Option<Guard>,
    /// The grace of the run, for the guard; `None` if there is to be no guard.
    grace: Option<Limit>,
    /// When a guard is to be started.
    at: Option<Moment>,
    /// How long after the death of this guard the next one is started.
    pause: Duration,
    /// The last worker that the guard was told of.
    told: Option<WorkerNumber>,
}

impl GuardKeeper {
    /// Keeps a guard of a run with this grace, or none.
    pub(super) fn new(grace: Option<Limit>) -> Self {
        Self {
            guard: None,
            grace,
            at: None,
            pause: Duration::ZERO,
            told: None,
        }
    }

    /// When a guard is to be started, and with it everything else that a run which ends at once does
    /// without.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.at
    }

    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    /// A worker was started: unless the run ends in a moment, there will be a guard.
    pub(super) fn worker_started(&mut self, now: Moment) {
        if self.guard.is_none() && self.at.is_none() {
            self.at = Some(now + SHORT);
        }
    }

    /// Starts a guard, if there is to be one and there is none. It keeps no copy of `ours`.
    pub(super) fn start<'a>(
        &mut self,
        dir: &RunDir,
        ours: impl Iterator<Item = BorrowedFd<'a>>,
        run: &mut Run<'_>,
        now: Moment,
    ) {
        self.at = None;
        let Some(grace) = self.grace.filter(|_| self.guard.is_none()) else {
            return;
        };
        let estate = estate(dir, run, grace);
        match estate.and_then(|estate| Guard::start(estate, ours, run.witness())) {
            Ok(guard) => {
                let started = Event::GuardStarted { pid: guard.pid() };
                run.tell(now, &started);
                run.search().exclude(guard.pid());
                self.guard = Some(guard);
                self.told = run.workers().iter().last().map(Worker::number);
            }
            Err(error) => {
                run.warn(&format!(
                    "no guard: {}; should this process be killed, stopctl stop has to be used",
                    plain(&error)
                ));
                self.start_later(now);
            }
        }
    }

    /// Hands the guard the flags of `workers` that it does not know: as many as are worth waking it
    /// for, or, once no worker will be started any more, all of them.
    pub(super) fn hand_over(&mut self, workers: &Roster, are_all: bool) {
        let Some(guard) = &self.guard else { return };
        let unknown: Vec<&Worker> = workers.after(self.told).collect();
        let count = count_to_hand_over(unknown.len(), are_all);
        for some in unknown[..count].chunks(guard::TOGETHER) {
            let flags: Vec<_> = some.iter().map(|one| one.flag()).collect();
            guard.hand_over(&flags);
            self.told = some.last().map(|one| one.number());
        }
    }

    /// Ends the guard, if there is one. Answers whether there was.
    pub(super) fn end(&mut self, run: &mut Run<'_>) -> bool {
        let Some(guard) = self.guard.take() else {
            return false;
        };
        let pid = guard.pid();
        guard.end();
        run.search().forget(pid);
        true
    }

    /// The child `pid` was reaped. Answers whether that was the guard: then there will be another.
    pub(super) fn has_ended(&mut self, pid: Pid, run: &mut Run<'_>, now: Moment) -> bool {
        if self.guard.as_ref().is_none_or(|guard| guard.pid() != pid) {
            return false;
        }
        self.guard = None;
        run.tell(now, &Event::GuardEnded { pid });
        self.start_later(now);
        true
    }

    /// Starts no guard any more: the run is another's.
    pub(super) fn give_up(&mut self) {
        self.at = None;
    }

    /// Leaves the workers to the guard when this value ends, which is before this process does.
    /// Answers whether there is a guard.
    pub(super) fn leave_workers_to_it(&mut self) -> bool {
        let guard = self.guard.take();
        // It waits for the end of this process. Dropped, it would take the end of its line for that.
        let is_there = guard.is_some();
        std::mem::forget(guard);
        is_there
    }

    /// The first time at once. What ended this guard may end the next one too: so less and less
    /// often.
    fn start_later(&mut self, now: Moment) {
        self.at = Some(now + self.pause);
        self.pause = (self.pause * 2).max(guard::PAUSE);
    }
}

/// What a guard has to hold open: if the names are gone when we die, nobody else has it.
fn estate(dir: &RunDir, run: &Run<'_>, grace: Limit) -> io::Result<Estate> {
    Ok(Estate {
        dir: dir.twin()?,
        owner: run.files().owner(),
        supervisor: process::own_identity(),
        record: run.files().record(),
        flags: run.flags(),
        grace,
    })
}

/// How many of so many new flags the guard is handed: full parts only, unless these `are_all`.
fn count_to_hand_over(new: usize, are_all: bool) -> usize {
    if are_all {
        new
    } else {
        new - new % guard::TOGETHER
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GuardKeeper, SHORT, count_to_hand_over};
    use crate::enforce::guard::TOGETHER;
    use crate::words::duration::Limit;
    use crate::words::moment::Moment;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);

    fn keeper() -> GuardKeeper {
        GuardKeeper::new(Some(Limit::Never))
    }

    #[test]
    fn a_run_that_ends_at_once_is_spared_a_guard() {
        let mut keeper = keeper();
        assert!(keeper.deadline().is_none());
        keeper.worker_started(NOW);
        assert!(!keeper.is_due(NOW));
        assert!(keeper.is_due(NOW + SHORT));
        // The time counts from the first worker on.
        keeper.worker_started(NOW + SHORT / 2);
        assert_eq!(keeper.deadline(), Some(NOW + SHORT));
    }

    #[test]
    fn guards_that_die_again_and_again_are_replaced_less_and_less_often() {
        let mut keeper = keeper();
        let pauses = [0, 1, 2, 4, 8].map(Duration::from_secs);
        for pause in pauses {
            keeper.start_later(NOW);
            assert_eq!(keeper.deadline(), Some(NOW + pause));
        }
    }

    #[test]
    fn whoever_lost_the_run_starts_no_guard() {
        let mut keeper = keeper();
        keeper.worker_started(NOW);
        keeper.give_up();
        assert!(!keeper.is_due(NOW + SHORT));
    }

    #[test]
    fn without_a_guard_nobody_has_care_of_the_workers() {
        assert!(!keeper().leave_workers_to_it());
    }

    #[test]
    fn a_guard_is_woken_for_full_parts_and_for_the_last_one() {
        for new in [0, 1, TOGETHER - 1] {
            assert_eq!(count_to_hand_over(new, false), 0);
            assert_eq!(count_to_hand_over(new, true), new);
        }
        for new in [TOGETHER, TOGETHER + 1, 2 * TOGETHER - 1] {
            assert_eq!(count_to_hand_over(new, false), TOGETHER);
            assert_eq!(count_to_hand_over(new, true), new);
        }
    }
}
