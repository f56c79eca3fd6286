//! What a stop demands of a run, and whether the record shows that its owner has taken that.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::contract::control::StopRequest;
use crate::contract::record::{Phase, WorkerRecord, WorkerState};
use crate::decide::ladder::Rung;
use crate::decide::times::Wanted;
use crate::words::duration::Limit;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// How much later than it was asked for a rung may come.
const SLACK: Duration = Duration::from_millis(500);

/// What is asked, of each run alike.
#[derive(Clone, Debug)]
pub struct Demand {
    /// At least this rung.
    pub rung: Rung,
    /// With these times.
    pub times: Wanted,
    /// For this reason.
    pub reason: Reason,
    /// Of these workers; empty is all of them.
    pub workers: BTreeSet<WorkerNumber>,
}

impl Demand {
    /// The requests that say so: one for each of these workers, or one for the whole run if there
    /// are none.
    pub(in crate::outside) fn requests<'w>(
        &self,
        workers: impl IntoIterator<Item = &'w WorkerNumber>,
    ) -> Vec<StopRequest> {
        let mut whom: Vec<Option<WorkerNumber>> = workers.into_iter().copied().map(Some).collect();
        if whom.is_empty() {
            whom.push(None);
        }
        let request = |worker| StopRequest {
            worker,
            rung: self.rung,
            times: self.times,
            reason: self.reason.clone(),
        };
        whom.into_iter().map(request).collect()
    }

    /// Whether the record shows that a worker has it. It was asked last at `asked_at`; `before` is
    /// how often its grace had been made longer then.
    pub(super) fn is_taken_by(
        &self,
        seen: &WorkerRecord,
        phase: Phase,
        asked_at: Option<Moment>,
        before: Option<u32>,
    ) -> bool {
        match seen.state {
            WorkerState::Ended => true,
            // Once all of the run is stopped it is not started any more.
            WorkerState::Starting => phase == Phase::Stopping,
            WorkerState::Running | WorkerState::Stopping if seen.level == self.rung.level() => {
                self.rung != Rung::Flag || self.comes_in_time(seen, asked_at, before)
            }
            WorkerState::Running | WorkerState::Stopping => seen.level > self.rung.level(),
        }
    }

    /// Whether SIGTERM comes as soon as it was asked for, or the worker has got more time since.
    fn comes_in_time(
        &self,
        seen: &WorkerRecord,
        asked_at: Option<Moment>,
        before: Option<u32>,
    ) -> bool {
        let (Some(Limit::After(grace)), Some(at)) = (self.times.grace, asked_at) else {
            return true;
        };
        let deadline = seen.deadline_ns.map(Moment::from_nanos);
        deadline.is_some_and(|deadline| deadline <= at + grace + SLACK)
            || before.is_some_and(|before| before != seen.extensions)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BTreeSet, Demand, Duration, Limit, Moment, Phase, Reason, Rung, Wanted, WorkerNumber,
    };
    use crate::contract::record::{WorkerRecord, WorkerState};

    fn demand(rung: Rung, grace: Option<Limit>) -> Demand {
        Demand {
            rung,
            times: Wanted {
                grace,
                ..Wanted::NOTHING
            },
            reason: Reason::USER,
            workers: BTreeSet::new(),
        }
    }

    fn worker(state: WorkerState, level: u8) -> WorkerRecord {
        WorkerRecord {
            state,
            level,
            ..WorkerRecord::default()
        }
    }

    #[test]
    fn a_worker_has_taken_it_when_it_stands_on_the_rung_or_above() {
        for rung in [Rung::Flag, Rung::Term, Rung::Kill] {
            for level in 0..=3 {
                for state in [WorkerState::Running, WorkerState::Stopping] {
                    let taken = demand(rung, None).is_taken_by(
                        &worker(state, level),
                        Phase::Stopping,
                        None,
                        None,
                    );
                    assert_eq!(taken, level >= rung.level(), "{rung:?} {level}");
                }
            }
        }
    }

    #[test]
    fn who_has_ended_needs_nothing_and_who_is_not_started_needs_the_latch() {
        let flag = demand(Rung::Kill, None);
        for (state, phase, expected) in [
            (WorkerState::Ended, Phase::Running, true),
            (WorkerState::Ended, Phase::Stopping, true),
            (WorkerState::Starting, Phase::Running, false),
            (WorkerState::Starting, Phase::Stopping, true),
        ] {
            let taken = flag.is_taken_by(&worker(state, 0), phase, None, None);
            assert_eq!(taken, expected, "{state:?} {phase:?}");
        }
    }

    #[test]
    fn a_shorter_grace_is_taken_when_the_deadline_is_as_near_or_was_moved_since() {
        let second = |seconds: u64| Moment::from_nanos(seconds * 1_000_000_000);
        let grace = Limit::After(Duration::from_secs(10));
        let asked = Some(second(100));
        for (grace, deadline, before, expected) in [
            (None, None, None, true),
            (Some(Limit::Never), None, None, true),
            (Some(grace), None, None, false),
            (Some(grace), Some(110), None, true),
            (Some(grace), Some(111), None, false),
            (Some(grace), Some(111), Some(2), false),
            (Some(grace), Some(111), Some(1), true),
        ] {
            let seen = WorkerRecord {
                deadline_ns: deadline.map(|at| at * 1_000_000_000),
                extensions: 2,
                ..worker(WorkerState::Stopping, 1)
            };
            let demand = demand(Rung::Flag, grace);
            let taken = demand.is_taken_by(&seen, Phase::Stopping, asked, before);
            assert_eq!(taken, expected, "{grace:?} {deadline:?} {before:?}");
        }
    }

    #[test]
    fn a_whole_run_is_asked_once_and_some_workers_each() {
        let demand = demand(Rung::Term, None);
        let all = demand.requests(&[]);
        assert_eq!(all.iter().map(|one| one.worker).collect::<Vec<_>>(), [None]);
        let (zero, two) = (WorkerNumber::new(0), WorkerNumber::new(2));
        let some = demand.requests(&[zero, two]);
        let whom: Vec<_> = some.iter().map(|one| one.worker).collect();
        assert_eq!(whom, [Some(zero), Some(two)]);
        assert!(some.iter().all(|one| one.rung == Rung::Term));
    }
}
