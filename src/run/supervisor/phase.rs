//! How far the run is, in the words that its service manager shows.

use std::fmt;

use super::manager::{Time, Told};
use crate::decide::ladder::Rung;
use crate::enforce::run::Run;
use crate::enforce::worker::Worker;
use crate::run::plan::{Notify, Plan};
use crate::words::escape::escaped;
use crate::words::moment::Moment;
use crate::words::reason::{self, Reason};
use crate::words::signal_name::signal_name;

/// How far the run is.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    /// How many workers the run has.
    all: u32,
    /// How many of them were started, are ready, and are not over.
    started: usize,
    ready: usize,
    there: usize,
    /// Whether there are workers whose programs do not run yet.
    is_starting: bool,
    /// Whether the run is ready only when each worker has said so.
    needs_word: bool,
    stopping: Option<Stopping>,
    /// What the only worker says of itself.
    says: Option<String>,
}

/// How far a stop is.
#[derive(Clone, Debug)]
struct Stopping {
    reason: Reason,
    /// The signal to us that asked for it, if one did.
    asked_by: Option<i32>,
    /// The highest rung that was used on a worker which is not over.
    rung: Option<Rung>,
    signal: i32,
}

impl Phase {
    /// The phase of `run`, some of whose workers `is_starting` says are on the way to their programs, and
    /// which the signal `asked_by` has stopped, if one has.
    pub(super) fn of(plan: &Plan, run: &Run<'_>, is_starting: bool, asked_by: Option<i32>) -> Self {
        let workers = || run.workers().iter();
        let there = || run.workers().there();
        let started = run.workers().count();
        let only = workers().next().filter(|_| started == 1);
        let stopping = run.stopping().map(|reason| Stopping {
            reason: reason.clone(),
            asked_by,
            rung: there().filter_map(Worker::rung).max(),
            signal: plan.stop_signal,
        });
        Self {
            all: plan.workers,
            started,
            ready: workers().filter(|worker| worker.is_ready()).count(),
            there: there().count(),
            is_starting,
            needs_word: plan.notify == Notify::Ready,
            stopping,
            says: only.and_then(Worker::status_text).map(str::to_owned),
        }
    }

    /// What the service manager should know; the stop, if there is one, takes `time`.
    pub(super) fn told(&self, time: Time) -> Told {
        let stopping = self.stopping.is_some();
        Told {
            ready: !stopping && self.is_ready(),
            stopping,
            status: self.to_string(),
            time: if stopping { time } else { Time::None },
        }
    }

    fn is_ready(&self) -> bool {
        !self.is_starting && (!self.needs_word || self.ready == self.started)
    }

    /// So many workers, of all that the run has.
    fn workers(&self, number: usize) -> String {
        match self.all {
            1 => "1 worker".to_owned(),
            all if u32::try_from(number) == Ok(all) => format!("{all} workers"),
            all => format!("{number} of {all} workers"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.workers(self.there);
        if let Some(Stopping {
            reason,
            asked_by,
            rung,
            signal,
        }) = &self.stopping
        {
            let asked_by = asked_by.map(signal_name);
            let why = reason::in_words(reason.as_str(), asked_by.as_deref());
            write!(f, "stopping ({why}): ")?;
            match rung {
                None | Some(Rung::Flag) => write!(f, "asked")?,
                Some(Rung::Term) => write!(f, "{} sent", signal_name(*signal))?,
                Some(Rung::Kill) => write!(f, "SIGKILL sent")?,
            }
            return write!(f, "; {there} still there");
        }
        if self.is_starting {
            return write!(f, "starting {}", self.workers(self.all as usize));
        }
        if self.is_ready() {
            write!(f, "{there} running")?;
        } else {
            let (ready, all) = (self.ready, self.all);
            write!(f, "waiting until all are ready: {ready} of {all}")?;
        }
        match &self.says {
            Some(says) => write!(f, ": {}", escaped(says)),
            None => Ok(()),
        }
    }
}

/// The time that the longest ladder of a run still needs, if `told` was said of it before. A ladder
/// that was fitted into the time of an outer run needs no more than that, until a worker asks for
/// it.
pub(super) fn time_needed(run: &Run<'_>, told: Time, now: Moment) -> Time {
    let mut workers = run.workers().iter();
    let is_fitted = run.stopping() == Some(&Reason::PARENT);
    if is_fitted && !workers.any(Worker::is_extended) {
        return Time::None;
    }
    let rests = run.workers().iter().filter_map(|one| one.time_left(now));
    Time::needed(rests.max(), told, now)
}

#[cfg(test)]
mod tests {
    use super::{Phase, Reason, Rung, Stopping, Time};
    use crate::words::moment::Moment;

    /// A run of so many workers, all of which run.
    fn running(all: u32) -> Phase {
        Phase {
            all,
            started: all as usize,
            ready: 0,
            there: all as usize,
            is_starting: false,
            needs_word: false,
            stopping: None,
            says: None,
        }
    }

    fn stopping(rung: Option<Rung>) -> Stopping {
        Stopping {
            reason: Reason::TERM,
            asked_by: Some(libc::SIGQUIT),
            rung,
            signal: libc::SIGINT,
        }
    }

    #[test]
    fn a_run_is_ready_when_all_run_or_when_all_have_said_so() {
        let is_ready = |phase: &Phase| phase.told(Time::None).ready;
        let mut phase = running(2);
        assert!(is_ready(&phase));
        phase.needs_word = true;
        for ready in [0, 1, 2] {
            phase.ready = ready;
            assert_eq!(is_ready(&phase), ready == 2);
        }
        phase.is_starting = true;
        assert!(!is_ready(&phase));
    }

    #[test]
    fn a_run_that_stops_is_not_ready_and_needs_time() {
        let time = Time::Until(Moment::from_nanos(7));
        let mut phase = running(1);
        assert_eq!(phase.told(time).time, Time::None);
        phase.stopping = Some(stopping(None));
        let told = phase.told(time);
        assert!(told.stopping && !told.ready);
        assert_eq!(told.time, time);
    }

    #[test]
    fn workers_are_counted_where_there_are_several() {
        assert_eq!(running(1).to_string(), "1 worker running");
        assert_eq!(running(3).to_string(), "3 workers running");
        let mut one_over = running(3);
        one_over.there = 2;
        assert_eq!(one_over.to_string(), "2 of 3 workers running");
        one_over.is_starting = true;
        assert_eq!(one_over.to_string(), "starting 3 workers");
    }

    #[test]
    fn a_stop_names_the_highest_rung() {
        for (rung, step) in [
            (None, "asked"),
            (Some(Rung::Flag), "asked"),
            (Some(Rung::Term), "SIGINT sent"),
            (Some(Rung::Kill), "SIGKILL sent"),
        ] {
            let mut phase = running(2);
            phase.there = 1;
            phase.stopping = Some(stopping(rung));
            let text = format!("stopping (SIGQUIT): {step}; 1 of 2 workers still there");
            assert_eq!(phase.to_string(), text);
        }
    }

    #[test]
    fn what_the_only_worker_says_is_shown_as_it_may_be() {
        let mut phase = running(1);
        phase.says = Some("half\u{1b}way".to_owned());
        assert!(phase.to_string().starts_with("1 worker running: half"));
        assert!(!phase.to_string().contains('\u{1b}'));
        phase.needs_word = true;
        let text = phase.to_string();
        assert!(text.starts_with("waiting until all are ready: 0 of 1: half"));
    }
}
