//! Reads what was typed, with the rules that the declaration of the command line cannot express.

use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use stopctl::words::worker_number::WorkerNumber;

use crate::cli::narrow::narrow;
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
    if let Some(Ok(typed)) = narrow(words).map(|declared| typed(declared, words)) {
        return Ok(typed);
    }
    // The whole declaration words what is wrong, or the help.
    typed(Cli::command(), words)
}

/// Reads what was typed, as it is declared.
fn typed(declared: clap::Command, words: &[OsString]) -> Result<Typed, Error> {
    // Never dropped: freeing the declaration takes a part of a short run.
    let mut declared = ManuallyDrop::new(declared);
    let mut matches = declared
        .try_get_matches_from_mut(words)
        .map_err(|error| explained(error, &declared, words))?;
    let named = matches.subcommand();
    let run = named.and_then(|(name, typed)| (name == "run").then_some(typed));
    let times = run.map(TypedTimes::of);
    let (empty, variables) = run.map(variables).unwrap_or_default();
    let Cli { mut command } = Cli::from_arg_matches_mut(&mut matches)?;
    if let (Command::Run(args), Some(times)) = (&mut command, times) {
        unset(&mut args.0, &empty);
        times.decide(&mut args.0.times)?;
    }
    Ok(Typed { command, variables })
}

/// Where the value of an option comes from; `None` if it has none, or was not declared.
fn source(run: &ArgMatches, option: &str) -> Option<ValueSource> {
    let is_there = run.ids().any(|id| id == option);
    is_there.then(|| run.value_source(option)).flatten()
}

/// The variables that times of the ladder come from: those that are empty, and the others.
fn variables(run: &ArgMatches) -> (Vec<&'static str>, Vec<&'static str>) {
    let all = [
        ("grace", GRACE),
        ("kill_after", KILL_AFTER),
        ("stop_within", STOP_WITHIN),
        ("unaware_grace", UNAWARE_GRACE),
    ];
    let is_used = |id| source(run, id) == Some(ValueSource::EnvVariable);
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
    let times = &mut *args.times;
    for (variable, time) in [
        (GRACE, &mut times.grace),
        (KILL_AFTER, &mut times.kill_after),
        (STOP_WITHIN, &mut times.stop_within),
        (UNAWARE_GRACE, &mut args.other_times.unaware_grace),
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
        let typed = |id| source(run, id) == Some(ValueSource::CommandLine);
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
    use std::ffi::OsString;

    use clap::CommandFactory as _;
    use proptest::collection::vec;
    use proptest::prelude::proptest;
    use proptest::sample::select;

    use super::{Cli, WorkerNumber, narrow, typed, workers};

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

    /// What is read of a line by the declaration of its command, and by the whole declaration.
    fn both(line: &[&str]) -> (Option<String>, Option<String>) {
        let words: Vec<OsString> = ["stopctl"].iter().chain(line).map(Into::into).collect();
        let read = |declared| {
            let typed = typed(declared, &words).ok()?;
            Some(format!("{:?} {:?}", typed.command, typed.variables))
        };
        (narrow(&words).and_then(read), read(Cli::command()))
    }

    #[test]
    fn the_declaration_of_its_command_is_enough_for_a_line_without_a_mistake() {
        for line in [
            "run true",
            "run -- true -n 3 -- --help",
            "run true --help -x",
            "run -n4 --name=x --grace 3s -- true",
            "run -vvq --color always -k -1s true",
            "run --forward -USR2 --forward HUP --stdin null -- cat",
            "run --stop-on-exit --signal INT --signal-to group -- -x",
            "run --stop-within 9s --timeout 1h --unaware-grace auto true",
            "run --events fd:3 --annotations github --stopped-status -1 true",
            "run --notify --ready notify --shield --no-guard --stragglers leave true",
            "stop -w 1 -w -2 --grace -1 --json train",
            "stop --all --no-wait -q",
            "signal train HUP --user nobody",
            "status --watch train",
            "list --all-users",
            "wait --timeout 1s train",
            "keep-going",
            "sleep -5",
            "clean -nv",
            "notify --ready --status x",
            "notify --run train --extend 5s -w 1",
            "unit demo -n 4 --name --help -- true",
            "completions bash",
            "client python",
        ] {
            let line: Vec<&str> = line.split(' ').collect();
            let (by_its_own, by_all) = both(&line);
            assert!(by_its_own.is_some(), "{line:?}");
            assert_eq!(by_its_own, by_all, "{line:?}");
        }
    }

    /// `sleep` takes a word that begins with a hyphen for a time.
    #[test]
    fn help_is_asked_for_behind_every_command() {
        for command in Cli::command().get_subcommands() {
            for help in ["-h", "--help"] {
                assert_eq!(both(&[command.get_name(), help]), (None, None));
            }
        }
    }

    proptest! {
        /// Words that are options to some and values to others, in any order.
        #[test]
        fn a_line_is_read_as_by_the_whole_declaration_or_not_at_all(
            command in select(&["run", "stop", "notify", "unit", "sleep", "help"][..]),
            words in vec(select(&[
                "--", "-", "", "-n", "-n4", "-vn", "-q", "-qg", "--name", "--name=", "--nam", "--grace",
                "--grace=1s", "--no-guard", "--no-guard=x", "--signal", "--forward", "--ready", "notify",
                "--stop-on-exit", "--stop-on-failure", "--help", "-h", "--status", "--extend", "-w",
                "-1", "true", "run",
            ][..]), 0..6),
        ) {
            let line: Vec<&str> = [command].into_iter().chain(words).collect();
            let (by_its_own, by_all) = both(&line);
            proptest::prop_assert!(by_its_own.is_none() || by_its_own == by_all, "{line:?}");
        }
    }
}
