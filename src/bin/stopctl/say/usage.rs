//! What is said of a command line that is not understood: what is wrong with it, how the command is used,
//! and where more is written.

use std::fmt::Display;

use clap::CommandFactory as _;
use clap::error::{ContextKind, Error, ErrorKind};

use crate::cli::Cli;
use crate::say::letters::escaped;
use crate::say::unstarted::is_program;

/// What is wrong, how `command` is used, and where to read more. A command that there is not is stopctl
/// itself.
pub(crate) fn explained(command: &str, what: &impl Display) -> String {
    let mut root = Cli::command();
    root.build();
    let known = root.find_subcommand(command).map(clap::Command::get_name);
    let name = known.map(str::to_owned);
    let (declared, page) = match name.and_then(|name| root.find_subcommand_mut(name)) {
        Some(declared) => {
            let page = format!("stopctl-{}", declared.get_name());
            (declared, page)
        }
        None => (&mut root, "stopctl".to_owned()),
    };
    let usage = declared.render_usage();
    let typed = declared.get_bin_name().unwrap_or("stopctl").to_owned();
    format!("{what}\n\n{usage}\n\nTo read more: {typed} --help, or man {page}")
}

/// What clap found wrong, without the prefix and the usage that it puts around it. Of an option that there
/// is not, clap says how it could be a name or a command instead, which none begins with.
pub(crate) fn wrong(mut error: Error) -> String {
    error.remove(ContextKind::Usage);
    if error.kind() == ErrorKind::UnknownArgument {
        error.remove(ContextKind::Suggested);
    }
    let bare = clap::Command::new("stopctl").disable_help_flag(true);
    let rendered = error.with_cmd(&bare).render().to_string();
    rendered.trim_start_matches("error: ").trim_end().to_owned()
}

/// What to type instead of a command that is the name of a program; `None` if it is not.
pub(crate) fn start(command: &str) -> Option<String> {
    is_program(command.as_ref())
        .then(|| format!("stopctl run -- {} starts this program", escaped(command)))
}

/// What to type instead of a command that other programs have; `None` if that is not known.
pub(crate) fn instead(command: &str) -> Option<&'static str> {
    let words = match command {
        "start" | "exec" | "launch" | "spawn" | "up" => {
            "stopctl run starts workers: stopctl run --name NAME -- COMMAND"
        }
        "kill" | "terminate" | "down" => {
            "stopctl stop NAME asks first; stopctl stop --kill NAME uses SIGKILL now; \
             stopctl signal NAME SIGNAL sends any other signal"
        }
        "logs" | "log" | "tail" => {
            "workers write where stopctl run writes, and stopctl keeps nothing of it: \
             stopctl run -- COMMAND >FILE 2>&1, or journalctl -u UNIT under systemd"
        }
        "restart" => {
            "stopctl restarts nothing: stopctl stop NAME, then the same stopctl run again; \
             under systemd, systemctl restart UNIT"
        }
        "reload" => "stopctl signal NAME HUP sends SIGHUP to the workers",
        "rm" | "remove" | "prune" => {
            "stopctl stop NAME ends a run and removes it; stopctl clean removes what dead runs left"
        }
        "show" | "info" | "inspect" | "top" | "watch" => {
            "stopctl status NAME shows the workers of a run; with --watch until it is over"
        }
        "attach" => "stopctl run --foreground -- COMMAND gives a worker the terminal",
        "version" => "stopctl --version prints it",
        _ => return None,
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Cli, explained, instead, start};

    #[test]
    fn a_mistake_is_followed_by_the_usage_of_its_command_and_its_page() {
        for (command, usage, more) in [
            (
                "stop",
                "Usage: stopctl stop [OPTIONS] [NAME]...",
                "stopctl stop --help, or man stopctl-stop",
            ),
            (
                "ls",
                "Usage: stopctl list [OPTIONS]",
                "stopctl list --help, or man stopctl-list",
            ),
            (
                "nonsense",
                "Usage: stopctl <COMMAND>",
                "stopctl --help, or man stopctl",
            ),
        ] {
            let said = explained(command, &"so is it");
            assert_eq!(said, format!("so is it\n\n{usage}\n\nTo read more: {more}"));
        }
    }

    #[test]
    fn a_command_that_there_is_has_no_other_answer_and_a_program_is_started_by_run() {
        for command in Cli::command().get_subcommands() {
            assert_eq!(instead(command.get_name()), None);
        }
        assert_eq!(start("no-such-program"), None);
        let sh = start("sh").unwrap_or_default();
        assert!(sh.starts_with("stopctl run -- sh "), "{sh}");
    }
}
