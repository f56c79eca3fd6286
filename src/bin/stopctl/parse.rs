//! Reads what was typed, with the rules that the declaration of the command line cannot express.

use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::run::{GRACE, KILL_AFTER, RunArgs, RunTimes, STOP_WITHIN, UNAWARE_GRACE};
use crate::cli::{Cli, Command};
use crate::say::usage;
use crate::say::workers::missing;

/// What was typed.
pub(crate) struct Typed {
    pub(crate) command: Command,
    /// The variables that times of the ladder come from, and not the command line.
    pub(crate) variables: Vec<&'static str>,
}

/// Reads what was typed.
pub(crate) fn read(words: &[OsString]) -> Result<Typed, Error> {
    // Never dropped: freeing the declaration takes a thirtieth of a short run.
    let mut declared = ManuallyDrop::new(Cli::command());
    let mut matches = declared
        .try_get_matches_from_mut(words)
        .map_err(|error| explained(error, &declared, words))?;
    let run = matches.subcommand_matches("run");
    let times = run.map(TypedTimes::of);
    let (empty, variables) = run.map(variables).unwrap_or_default();
    let Cli { mut command } = Cli::from_arg_matches_mut(&mut matches)?;
    if let (Command::Run(args), Some(times)) = (&mut command, times) {
        unset(&mut args.0, &empty);
        times.decide(&mut args.0.times)?;
    }
    Ok(Typed { command, variables })
}

/// The variables that times of the ladder come from: those that are empty, and the others.
fn variables(run: &ArgMatches) -> (Vec<&'static str>, Vec<&'static str>) {
    let all = [
        ("grace", GRACE),
        ("kill_after", KILL_AFTER),
        ("stop_within", STOP_WITHIN),
        ("unaware_grace", UNAWARE_GRACE),
    ];
    let is_used = |id| run.value_source(id) == Some(ValueSource::EnvVariable);
    let is_empty = |id| {
        let words = run.get_raw(id);
        words.is_some_and(|mut words| words.all(OsStr::is_empty))
    };
    let used = all.into_iter().filter(|&(id, _)| is_used(id));
    let (empty, others): (Vec<_>, Vec<_>) = used.partition(|&(id, _)| is_empty(id));
    let names = |used: Vec<(_, &'static str)>| used.into_iter().map(|(_, name)| name).collect();
    (names(empty), names(others))
}

/// Takes back what comes from variables that are empty. Files for containers and CI set a variable to
/// nothing where nothing was chosen.
fn unset(args: &mut RunArgs, empty: &[&str]) {
    let times = &mut args.times;
    for (variable, time) in [
        (GRACE, &mut times.grace),
        (KILL_AFTER, &mut times.kill_after),
        (STOP_WITHIN, &mut times.stop_within),
        (UNAWARE_GRACE, &mut args.unaware_grace),
    ] {
        if empty.contains(&variable) {
            *time = None;
        }
    }
}

/// An error with what clap cannot know: which command of ours does what that of another program does, and
/// that a value which nobody typed comes from a variable.
fn explained(mut error: Error, declared: &clap::Command, words: &[OsString]) -> Error {
    let text = |error: &Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(_) | None => None,
    };
    let unknown = text(&error, ContextKind::InvalidSubcommand);
    let instead = unknown.as_deref().and_then(usage::instead);
    if instead.is_some() {
        // What is spelled alike is something else.
        error.remove(ContextKind::SuggestedSubcommand);
    }
    let start = || unknown.as_deref().and_then(usage::start);
    let tip = match (instead, error.get(ContextKind::SuggestedSubcommand)) {
        (Some(instead), _) => Some(instead.to_owned()),
        (None, None) => start(),
        (None, Some(_)) => None,
    };
    if let Some(tip) = tip {
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    let command = words.get(1).and_then(|word| declared.find_subcommand(word));
    if let (Some(blamed), Some(command)) = (text(&error, ContextKind::InvalidArg), command) {
        let is_it = |arg: &&clap::Arg| arg.to_string() == blamed;
        let arg = command.get_arguments().find(is_it);
        let is_typed = |arg: &clap::Arg| {
            let long = format!("--{}", arg.get_long().unwrap_or_default());
            let mut typed = words.iter().map(|word| word.to_string_lossy());
            typed.any(|word| word == long || word.starts_with(&format!("{long}=")))
        };
        let variable = arg
            .filter(|arg| !is_typed(arg))
            .and_then(clap::Arg::get_env);
        if let Some(variable) = variable.filter(|name| std::env::var_os(name).is_some()) {
            let variable = ContextValue::String(variable.to_string_lossy().into_owned());
            error.insert(ContextKind::InvalidArg, variable);
        }
    }
    error
}

/// The workers of a run that were typed by their numbers, in ascending order and each once.
pub(crate) fn workers(
    typed: &[String],
    run: &str,
    count: u32,
) -> anyhow::Result<Vec<WorkerNumber>> {
    let one = |typed: &String| {
        let number = typed.parse().ok();
        let number = number.filter(|number: &WorkerNumber| number.get() < count);
        number.with_context(|| missing(run, typed, count))
    };
    let mut workers: Vec<WorkerNumber> = typed.iter().map(one).collect::<anyhow::Result<_>>()?;
    workers.sort_unstable();
    workers.dedup();
    Ok(workers)
}

/// Which times of the ladder were typed, and do not come from the environment.
struct TypedTimes {
    whole: bool,
    parts: bool,
}

impl TypedTimes {
    fn of(run: &ArgMatches) -> Self {
        let typed = |id| run.value_source(id) == Some(ValueSource::CommandLine);
        Self {
            whole: typed("stop_within"),
            parts: typed("grace") || typed("kill_after"),
        }
    }

    /// A whole ladder and its parts exclude each other. What was typed wins over the environment.
    fn decide(&self, times: &mut RunTimes) -> Result<(), Error> {
        if self.whole && self.parts {
            let text = "--stop-within is the whole ladder: it cannot be used with --grace or \
                        --kill-after";
            return Err(Error::raw(ErrorKind::ArgumentConflict, text));
        }
        if self.parts {
            times.stop_within = None;
        } else if times.stop_within.is_some() {
            (times.grace, times.kill_after) = (None, None);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{WorkerNumber, workers};

    fn read(typed: &[&str]) -> Result<Vec<u32>, String> {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        let read = workers(&typed, "train", 3);
        read.map(|all| all.into_iter().map(WorkerNumber::get).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn workers_are_named_by_numbers_that_the_run_has() {
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(read(&["2", "0", "2"]), Ok(vec![0, 2]));
        for typed in ["3", "x", "-1", ""] {
            let refused = read(&["0", typed]).unwrap_err();
            assert_eq!(
                refused,
                format!("train has no worker {typed}: it has only workers 0-2")
            );
        }
    }
}
