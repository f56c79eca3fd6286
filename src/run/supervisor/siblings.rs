//! What the end of one worker means for the others.

use crate::run::plan::WhenOneEnds;
use crate::words::worker_number::WorkerNumber;

/// A worker whose main process has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct MainEnded {
    pub(super) number: WorkerNumber,
    /// Whether it had been asked to.
    pub(super) was_asked: bool,
    pub(super) is_success: bool,
}

/// What is known by now of a worker whose main process has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    /// Whether it has its final record.
    pub(super) is_over: bool,
    /// Whether it was asked to stop, before its main process ended or after.
    pub(super) is_asked: bool,
}

/// Decides whether the end of a worker stops the others.
#[derive(Debug)]
pub(super) struct Siblings {
    when_one_ends: WhenOneEnds,
    /// Whether a worker ends only when all that it has started has ended.
    with_stragglers: bool,
    /// Those about whom nothing is decided yet.
    ended: Vec<MainEnded>,
    culprit: Option<WorkerNumber>,
}

impl Siblings {
    pub(super) fn new(when_one_ends: WhenOneEnds, with_stragglers: bool) -> Self {
        Self {
            when_one_ends,
            with_stragglers,
            ended: Vec::new(),
            culprit: None,
        }
    }

    /// The main process of a worker has ended.
    pub(super) fn add(&mut self, ended: MainEnded) {
        self.ended.push(ended);
    }

    /// Decides about those who have ended, of whom `since` tells the rest. Answers whether the
    /// others are to be stopped now. They are not if the run `is_stopping` already.
    pub(super) fn stop_others(
        &mut self,
        is_stopping: bool,
        since: impl Fn(WorkerNumber) -> Since,
    ) -> bool {
        let mut stops = false;
        for worker in std::mem::take(&mut self.ended) {
            let Since { is_over, is_asked } = since(worker.number);
            if self.with_stragglers && !is_over {
                self.ended.push(worker);
                continue;
            }
            let was_asked = worker.was_asked || (self.with_stragglers && is_asked);
            let is_news = !was_asked && !is_stopping && !stops;
            if is_news && self.when_one_ends.stops(worker.is_success) {
                self.culprit = Some(worker.number);
                stops = true;
            }
        }
        stops
    }

    /// The worker whose end has stopped the others.
    pub(super) fn culprit(&self) -> Option<WorkerNumber> {
        self.culprit
    }
}

#[cfg(test)]
mod tests {
    use super::{MainEnded, Siblings, Since, WhenOneEnds, WorkerNumber};

    fn worker(number: u32) -> MainEnded {
        MainEnded {
            number: WorkerNumber::new(number),
            was_asked: false,
            is_success: false,
        }
    }

    /// Whether the others are stopped when these end, and whose doing that is.
    fn stops(when: WhenOneEnds, is_stopping: bool, all: &[MainEnded]) -> Option<u32> {
        let mut siblings = Siblings::new(when, false);
        for worker in all {
            siblings.add(*worker);
        }
        let since = |_| Since {
            is_over: false,
            is_asked: true,
        };
        let stops = siblings.stop_others(is_stopping, since);
        let culprit = siblings.culprit().map(WorkerNumber::get);
        assert_eq!(stops, culprit.is_some());
        culprit
    }

    #[test]
    fn the_first_that_ends_by_itself_stops_the_others_if_that_is_wished() {
        let success = MainEnded {
            is_success: true,
            ..worker(1)
        };
        let both = [success, worker(2), worker(3)];
        assert_eq!(stops(WhenOneEnds::GoOn, false, &both), None);
        assert_eq!(stops(WhenOneEnds::Stop, false, &both), Some(1));
        assert_eq!(stops(WhenOneEnds::StopIfFailed, false, &both), Some(2));
    }

    #[test]
    fn who_was_asked_and_who_ends_in_a_stop_stops_nobody() {
        let asked = MainEnded {
            was_asked: true,
            ..worker(0)
        };
        assert_eq!(stops(WhenOneEnds::Stop, false, &[asked]), None);
        assert_eq!(stops(WhenOneEnds::Stop, true, &[worker(0)]), None);
    }

    #[test]
    fn with_its_stragglers_a_worker_ends_when_they_have() {
        for asked_meanwhile in [false, true] {
            let mut siblings = Siblings::new(WhenOneEnds::Stop, true);
            siblings.add(worker(0));
            for is_over in [false, false, true] {
                let since = |_| Since {
                    is_over,
                    is_asked: asked_meanwhile,
                };
                let stops = siblings.stop_others(false, since);
                assert_eq!(stops, is_over && !asked_meanwhile);
            }
            // It is decided once.
            let since = |_| Since {
                is_over: true,
                is_asked: false,
            };
            assert!(!siblings.stop_others(false, since));
        }
    }
}
