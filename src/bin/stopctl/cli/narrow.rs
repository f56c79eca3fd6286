//! The part of the declaration that a command line needs.
//!
//! Declaring everything that can be typed would take half of the instructions of a short run. So for a
//! line that names a command, only that command is declared, and of the options of `run` only the
//! groups of which the line or the environment names one. A line without a mistake means the same under
//! both declarations. What is wrong with another, and help, come from the whole one.

use std::ffi::OsString;

use clap::Args;

use super::group::{Group, Names};
use super::notify::NotifyArgs;
use super::run::RunArgs;
use super::unit::UnitArgs;
use super::{
    CleanArgs, ClientArgs, CompletionsArgs, KeepGoingArgs, ListArgs, SignalArgs, SleepArgs,
    StatusArgs, StopArgs, WaitArgs,
};

/// The declaration of the command that `words` name, behind the name of the program; `None` if they name
/// none.
pub(crate) fn narrow(words: &[OsString]) -> Option<clap::Command> {
    let (name, typed) = words.get(1..)?.split_first()?;
    let (name, declare): (_, fn(clap::Command, &Named) -> clap::Command) = match name.to_str()? {
        "run" => ("run", RunArgs::augment_named),
        "stop" => ("stop", all::<StopArgs>),
        "signal" => ("signal", all::<SignalArgs>),
        "status" => ("status", all::<StatusArgs>),
        "list" => ("list", all::<ListArgs>),
        "wait" => ("wait", all::<WaitArgs>),
        "keep-going" => ("keep-going", all::<KeepGoingArgs>),
        "sleep" => ("sleep", all::<SleepArgs>),
        "clean" => ("clean", all::<CleanArgs>),
        "notify" => ("notify", all::<NotifyArgs>),
        "unit" => ("unit", all::<UnitArgs>),
        "completions" => ("completions", all::<CompletionsArgs>),
        "client" => ("client", all::<ClientArgs>),
        _ => return None,
    };
    let command = declare(clap::Command::new(name), &Named::by(typed));
    let root = clap::Command::new("stopctl").disable_help_subcommand(true);
    Some(root.subcommand(command))
}

/// Declares everything that can be typed behind a command.
fn all<T: Args>(command: clap::Command, _: &Named) -> clap::Command {
    T::augment_args(command)
}

/// The words of a line that look like options. Some may be values: then a group is declared in vain.
pub(crate) struct Named<'a>(Vec<&'a [u8]>);

impl<'a> Named<'a> {
    fn by(typed: &'a [OsString]) -> Self {
        let words = typed.iter().map(|word| word.as_encoded_bytes());
        let before_the_end = words.take_while(|word| word != b"--");
        Self(
            before_the_end
                .filter(|word| word.starts_with(b"-"))
                .collect(),
        )
    }

    fn is_one_of(&self, names: &Names) -> bool {
        let is_long = |name: &[u8]| names.long.iter().any(|long| long.as_bytes() == name);
        let is_short = |letter: &u8| names.short.as_bytes().contains(letter);
        let is_typed = |word: &&[u8]| match word.strip_prefix(b"--") {
            Some(long) => is_long(long.split(|&letter| letter == b'=').next().unwrap_or(long)),
            None => word.iter().any(is_short),
        };
        let is_set = |name: &&str| std::env::var_os(name).is_some();
        self.0.iter().any(is_typed) || names.variables.iter().any(is_set)
    }

    /// Declares the options of a group if one of them is named.
    pub(crate) fn augment<T: Group>(&self, command: clap::Command) -> clap::Command {
        if self.is_one_of(&T::NAMES) {
            T::augment_args(command)
        } else {
            command
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::narrow;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    /// How many options of `run` are declared for a line, beside `--help`.
    fn declared(line: &str) -> usize {
        let root = narrow(&words(line)).expect("a command is named");
        let mut options = root.get_subcommands().flat_map(clap::Command::get_opts);
        options.by_ref().count()
    }

    #[test]
    fn every_command_is_declared_alone() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let root = narrow(&words(&format!("stopctl {name}"))).expect(name);
            let names: Vec<&str> = root
                .get_subcommands()
                .map(clap::Command::get_name)
                .collect();
            assert_eq!(names, [name]);
        }
        for line in [
            "stopctl",
            "stopctl --help",
            "stopctl help run",
            "stopctl nonsense",
        ] {
            assert!(narrow(&words(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn of_the_options_of_run_the_groups_of_those_that_are_named_are_declared() {
        for (line, count) in [
            ("stopctl run true", 0),
            ("stopctl run -- true --name x", 0),
            ("stopctl run --nam x true", 0),
            ("stopctl run --name x true", 2),
            ("stopctl run --name=x true", 2),
            ("stopctl run -n4 true", 2),
            ("stopctl run -n 4 -g 1s true", 6),
            ("stopctl run -qn4 true", 5),
        ] {
            assert_eq!(declared(line), count, "{line}");
        }
    }
}
