//! What is said of runs that were looked for: that one is not there, which ones are, and how they
//! are.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use nix::unistd::Uid;
use stopctl::contract::record::RunRecord;
use stopctl::contract::standing::{Owned, Standing, Unverifiable};
use stopctl::outside::find::{Absent, Several};
use stopctl::outside::found::Run;
use stopctl::outside::holder::Holder;
use stopctl::outside::state::State;
use stopctl::words::duration;
use stopctl::words::name::RunName;
use stopctl::words::reason;

use crate::say::letters::escaped;
use crate::say::users::again;
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

/// How a run is, and why it is being stopped.
pub(crate) fn course(run: &Run, state: State) -> String {
    let reason = run.seen().run.reason.as_ref();
    let why = reason.map_or_else(String::new, |reason| {
        format!(" ({})", escaped(reason::in_words(reason, None)))
    });
    format!("{}{why}", self::state(state))
}

/// The command line of a run.
pub(crate) fn command(run: &RunRecord) -> String {
    escaped(run.command.join(" "))
}

/// What was typed: a hint is a command that has the same effect on the run that was meant.
pub(crate) struct Typed<'a> {
    pub(crate) command: &'a str,
    pub(crate) user: Option<&'a OsStr>,
}

/// That there is no such run, `then` what that means, and which one was probably meant.
pub(crate) fn absent(absent: &Absent, typed: &Typed<'_>, then: &str) -> String {
    let (what, hint) = match absent {
        Absent::NoName(error) => (error.to_string(), String::new()),
        Absent::Named(name, others) => (
            format!("no run named '{name}'"),
            instead(name, others, typed),
        ),
        Absent::Own(flag) => (own_is_gone(flag), String::new()),
        Absent::Any => ("there is no run".to_owned(), of_another_user(typed)),
    };
    let dot = if hint.is_empty() { "" } else { ". " };
    format!("{what}{then}{dot}{hint}")
}

fn own_is_gone(flag: &OsStr) -> String {
    format!("the run of this worker is gone ({})", escaped(flag))
}

/// What was probably meant; empty if nobody can know.
fn instead(name: &RunName, others: &[Run], typed: &Typed<'_>) -> String {
    let number = name.as_str().parse().ok();
    let has_it = |run: &&Run| number.is_some_and(|number: u32| number < run.seen().run.workers);
    let meant = match others.iter().filter(has_it).collect::<Vec<_>>()[..] {
        [] => None,
        [run] => Some(run.name()),
        _ => Some("NAME"),
    };
    let names = others.iter().map(Run::name);
    match (others, meant, closest(name.as_str(), names)) {
        ([], _, _) => of_another_user(typed),
        (_, Some(run), _) => one_worker(run, name, typed),
        ([only], None, None) => format!("The only run is '{}'", only.name()),
        (_, None, Some(close)) => format!("Did you mean '{close}'?"),
        (several, None, None) => format!("There are:{}", listed(several, typed.user)),
    }
}

/// How a worker is named where a run is expected.
fn one_worker(run: &str, number: &RunName, typed: &Typed<'_>) -> String {
    let (command, user) = (typed.command, again(typed.user));
    let (whom, rest) = match command {
        "stop" => ("one worker", format!("{run} -w {number}")),
        "signal" => ("one worker", format!("{run} SIGNAL -w {number}")),
        "notify" => (
            "one worker",
            format!("--run {run} -w {number} --extend TIME"),
        ),
        _ => ("all workers of a run", run.to_owned()),
    };
    format!("For {whom}: stopctl {command} {rest}{user}")
}

/// The name that is most like `typed`, or begins with it, if one is.
fn closest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        if name.starts_with(&typed) {
            0
        } else {
            strsim::damerau_levenshtein(&typed, &name)
        }
    };
    let most = (typed.chars().count() / 3).max(1);
    let rated = names.map(|name| (distance(name), name));
    let near = rated.filter(|&(distance, _)| distance <= most);
    near.min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// That there are several runs, and which; `user` was typed.
pub(crate) fn several(several: &Several, user: Option<&OsStr>) -> String {
    match several {
        Several::Managed(runs) => format!(
            "a service manager started each of these; name the one you mean:{}",
            listed(runs, user)
        ),
        Several::Plain(runs) => {
            format!("there are several runs; name one:{}", listed(runs, user))
        }
    }
}

/// Under sudo only root's runs are found: perhaps one of the user who typed sudo was meant.
fn of_another_user(typed: &Typed<'_>) -> String {
    let uid = std::env::var("SUDO_UID").ok();
    let uid = uid.filter(|_| typed.user.is_none() && Uid::effective().is_root());
    let hint = |uid: String| {
        let path = format!("/dev/shm/stopctl-{uid}");
        let user = std::env::var("SUDO_USER").unwrap_or_else(|_| "the user".to_owned());
        let hint = format!("{user} has runs in {path}: leave sudo out, or add --user {uid}");
        Path::new(&path).is_dir().then_some(hint)
    };
    uid.and_then(hint).unwrap_or_default()
}

/// That a run has a name which a new one wants, and what to do about that.
pub(crate) fn taken(name: &RunName, holder: Option<&Holder>) -> String {
    let who = holder.map_or_else(
        || "it has just ended; try again".to_owned(),
        |holder| held(name, holder),
    );
    format!("there is a run named '{name}' already: {who}, or use another --name")
}

fn held(name: &RunName, holder: &Holder) -> String {
    let what = match &holder.record {
        Ok(seen) => {
            let command = command(&seen.run);
            format!(
                "started {} ago: {command}",
                duration::in_words(seen.run.age())
            )
        }
        Err(error) => error.to_string(),
    };
    match &holder.standing {
        Standing::Owned(Owned { owner, .. }) => {
            format!("pid {}, {what}; stop it (stopctl stop {name})", owner.pid)
        }
        Standing::Changing => {
            format!("{what}; its supervisor died, and what is left of it is being stopped")
        }
        Standing::Orphaned(_) => format!(
            "{what}; its supervisor died, and what it left could not be ended (stopctl stop {name})"
        ),
        Standing::Unverifiable(Unverifiable { owner, why }) => format!(
            "pid {}, {what}; it cannot be verified from here ({why}): stop it there",
            owner.pid
        ),
        Standing::Unreadable => format!("{what}; end what is left of it"),
    }
}

fn listed(runs: &[Run], user: Option<&OsStr>) -> String {
    let line = |run: &Run| {
        format!(
            "\n  {}  ({}, for {})",
            run.name(),
            excerpt(command(&run.seen().run), COMMAND),
            duration::in_words(run.seen().run.age())
        )
    };
    let mut lines: String = runs.iter().take(SHOWN).map(line).collect();
    if runs.len() > SHOWN {
        let (more, user) = (runs.len() - SHOWN, again(user));
        // UNWRAP: writing to a String cannot fail.
        let _ = write!(lines, "\n  and {more} more (stopctl list{user})");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_name_is_suggested_only_if_it_is_like_what_was_typed() {
        let names = ["train", "evaluate", "python3-4711"];
        for (typed, meant) in [
            ("trian", Some("train")),
            ("Train", Some("train")),
            ("tran", Some("train")),
            ("eval", Some("evaluate")),
            ("python3", Some("python3-4711")),
            ("evalaute", Some("evaluate")),
            ("serve", None),
            ("x", None),
        ] {
            assert_eq!(closest(typed, names.into_iter()), meant, "{typed}");
        }
        assert_eq!(closest("a", std::iter::empty()), None);
    }
}
