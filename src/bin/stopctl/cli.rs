//! What can be typed: the declaration of the command line, and nothing else.
//!
//! Every value stays the text that was typed, and the file of each command turns it into what the program
//! works with. Nothing of the house is imported here, so that the man pages and the completions can be
//! generated from this declaration.

use std::ffi::OsString;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

// By path, so that the tests that include this file find them, too.
#[path = "cli/deferred.rs"]
mod deferred;
#[path = "cli/group.rs"]
mod group;
#[path = "cli/narrow.rs"]
pub(crate) mod narrow;
#[path = "cli/notify.rs"]
pub(crate) mod notify;
#[path = "cli/run.rs"]
pub(crate) mod run;
#[path = "cli/unit.rs"]
pub(crate) mod unit;

use deferred::Deferred;
use group::{Group, Names};

/// What is said after the list of commands.
const EXAMPLES: &str = "\
Examples:
  stopctl run -n 4 --name train -- python3 train.py   four workers; Ctrl-C asks them to stop
  stopctl status train                                each worker, and whether it looked at its flag
  stopctl stop train                                  the flag, then SIGTERM, then SIGKILL
  stopctl list                                        what runs

A worker finds its flag through STOPCTL_FLAG: run while the first byte of that file is 0.
See stopctl(1) and stopctl-flag(7).";

/// Supervise workers: ask them to stop through a flag in shared memory, and use SIGTERM and
/// SIGKILL only when asking did not help.
#[derive(Debug, Parser)]
#[command(
    name = "stopctl",
    version,
    max_term_width = 100,
    after_help = EXAMPLES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start workers and supervise them until they have ended
    Run(Deferred<run::RunArgs>),

    /// Ask runs, or some of their workers, to stop, and wait until they have
    Stop(Deferred<StopArgs>),

    /// Have a signal sent to the workers of a run
    Signal(Deferred<SignalArgs>),

    /// Show each worker of a run
    Status(Deferred<StatusArgs>),

    /// List the runs of this user
    #[command(visible_aliases = ["ls", "ps"])]
    List(Deferred<ListArgs>),

    /// Wait until a run is over, and exit with its status
    Wait(Deferred<WaitArgs>),

    /// For scripts: exit with 0 to go on, 1 when a stop was asked for
    KeepGoing(Deferred<KeepGoingArgs>),

    /// Sleep, but return at once with 1 when a stop is asked for
    Sleep(Deferred<SleepArgs>),

    /// Remove what dead runs left, stopping their workers first
    Clean(Deferred<CleanArgs>),

    /// Tell the supervisor of this worker how it is, or give a worker of a run more time
    Notify(Deferred<notify::NotifyArgs>),

    /// Print a systemd unit that is right for a run
    Unit(Deferred<unit::UnitArgs>),

    /// Print the completion file of a shell
    Completions(Deferred<CompletionsArgs>),

    /// Print the one-file client of a language, for workers to look at their flag
    Client(Deferred<ClientArgs>),
}

/// The variables that say how much is said if that is not typed.
const QUIET: &str = "STOPCTL_QUIET";
const VERBOSE: &str = "STOPCTL_VERBOSE";
const COLOR: &str = "STOPCTL_COLOR";

/// How much is said, and whether in colour.
#[derive(Debug, Default, Args)]
pub(crate) struct Voice {
    /// Say nothing but errors
    #[arg(short, long, env = QUIET, hide_env_values = true, help_heading = "What is told", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) quiet: bool,

    /// Name every signal sent; twice: trace
    #[arg(short, long, action = ArgAction::Count, value_parser = verbosity, env = VERBOSE, hide_env_values = true, help_heading = "What is told")]
    pub(crate) verbose: u8,

    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = COLOR,
        hide_env_values = true,
        help_heading = "What is told"
    )]
    pub(crate) color: Color,
}

impl Group for Voice {
    const NAMES: Names = Names {
        long: &["quiet", "verbose", "color"],
        short: "qv",
        variables: &[QUIET, VERBOSE, COLOR],
    };
}

/// Whose runs are meant.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Act as this user, by name or number, on the runs of that user; for root
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username)]
    pub(crate) user: Option<OsString>,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that can be typed"
)]
#[command(after_help = "Examples:\n  \
                      stopctl stop train           all workers of train; waits until they have ended\n  \
                      stopctl stop train -w 2      worker 2 only; the others run on\n  \
                      stopctl stop --kill train    SIGKILL now\n\n\
                  Exit status: 0 everything asked for has ended; 1 something is still there; \
                        2 bad usage; 3 no such run; 4, 5 and 6 with --strict if SIGTERM or \
                        SIGKILL was needed, or a worker failed after being asked; 125 if stopctl \
                        itself failed. See stopctl-stop(1).")]
pub(crate) struct StopArgs {
    /// Runs to stop [default: inside a worker its own run, otherwise the only run there is]
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) names: Vec<OsString>,

    /// Stop every run of this user
    #[arg(short, long, conflicts_with = "names", help_heading = "Which workers")]
    pub(crate) all: bool,

    /// Stop this worker only, by its number; may be given more than once
    #[arg(
        short,
        long = "worker",
        value_name = "WORKER",
        conflicts_with = "all",
        help_heading = "Which workers",
        allow_negative_numbers = true
    )]
    pub(crate) workers: Vec<String>,

    /// Time from the flag to SIGTERM [default: the run's]
    #[arg(
        short,
        long,
        value_name = "DURATION",
        help_heading = "How they are stopped",
        allow_hyphen_values = true
    )]
    pub(crate) grace: Option<String>,

    /// The whole ladder in this time: 80 % grace, 15 % kill-after, 5 % reserve; for a worker that never
    /// looked at its flag 10 %, 85 %, 5 %
    #[arg(
        long,
        value_name = "DURATION",
        conflicts_with = "grace",
        help_heading = "How they are stopped",
        allow_hyphen_values = true
    )]
    pub(crate) stop_within: Option<String>,

    /// Use SIGTERM now, or the signal that run --signal chose
    #[arg(long, conflicts_with = "kill", help_heading = "How they are stopped")]
    pub(crate) term: bool,

    /// Use SIGKILL now
    #[arg(long, help_heading = "How they are stopped")]
    pub(crate) kill: bool,

    /// Ask, and do not wait
    #[arg(
        long,
        conflicts_with = "strict",
        help_heading = "Waiting and exit status"
    )]
    pub(crate) no_wait: bool,

    /// Exit with 4 if SIGTERM (or the signal of run --signal) was needed, 5 if SIGKILL was, 6 if a worker
    /// failed after being asked
    #[arg(long, help_heading = "Waiting and exit status")]
    pub(crate) strict: bool,

    /// Reason written into the flag: one word of a-z, 0-9 and -, at most 16
    #[arg(
        long,
        value_name = "WORD",
        default_value = "user",
        help_heading = "How they are stopped"
    )]
    pub(crate) reason: String,

    /// No run of that name is no error
    #[arg(long, help_heading = "Waiting and exit status")]
    pub(crate) if_running: bool,

    /// Print what became of every worker as JSON
    #[arg(long, help_heading = "What is told")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) whose: Whose,

    #[command(flatten)]
    pub(crate) voice: Voice,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 it was sent; 1 it was not, or not to everybody; 2 bad usage; 3 no \
                        such run; 125 if stopctl itself failed. See stopctl-signal(1)."
)]
pub(crate) struct SignalArgs {
    /// The run
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) name: OsString,

    /// The signal: a name, or a number
    #[arg(value_name = "SIGNAL", value_hint = ValueHint::Other)]
    pub(crate) signal: String,

    /// Signal this worker only, by its number; may be given more than once
    #[arg(
        short,
        long = "worker",
        value_name = "WORKER",
        help_heading = "Which workers",
        allow_negative_numbers = true
    )]
    pub(crate) workers: Vec<String>,

    #[command(flatten)]
    pub(crate) whose: Whose,

    #[command(flatten)]
    pub(crate) voice: Voice,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 running, or with --watch watched until it was over; 3 not. See \
                        stopctl-status(1)."
)]
pub(crate) struct StatusArgs {
    /// The run [default: inside a worker its own run, otherwise the only run there is]
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) name: Option<OsString>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Go on until the run is over: a display on a terminal, otherwise a line for each change
    #[arg(long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "names")]
    pub(crate) json: bool,

    /// Print the names only, one a line
    #[arg(long)]
    pub(crate) names: bool,

    /// List the runs of every user; for root
    #[arg(long, conflicts_with_all = ["names", "user"])]
    pub(crate) all_users: bool,

    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: the run's; 127 no such run; 124 after --timeout; 125 if its \
                        supervisor died and nobody knows. \
                        See stopctl-wait(1)."
)]
pub(crate) struct WaitArgs {
    /// The run [default: the only run there is]
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) name: Option<OsString>,

    /// Give up after this time, with exit status 124; the run goes on
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) timeout: Option<String>,

    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing is left; 1 something is still there or could not be \
                        verified; 2 bad usage; 125 if stopctl itself failed. \
                        See stopctl-clean(1)."
)]
pub(crate) struct CleanArgs {
    /// Only say what would be done
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) whose: Whose,

    #[command(flatten)]
    pub(crate) voice: Voice,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: while stopctl keep-going; do ...; done\n\
                        Exit status: 0 go on (also when not supervised), 1 stop, 125 the flag is \
                        broken. See stopctl-keep-going(1).")]
pub(crate) struct KeepGoingArgs {}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 slept, 1 a stop was asked for, 125 the flag is broken. See \
                        stopctl-sleep(1)."
)]
pub(crate) struct SleepArgs {
    /// How long
    #[arg(value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) duration: String,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// The language
    #[arg(value_name = "LANGUAGE")]
    pub(crate) language: Language,
}

/// How many times `--verbose` the value of its variable stands for; an empty one is as good as none.
fn verbosity(value: &str) -> Result<u8, &'static str> {
    if value.is_empty() {
        return Ok(0);
    }
    value.parse().map_err(|_| "write 0, 1 or 2")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // A variable that is empty is as good as none.
    #[default]
    #[value(alias = "")]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    C,
    Cpp,
    Go,
    Java,
    Node,
    Python,
    Sh,
}
