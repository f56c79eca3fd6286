//! What is said of runs that were looked for: that one is not there, which ones are, and how they
//! are.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use stopctl::outside::find::{Absent, Several};
use stopctl::outside::found::Run;
use stopctl::outside::state::State;
use stopctl::words::duration::in_words;
use stopctl::words::escape::escaped;
use stopctl::words::name::RunName;

use crate::show::excerpt;

/// How many runs an error lists.
const SHOWN: usize = 20;

/// How much of each command it shows.
const COMMAND: usize = 80;

/// How a run is.
pub(crate) fn state(state: State) -> String {
    let words = match state {
        State::Running => "running",
        State::Stopping => "stopping",
        State::Suspended => "suspended (its supervisor is stopped)",
        State::Over => "over",
        State::TakenOver(pid) => {
            return format!("its supervisor died, being stopped by pid {pid}");
        }
        State::OwnerDied => "its supervisor died, not being stopped",
        State::Unverifiable(why) => return format!("cannot be verified from here: {why}"),
        State::Unsigned => "cannot be verified (no readable file 'owner')",
    };
    words.to_owned()
}

/// The command line of a run.
pub(crate) fn command(run: &Run) -> String {
    escaped(run.seen().run.command.join(" "))
}

/// That there is no such run, `then` what that means, and which one was probably meant.
pub(crate) fn absent(absent: &Absent, then: &str) -> String {
    let (what, hint) = match absent {
        Absent::NoName(error) => (error.to_string(), String::new()),
        Absent::Named(name, others) => (
            format!("no run named '{name}'"),
            instead(name, others.as_slice()),
        ),
        Absent::Own(flag) => (own_is_gone(flag), String::new()),
        Absent::Any => ("there is no run".to_owned(), of_another_user()),
    };
    let dot = if hint.is_empty() { "" } else { ". " };
    format!("{what}{then}{dot}{hint}")
}

fn own_is_gone(flag: &OsStr) -> String {
    format!("the run of this worker is gone ({})", escaped(flag))
}

/// What was probably meant; empty if nobody can know.
fn instead(name: &RunName, others: &[Run]) -> String {
    let is_worker = |run: &Run| {
        let number = name.as_str().parse();
        number.is_ok_and(|number: u32| number < run.seen().run.workers)
    };
    match others {
        [] => of_another_user(),
        [only] if is_worker(only) => {
            let run = only.name();
            format!("One worker: stopctl stop {run} --worker {name}")
        }
        [only] => format!("The only run is '{}'", only.name()),
        several => format!("There are:{}", listed(several)),
    }
}

/// That there are several runs, and which.
pub(crate) fn several(several: &Several) -> String {
    match several {
        Several::Managed(runs) => format!(
            "a service manager started each of these; name the one you mean:{}",
            listed(runs)
        ),
        Several::Plain(runs) => {
            format!("there are several runs; name one:{}", listed(runs))
        }
    }
}

/// Under sudo only root's runs are found: perhaps one of the user who typed sudo was meant.
fn of_another_user() -> String {
    let uid = std::env::var("SUDO_UID").ok();
    let theirs = uid.map(|uid| format!("/dev/shm/stopctl-{uid}"));
    theirs
        .filter(|path| Path::new(path).is_dir())
        .map_or_else(String::new, |path| {
            let user = std::env::var("SUDO_USER").unwrap_or_else(|_| "the user".to_owned());
            format!("{user} has runs in {path}: leave sudo out")
        })
}

fn listed(runs: &[Run]) -> String {
    let line = |run: &Run| {
        format!(
            "\n  {}  ({}, for {})",
            run.name(),
            excerpt(command(run), COMMAND),
            in_words(run.age())
        )
    };
    let mut lines: String = runs.iter().take(SHOWN).map(line).collect();
    if runs.len() > SHOWN {
        // UNWRAP: writing to a String cannot fail.
        let _ = write!(lines, "\n  and {} more (stopctl list)", runs.len() - SHOWN);
    }
    lines
}
