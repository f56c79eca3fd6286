//! `stopctl status`: each worker of a run.

use stopctl::contract::record::{RunRecord, WorkerRecord};
use stopctl::words::duration::in_words;
use stopctl::words::escape::escaped;

use crate::cli::StatusArgs;
use crate::exit::Leave;
use crate::runs::{self, Missing, Run, State};
use crate::{json, lacks, show, words};

mod changes;
mod watch;

pub(crate) fn status(args: &StatusArgs) -> Leave {
    let own_or_only = || runs::own().and_then(|own| own.map_or_else(runs::only, Ok));
    let run = match args.name.as_ref().map_or_else(own_or_only, runs::named) {
        Ok(run) => run,
        Err(Missing::None(none)) => {
            if args.json {
                let _ = show::out(&json::document(&[]));
            }
            return Leave::NO_RUN.saying(&none.saying(""));
        }
        Err(Missing::Several(what)) => return Leave::USAGE.saying(&what),
        Err(Missing::Failed(what)) => return Leave::FAILED.saying(&what),
    };
    let leave = match run.state() {
        State::Running
        | State::Stopping
        | State::Suspended
        | State::TakenOver(_)
        | State::Unverifiable(_)
        | State::Unsigned => Leave::OK,
        State::Over | State::OwnerDied => Leave::NO_RUN,
    };
    if args.watch && leave == Leave::OK {
        return watch::watch(run, args);
    }
    let text = if args.json {
        json::document(std::slice::from_ref(&run))
    } else {
        described(&run)
    };
    match show::out(&text) {
        Leave::OK => leave,
        failed @ (Leave::With(_) | Leave::DieOf(_)) => failed,
    }
}

fn described(run: &Run) -> String {
    let (name, pid, state) = (&run.name, run.seen.run.pid, run.state().in_words());
    let (age, command) = (in_words(run.age()), run.command());
    let mut head = format!("{name} (pid {pid}), started {age} ago, {state}: {command}\n");
    for what in lacks::of(run) {
        head += &lacks::in_words(&what);
        head.push('\n');
    }
    let (run, workers) = (&run.seen.run, &run.seen.workers);
    let rows = workers
        .iter()
        .enumerate()
        .map(|(number, worker)| row(run, number, worker));
    let [number, pid, looked, state, next, outcome] = HEADS;
    if workers.iter().all(|worker| worker.status_text.is_none()) {
        return head + &show::table(HEADS, &rows.collect::<Vec<_>>());
    }
    let rows = rows.zip(workers).map(|(row, worker)| {
        let [number, pid, looked, state, next, outcome] = row;
        let says = worker.status_text.as_ref().map_or_else(dash, escaped);
        [number, pid, looked, state, next, outcome, says]
    });
    let heads = [number, pid, looked, state, next, outcome, "SAYS"];
    head + &show::table(heads, &rows.collect::<Vec<_>>())
}

const HEADS: [&str; 6] = ["WORKER", "PID", "LOOKED", "STATE", "NEXT", "OUTCOME"];

fn dash() -> String {
    "-".to_owned()
}

fn row(run: &RunRecord, number: usize, worker: &WorkerRecord) -> [String; 6] {
    let seen = words::acknowledged(worker).map_or_else(String::new, |seen| format!(", {seen}"));
    [
        number.to_string(),
        worker.pid.map_or_else(dash, |pid| pid.to_string()),
        show::answer(worker.looked).to_owned(),
        words::state(run, worker) + &seen,
        words::next(run, worker, stopctl::now()).unwrap_or_else(dash),
        words::outcome(run, worker).unwrap_or_else(dash),
    ]
}
