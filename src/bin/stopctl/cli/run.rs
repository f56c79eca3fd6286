//! What can be typed behind `stopctl run`.

use std::ffi::OsString;

use clap::{Args, ValueEnum, ValueHint};

use super::Voice;
use super::group::{Group, Grouped, Names};
use super::narrow::Named;

/// What is said after the options.
const EXAMPLES: &str = "\
Examples:
  stopctl run -- ./server --port 80                   one worker; Ctrl-C asks it to stop
  stopctl run -n 4 --name train -- python3 train.py   four, and a name to stop them by
  stopctl run --timeout 1h --grace 30s -- ./nightly   ends by itself after an hour
  stopctl run -- sh -c 'produce | consume'            a pipeline needs a shell

Exit status: the worker's own; a death by SIGINT after Ctrl-C; 124 after --timeout; 125 if \
stopctl itself failed; 126 or 127 if the command cannot be run or was not found; 120 if something \
could not be ended. See stopctl-run(1).";

/// What is meant if nothing is typed.
const ONE: &str = "1";
const TERM: &str = "TERM";

/// The variables that options of the ladder have their values from if they are not typed.
pub(crate) const GRACE: &str = "STOPCTL_GRACE";
pub(crate) const KILL_AFTER: &str = "STOPCTL_KILL_AFTER";
pub(crate) const STOP_WITHIN: &str = "STOPCTL_STOP_WITHIN";
pub(crate) const UNAWARE_GRACE: &str = "STOPCTL_UNAWARE_GRACE";

#[derive(Debug, Args)]
#[command(
    override_usage = "stopctl run [OPTIONS] [--] COMMAND [ARG]...",
    after_help = EXAMPLES
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) started: Grouped<Started>,

    #[command(flatten)]
    pub(crate) times: Grouped<RunTimes>,

    #[command(flatten)]
    pub(crate) stopped: Grouped<Stopped>,

    #[command(flatten)]
    pub(crate) voice: Grouped<Voice>,

    #[command(flatten)]
    pub(crate) told: Grouped<Told>,

    #[command(flatten)]
    pub(crate) other_times: Grouped<OtherTimes>,

    #[command(flatten)]
    pub(crate) status: Grouped<Status>,

    #[command(flatten)]
    pub(crate) ties: Grouped<Ties>,

    #[command(flatten)]
    pub(crate) enforcement: Grouped<Enforcement>,

    #[command(flatten)]
    pub(crate) program: Program,
}

impl RunArgs {
    /// Declares what can be typed, without the groups that have no option that is named.
    pub(crate) fn augment_named(command: clap::Command, named: &Named) -> clap::Command {
        let command = named.augment::<Started>(command);
        let command = named.augment::<RunTimes>(command);
        let command = named.augment::<Stopped>(command);
        let command = named.augment::<Voice>(command);
        let command = named.augment::<Told>(command);
        let command = named.augment::<OtherTimes>(command);
        let command = named.augment::<Status>(command);
        let command = named.augment::<Ties>(command);
        let command = named.augment::<Enforcement>(command);
        Program::augment_args(command)
    }
}

/// What is started, and how often.
#[derive(Debug, Args)]
pub(crate) struct Started {
    /// Start N copies of the command
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        default_value = ONE,
        allow_negative_numbers = true,
        help_heading = "What is started"
    )]
    pub(crate) workers: String,

    /// Name of the run [default: the command's name and the pid of stopctl]
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other, help_heading = "What is started")]
    pub(crate) name: Option<OsString>,
}

impl Default for Started {
    fn default() -> Self {
        Self {
            workers: ONE.to_owned(),
            name: None,
        }
    }
}

impl Group for Started {
    const NAMES: Names = Names {
        long: &["workers", "name"],
        short: "n",
        variables: &[],
    };
}

/// The times of the ladder, and of the run.
#[derive(Debug, Default, Args)]
pub(crate) struct RunTimes {
    /// Time from the flag to SIGTERM [default: 10s]
    #[arg(
        short,
        long,
        value_name = "DURATION",
        env = GRACE,
        hide_env_values = true,
        help_heading = "Times",
        allow_hyphen_values = true
    )]
    pub(crate) grace: Option<String>,

    /// Time from SIGTERM to SIGKILL [default: 10s]
    #[arg(
        short,
        long,
        value_name = "DURATION",
        env = KILL_AFTER,
        hide_env_values = true,
        help_heading = "Times",
        allow_hyphen_values = true
    )]
    pub(crate) kill_after: Option<String>,

    /// The whole ladder in this time: 80 % grace, 15 % kill-after, 5 % reserve; for a worker that never
    /// looked at its flag 10 %, 85 %, 5 % [default as PID 1: 9s]
    #[arg(
        long,
        value_name = "DURATION",
        env = STOP_WITHIN,
        hide_env_values = true,
        help_heading = "Times",
        allow_hyphen_values = true
    )]
    pub(crate) stop_within: Option<String>,

    /// Stop by itself after this time, with exit status 124; 0 is never
    #[arg(
        short,
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        help_heading = "Times"
    )]
    pub(crate) timeout: Option<String>,
}

impl Group for RunTimes {
    const NAMES: Names = Names {
        long: &["grace", "kill-after", "stop-within", "timeout"],
        short: "gkt",
        variables: &[GRACE, KILL_AFTER, STOP_WITHIN],
    };
}

/// How it is stopped, and when.
#[derive(Debug, Args)]
pub(crate) struct Stopped {
    /// Signal sent when the grace is over, instead of SIGTERM
    #[arg(
        short,
        long,
        value_name = "SIGNAL",
        default_value = TERM,
        help_heading = "How it is stopped"
    )]
    pub(crate) signal: String,

    /// Whom that signal reaches: the main process first and the rest after half of kill-after, all of
    /// the worker at once, or the main process alone
    #[arg(
        long,
        value_name = "WHOM",
        default_value = "first",
        hide_short_help = true,
        help_heading = "How it is stopped"
    )]
    pub(crate) signal_to: SignalTo,

    /// When one worker ends, stop the others
    #[arg(long, help_heading = "How it is stopped")]
    pub(crate) stop_on_exit: bool,

    /// When one worker fails, stop the others
    #[arg(
        long,
        conflicts_with = "stop_on_exit",
        help_heading = "How it is stopped"
    )]
    pub(crate) stop_on_failure: bool,
}

impl Default for Stopped {
    fn default() -> Self {
        Self {
            signal: TERM.to_owned(),
            signal_to: SignalTo::default(),
            stop_on_exit: false,
            stop_on_failure: false,
        }
    }
}

impl Group for Stopped {
    const NAMES: Names = Names {
        long: &["signal", "signal-to", "stop-on-exit", "stop-on-failure"],
        short: "s",
        variables: &[],
    };
}

/// What is told, and to whom.
#[derive(Debug, Default, Args)]
pub(crate) struct Told {
    /// Write events as JSON lines into FILE, or into an open descriptor with fd:N
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "What is told")]
    pub(crate) events: Option<OsString>,

    /// At the end, tell a CI service in its own form which workers needed force
    #[arg(
        long,
        value_name = "SERVICE",
        hide_short_help = true,
        help_heading = "What is told"
    )]
    pub(crate) annotations: Option<Service>,
}

impl Group for Told {
    const NAMES: Names = Names {
        long: &["events", "annotations"],
        short: "",
        variables: &[],
    };
}

/// Times that are rarely chosen.
#[derive(Debug, Default, Args)]
pub(crate) struct OtherTimes {
    /// Grace for a worker that never looked at its flag; 0 is SIGTERM at once, auto is the grace
    /// counted from its start [default: the whole grace]
    #[arg(
        long,
        value_name = "DURATION",
        env = UNAWARE_GRACE,
        hide_env_values = true,
        hide_short_help = true,
        allow_hyphen_values = true,
        help_heading = "Times"
    )]
    pub(crate) unaware_grace: Option<String>,

    /// Longest time from the flag to SIGTERM for workers that ask for more, or are given it
    /// [default: three times the grace]
    #[arg(
        long,
        value_name = "DURATION",
        hide_short_help = true,
        allow_hyphen_values = true,
        help_heading = "Times"
    )]
    pub(crate) max_grace: Option<String>,
}

impl Group for OtherTimes {
    const NAMES: Names = Names {
        long: &["unaware-grace", "max-grace"],
        short: "",
        variables: &[UNAWARE_GRACE],
    };
}

/// What it exits with.
#[derive(Debug, Default, Args)]
pub(crate) struct Status {
    /// Exit status after a stop that was asked for and needed no SIGKILL, instead of 0 or of a
    /// death by the stop signal that stopctl sent
    #[arg(
        long,
        value_name = "N",
        help_heading = "Exit status",
        hide_short_help = true,
        allow_negative_numbers = true
    )]
    pub(crate) stopped_status: Option<String>,

    /// Exit with the worker's own status after --timeout and after Ctrl-C, too
    #[arg(long, help_heading = "Exit status", hide_short_help = true)]
    pub(crate) preserve_status: bool,
}

impl Group for Status {
    const NAMES: Names = Names {
        long: &["stopped-status", "preserve-status"],
        short: "",
        variables: &[],
    };
}

/// What ties workers to stopctl.
#[derive(Debug, Default, Args)]
pub(crate) struct Ties {
    /// What workers read: the standard input of stopctl, or nothing [default: null from a terminal
    /// without --foreground or for several workers, otherwise inherit]
    #[arg(
        long,
        value_name = "WHAT",
        hide_short_help = true,
        help_heading = "What is started"
    )]
    pub(crate) stdin: Option<Stdin>,

    /// Give the worker the terminal of stopctl with its keys, as a shell does: for shells, editors,
    /// debuggers
    #[arg(long, hide_short_help = true, help_heading = "What is started")]
    pub(crate) foreground: bool,

    /// Signals passed on to the workers beside USR1, USR2 and WINCH; HUP here makes it a reload
    /// instead of a stop, and -USR2 takes USR2 away
    #[arg(
        long,
        value_name = "SIGNAL,...",
        hide_short_help = true,
        allow_hyphen_values = true,
        help_heading = "What is started"
    )]
    pub(crate) forward: Vec<String>,

    /// Hear what workers say in systemd's notify protocol
    #[arg(long, hide_short_help = true, help_heading = "What is started")]
    pub(crate) notify: bool,

    /// When the run is ready: when all workers were started, or when each has said that it is; the
    /// latter implies --notify
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "started",
        hide_short_help = true,
        help_heading = "What is started"
    )]
    pub(crate) ready: Ready,
}

impl Group for Ties {
    const NAMES: Names = Names {
        long: &["stdin", "foreground", "forward", "notify", "ready"],
        short: "",
        variables: &[],
    };
}

/// What a stop can rely on.
#[derive(Debug, Default, Args)]
pub(crate) struct Enforcement {
    /// Start workers with SIGTERM and SIGINT ignored, for engines that signal every process at once
    #[arg(long, hide_short_help = true, help_heading = "How it is stopped")]
    pub(crate) shield: bool,

    /// Do without the second process that goes on with the ladder should stopctl be killed
    #[arg(long, hide_short_help = true, help_heading = "How it is stopped")]
    pub(crate) no_guard: bool,

    /// What becomes of processes that a worker leaves behind: stop them too, name and leave them, or
    /// wait for them as the worker, for a program that puts itself into the background
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "stop",
        hide_short_help = true,
        help_heading = "How it is stopped"
    )]
    pub(crate) stragglers: Stragglers,

    /// A control group (v2) for each worker: where one was delegated to stopctl, never, or always
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_short_help = true,
        help_heading = "How it is stopped"
    )]
    pub(crate) cgroup: Cgroup,
}

impl Group for Enforcement {
    const NAMES: Names = Names {
        long: &["shield", "no-guard", "stragglers", "cgroup"],
        short: "",
        variables: &[],
    };
}

/// What is run.
#[derive(Debug, Args)]
pub(crate) struct Program {
    /// The command, and its arguments as they are
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ready {
    #[default]
    Started,
    Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stdin {
    Inherit,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    Github,
    Gitlab,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignalTo {
    #[default]
    First,
    Group,
    Main,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stragglers {
    #[default]
    Stop,
    Leave,
    Wait,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cgroup {
    #[default]
    Auto,
    Off,
    Require,
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use clap::Arg;

    use super::{
        Enforcement, Group, OtherTimes, RunTimes, Started, Status, Stopped, Ties, Told, Voice,
    };

    /// Whether a group is called what it says, and is what it says where nothing is typed.
    fn is_as_declared<T: Group + Debug>() {
        let declared = T::augment_args(clap::Command::new("group"));
        let options = || declared.get_arguments();
        let long: Vec<&str> = options().filter_map(Arg::get_long).collect();
        assert_eq!(long, T::NAMES.long);
        let short: String = options().filter_map(Arg::get_short).collect();
        assert_eq!(short, T::NAMES.short);
        let variables: Vec<_> = options().filter_map(Arg::get_env).collect();
        assert_eq!(variables, T::NAMES.variables);
        let mut typed = declared.get_matches_from(["group"]);
        let read = T::from_arg_matches_mut(&mut typed).expect("nothing is required");
        assert_eq!(format!("{read:?}"), format!("{:?}", T::default()));
    }

    #[test]
    fn each_group_of_options_is_what_it_says_of_itself() {
        is_as_declared::<Started>();
        is_as_declared::<RunTimes>();
        is_as_declared::<Stopped>();
        is_as_declared::<Voice>();
        is_as_declared::<Told>();
        is_as_declared::<OtherTimes>();
        is_as_declared::<Status>();
        is_as_declared::<Ties>();
        is_as_declared::<Enforcement>();
    }
}
