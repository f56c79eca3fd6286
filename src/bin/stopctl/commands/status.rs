//! `stopctl status`: each worker of a run.

use std::time::Duration;

use stopctl::duration::in_words;
use stopctl::escape::escaped;
use stopctl::moment::Moment;
use stopctl::record::{WorkerRecord, WorkerState};
use stopctl::signal_name::signal_name;
use stopctl::standing::{Owned, Standing};

use crate::cli::StatusArgs;
use crate::exit::Leave;
use crate::runs::{self, Missing, Run, State};
use crate::{json, show};

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
        | State::TakenOver(_)
        | State::Unverifiable
        | State::Unsigned => Leave::OK,
        State::Over | State::OwnerDied => Leave::NO_RUN,
    };
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
    if matches!(
        Standing::of(&run.dir),
        Standing::Owned(Owned { watched: false, .. })
    ) {
        head += "the kernel refused to watch over its supervisor (set_robust_list): should that be \
                 killed, the guard stops the workers, and without a guard nobody does by itself\n";
    }
    let workers = &run.seen.workers;
    let rows = workers.iter().enumerate().map(row);
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

fn row((number, worker): (usize, &WorkerRecord)) -> [String; 6] {
    let state = match (worker.state, worker.level) {
        (WorkerState::Starting, _) => "starting",
        (WorkerState::Running, _) => "running",
        (WorkerState::Stopping, 0 | 1) => "asked to stop",
        (WorkerState::Stopping, 2) => "SIGTERM sent",
        (WorkerState::Stopping, _) => "SIGKILL sent",
        (WorkerState::Ended, _) => "ended",
    };
    let seen = worker.acknowledged_ms.map(Duration::from_millis);
    let seen = seen.filter(|_| worker.state == WorkerState::Stopping);
    let seen = seen.map(|after| format!(", seen after {}", in_words(after)));
    let next = worker.deadline_ns.map(|deadline| {
        let left = in_words(Moment::from_nanos(deadline).since(stopctl::now()));
        match worker.level {
            0 | 1 => format!("SIGTERM in {left}"),
            2 => format!("SIGKILL in {left}"),
            _ => format!("given up in {left}"),
        }
    });
    [
        number.to_string(),
        worker.pid.map_or_else(dash, |pid| pid.to_string()),
        if worker.looked { "yes" } else { "no" }.to_owned(),
        state.to_owned() + &seen.unwrap_or_default(),
        next.unwrap_or_else(dash),
        outcome(worker).unwrap_or_else(dash),
    ]
}

fn outcome(worker: &WorkerRecord) -> Option<String> {
    let how = match (worker.exit_code, worker.signal) {
        (Some(code), _) => format!(", exit status {code}"),
        (None, Some(signal)) => format!(", killed by {}", signal_name(signal)),
        (None, None) => String::new(),
    };
    let what = match worker.outcome.as_deref()? {
        "by_itself" => "ended by itself",
        "flag" => "left when asked",
        "term" => "needed SIGTERM",
        "kill" => "needed SIGKILL",
        "by_others" => "killed by somebody else",
        "unobserved" => "not observed",
        "not_ended" => "could not be ended",
        other => other,
    };
    Some(format!("{what}{how}"))
}
