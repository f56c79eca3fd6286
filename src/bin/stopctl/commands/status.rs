//! `stopctl status`: each worker of a run.

use stopctl::contract::record::{RunRecord, WorkerRecord};
use stopctl::words::duration::in_words;

use crate::cli::StatusArgs;
use crate::commands::whose;
use crate::exit::Leave;
use crate::say::found::{self, Typed};
use crate::say::lacks;
use crate::say::letters::escaped;
use crate::say::record;
use crate::show;
use crate::show::json;
use stopctl::outside::find::{self, Missing};
use stopctl::outside::found::Run;
use stopctl::outside::state::State;

mod changes;
mod watch;

pub(crate) fn status(args: &StatusArgs) -> Leave {
    let user = args.whose.user.as_deref();
    let typed = Typed {
        command: "status",
        user,
    };
    if let Err(leave) = whose::act_as(user) {
        return leave;
    }
    let own_or_only = || whose::own(user)?.map_or_else(find::only, Ok);
    let name = args.name.as_deref();
    let run = match name.map_or_else(own_or_only, find::named) {
        Ok(run) => run,
        Err(Missing::Absent(absent)) => {
            if args.json {
                let _ = show::out(&json::document(&[]));
            }
            return Leave::NO_RUN.saying(&found::absent(&absent, &typed, ""));
        }
        Err(Missing::Several(several)) => {
            return Leave::USAGE.saying(&found::several(&several, user));
        }
        Err(Missing::Failed(error)) => return Leave::FAILED.saying(&error),
    };
    let leave = if State::of(&run).may_have_an_owner() {
        Leave::OK
    } else {
        Leave::NO_RUN
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
    let (name, pid, state) = (
        run.name(),
        run.seen().run.pid,
        found::course(run, State::of(run)),
    );
    let (age, command) = (
        in_words(run.seen().run.age()),
        found::command(&run.seen().run),
    );
    let mut head = format!("{name} (pid {pid}), started {age} ago, {state}: {command}\n");
    for what in run.lacks() {
        head += &lacks::in_words(&what);
        head.push('\n');
    }
    let (run, workers) = (&run.seen().run, &run.seen().workers);
    // A column that would say nothing of anybody is left out.
    let says = workers.iter().any(|worker| worker.status_text.is_some());
    let is_shown = |head: &str| match head {
        READY => run.hears_workers,
        SAYS => says,
        _ => true,
    };
    let row = |(number, worker): (usize, &WorkerRecord)| {
        let cells = HEADS.into_iter().zip(cells(run, number, worker));
        let shown = cells.filter(|(head, _)| is_shown(head));
        shown.map(|(_, cell)| cell).collect()
    };
    let heads: Vec<&str> = HEADS.into_iter().filter(|head| is_shown(head)).collect();
    let rows: Vec<Vec<String>> = workers.iter().enumerate().map(row).collect();
    head + &show::table(&heads, &rows)
}

const READY: &str = "READY";
const SAYS: &str = "SAYS";
const HEADS: [&str; 8] = [
    "WORKER", "PID", "LOOKED", READY, "STATE", "NEXT", "OUTCOME", SAYS,
];

fn dash() -> String {
    "-".to_owned()
}

fn cells(run: &RunRecord, number: usize, worker: &WorkerRecord) -> [String; 8] {
    let seen = record::acknowledged(worker).map_or_else(String::new, |seen| format!(", {seen}"));
    [
        number.to_string(),
        worker.pid.map_or_else(dash, |pid| pid.to_string()),
        show::answer(worker.looked).to_owned(),
        show::answer(Some(worker.ready)).to_owned(),
        record::state(run, worker) + &seen,
        record::next_of(run, worker, stopctl::now()).unwrap_or_else(dash),
        record::outcome(run, worker).unwrap_or_else(dash),
        worker.status_text.as_ref().map_or_else(dash, escaped),
    ]
}
