//! What a record says of one worker, in the same words in every command.

use std::time::Duration;

use stopctl::contract::record::{RunRecord, WorkerRecord, WorkerState};
use stopctl::outside::fate::Fate;
use stopctl::words::duration::in_words;
use stopctl::words::moment::Moment;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::fate;
use crate::say::rung::{Climber, countdown, soonest};

/// How far a worker is.
pub(crate) fn state(run: &RunRecord, worker: &WorkerRecord) -> String {
    match (worker.state, worker.level) {
        (WorkerState::Starting, _) => "starting".to_owned(),
        (WorkerState::Running, _) if worker.stragglers > 0 => "in the background".to_owned(),
        (WorkerState::Running, _) => "running".to_owned(),
        (WorkerState::Stopping, 0 | 1) => "asked to stop".to_owned(),
        (WorkerState::Stopping, 2) => format!("{} sent", signal_name(run.stop_signal)),
        (WorkerState::Stopping, _) => "SIGKILL sent".to_owned(),
        (WorkerState::Ended, _) if worker.was_not_started() => "not started".to_owned(),
        (WorkerState::Ended, _) => "ended".to_owned(),
    }
}

/// Whether a worker that runs has said that it is ready; `None` where nobody hears it.
pub(crate) fn ready(run: &RunRecord, worker: &WorkerRecord) -> Option<&'static str> {
    let runs = run.hears_workers && worker.state == WorkerState::Running;
    runs.then_some(if worker.ready { "ready" } else { "not ready" })
}

/// That a worker which is being stopped has said that it saw its flag.
pub(crate) fn acknowledged(worker: &WorkerRecord) -> Option<String> {
    let after = worker.acknowledged_ms.map(Duration::from_millis)?;
    let is_stopping = worker.state == WorkerState::Stopping;
    is_stopping.then(|| format!("seen after {}", in_words(after)))
}

/// The next rung that one of these workers climbs, how long until it comes, and whom it reaches; `None` if
/// none of them is being stopped.
pub(crate) fn next<'a>(
    run: &RunRecord,
    workers: impl IntoIterator<Item = (WorkerNumber, &'a WorkerRecord)>,
    now: Moment,
) -> Option<String> {
    let climber = |(worker, record): (WorkerNumber, &WorkerRecord)| Climber {
        worker,
        level: record.level,
        deadline: record.deadline_ns.map(Moment::from_nanos),
    };
    let is_stopping = |(_, record): &(_, &WorkerRecord)| record.state == WorkerState::Stopping;
    let stopping = workers.into_iter().filter(is_stopping).map(climber);
    let climbers: Vec<Climber> = stopping
        .filter(|one| one.level <= 2 || one.deadline.is_some())
        .collect();
    let left = |deadline: Moment| countdown(deadline.since(now));
    soonest(&climbers, &signal_name(run.stop_signal), left)
}

/// The same of one worker.
pub(crate) fn next_of(run: &RunRecord, worker: &WorkerRecord, now: Moment) -> Option<String> {
    // One alone is not named.
    next(run, [(WorkerNumber::FIRST, worker)], now)
}

/// When the countdown of the first of these workers changes.
pub(crate) fn next_second<'a>(
    workers: impl Iterator<Item = &'a WorkerRecord>,
    now: Moment,
) -> Option<Moment> {
    let stopping = workers.filter(|worker| worker.state == WorkerState::Stopping);
    let deadlines = stopping.filter_map(|worker| worker.deadline_ns.map(Moment::from_nanos));
    let left = deadlines.filter(|&at| at > now).min()?.since(now);
    let rest = Duration::from_nanos(left.subsec_nanos().into());
    Some(
        now + if rest.is_zero() {
            Duration::from_secs(1)
        } else {
            rest
        },
    )
}

/// What became of a worker.
pub(crate) fn outcome(run: &RunRecord, worker: &WorkerRecord) -> Option<String> {
    let fate = Fate::recorded(WorkerNumber::FIRST, worker)?;
    let what = fate::outcome(fate.outcome, false, &signal_name(run.stop_signal));
    let how = fate.ended.map(|ended| format!(", {ended}"));
    Some(format!("{what}{}", how.unwrap_or_default()))
}
