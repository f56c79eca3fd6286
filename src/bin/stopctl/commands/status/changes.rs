//! What has changed in a run from one look to the next, in lines.

use stopctl::contract::record::{Snapshot, WorkerRecord, WorkerState};
use stopctl::outside::fate::Fate;
use stopctl::words::moment::Moment;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::found;
use crate::say::record;
use crate::say::summary;
use crate::say::workers::named;
use stopctl::outside::found::Run;
use stopctl::outside::state::State;

/// What has changed since `before`, with one line for all workers to which the same has happened.
pub(crate) fn since(before: &(State, Snapshot), run: &Run, state: State, now: Moment) -> String {
    lines(before, run, state, now, |_| true)
}

/// The same, but of the workers only those that have ended.
pub(crate) fn ends_since(
    before: &(State, Snapshot),
    run: &Run,
    state: State,
    now: Moment,
) -> String {
    let has_ended = |worker: &WorkerRecord| worker.state == WorkerState::Ended;
    lines(before, run, state, now, has_ended)
}

fn lines(
    before: &(State, Snapshot),
    run: &Run,
    state: State,
    now: Moment,
    is_meant: impl Fn(&WorkerRecord) -> bool,
) -> String {
    let (old_state, old) = before;
    let (seen, name) = (run.seen(), run.name());
    let mut lines = Vec::new();
    let is_new = (*old_state, &old.run.reason) != (state, &seen.run.reason);
    if is_new && state != State::Over {
        lines.push(format!("{name}: {}\n", found::course(run, state)));
    }
    let mut groups: Vec<(String, Vec<WorkerNumber>)> = Vec::new();
    for ((number, worker), old) in seen.numbered().zip(&old.workers) {
        if worker == old || !is_meant(worker) {
            continue;
        }
        let what = told(run, worker, now);
        match groups.iter_mut().find(|(same, _)| *same == what) {
            Some((_, workers)) => workers.push(number),
            None => groups.push((what, vec![number])),
        }
    }
    for (what, workers) in groups {
        lines.push(match workers.as_slice() {
            [one] => {
                let pid = seen[*one].pid;
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                format!("worker {one}{pid}: {what}\n")
            }
            several => format!("{}: {what}\n", named(several)),
        });
    }
    lines.concat()
}

/// How far a worker is.
fn told(run: &Run, worker: &WorkerRecord, now: Moment) -> String {
    if let Some(outcome) = record::outcome(&run.seen().run, worker) {
        return outcome;
    }
    let looked = match (worker.state, worker.looked) {
        (WorkerState::Starting | WorkerState::Ended, _) => None,
        (WorkerState::Running | WorkerState::Stopping, Some(true)) => Some("looked at the flag"),
        (WorkerState::Running | WorkerState::Stopping, None) => {
            Some("nobody can tell whether the flag was looked at")
        }
        (WorkerState::Running | WorkerState::Stopping, Some(false)) => {
            Some("never looked at the flag")
        }
    };
    let parts = [
        Some(record::state(&run.seen().run, worker)),
        record::ready(&run.seen().run, worker).map(str::to_owned),
        record::next_of(&run.seen().run, worker, now),
        looked.map(str::to_owned),
    ];
    parts
        .into_iter()
        .flatten()
        .collect::<Vec<String>>()
        .join("; ")
}

/// What became of all of them.
pub(crate) fn end(run: &Run) -> String {
    let seen = &run.seen();
    let workers = seen.numbered();
    let fates = workers.filter_map(|(number, worker)| Fate::recorded(number, worker));
    let fates: Vec<Fate> = fates.collect();
    if State::of(run) != State::Over {
        return String::new();
    }
    let status = seen.run.status;
    let status = status.map_or_else(String::new, |status| format!(", with status {status}"));
    let what = summary::in_words(&fates, &signal_name(seen.run.stop_signal));
    summary::over(run.name(), &status, &what) + "\n"
}
