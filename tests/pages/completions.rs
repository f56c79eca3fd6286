//! The completion files: what the declaration says, names of runs asked for when they are needed,
//! and each understood by its shell.

mod typed;

use std::collections::BTreeSet;
use std::process::Command as Process;

use clap::{Arg, Command, CommandFactory};

use crate::cli;
use crate::cli::Shell;
use crate::committed;
use crate::generated;
use crate::support::need::missing;

const FILES: [(Shell, &str); 3] = [
    (Shell::Bash, "completions/stopctl.bash"),
    (Shell::Zsh, "completions/_stopctl"),
    (Shell::Fish, "completions/stopctl.fish"),
];

fn declaration() -> Command {
    let mut command = cli::Cli::command();
    command.build();
    command
}

/// What clap makes of the declaration for `shell`.
fn made_by_clap(shell: Shell) -> String {
    let mut file = Vec::new();
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    clap_complete::generate(generator, &mut cli::Cli::command(), "stopctl", &mut file);
    String::from_utf8(file).expect("completions are UTF-8")
}

/// The options of `commands` that take a value: short ones first, as fish's function wants them.
fn with_value<'a>(commands: impl Iterator<Item = &'a Command>) -> String {
    let (mut short, mut long) = (BTreeSet::new(), BTreeSet::new());
    for arg in commands.flat_map(Command::get_arguments) {
        if arg.get_action().takes_values() {
            short.extend(arg.get_short().map(|name| format!("-{name}")));
            long.extend(arg.get_long().map(|name| format!("--{name}")));
        }
    }
    short.into_iter().chain(long).collect::<Vec<_>>().join(" ")
}

/// The file of `shell`, completed with the parts that ask the program.
fn complete(shell: Shell) -> String {
    let made = made_by_clap(shell);
    let root = declaration();
    match shell {
        Shell::Bash => {
            let names = include_str!("completions/names.bash")
                .replace("@VALUE_OPTIONS@", &with_value(root.get_subcommands()));
            let (functions, registration) = made
                .rsplit_once("\nif [[ \"${BASH_VERSINFO[0]}\"")
                .expect("bash: registration");
            let registration =
                registration.replace("complete -F _stopctl ", "complete -F _stopctl_with_names ");
            assert!(registration.contains("_with_names"), "bash: {registration}");
            format!("{functions}{names}if [[ \"${{BASH_VERSINFO[0]}}\"{registration}")
        }
        Shell::Zsh => {
            let (functions, registration) = made
                .rsplit_once("if [ \"$funcstack[1]\"")
                .expect("zsh: registration");
            let lines = functions.lines().map(|line| {
                let starts = [
                    "'*::names -- ",
                    "'::name -- ",
                    "':name -- The run:",
                    "'(--ready --status --stopping)--run=",
                ];
                let is_name = starts.iter().any(|start| line.starts_with(start));
                match line.strip_suffix(":' \\") {
                    Some(start) if is_name => format!("{start}:_stopctl_names' \\\n"),
                    Some(_) | None => format!("{line}\n"),
                }
            });
            let functions: String = lines.collect();
            assert_eq!(
                functions.matches(":_stopctl_names'").count(),
                5,
                "zsh: stop, signal, status, wait, and notify --run"
            );
            let names = include_str!("completions/names.zsh");
            format!("{functions}{names}if [ \"$funcstack[1]\"{registration}")
        }
        Shell::Fish => {
            let run = root.find_subcommand("run").into_iter();
            let names = include_str!("completions/names.fish");
            made + &names.replace("@VALUE_OPTIONS@", &with_value(run))
        }
    }
}

#[test]
fn the_files_are_what_the_declaration_says() {
    for (shell, name) in FILES {
        generated::compare(name, &complete(shell), "completions");
    }
}

#[test]
fn an_option_takes_a_value_in_every_command_or_in_none() {
    // The bash function has one list of them for all commands for which it counts words.
    let root = declaration();
    let values = with_value(root.get_subcommands());
    let values: BTreeSet<&str> = values.split(' ').collect();
    let counted = ["run", "stop", "signal", "status", "wait"];
    for command in counted.map(|name| root.find_subcommand(name).expect("a command")) {
        for arg in command
            .get_arguments()
            .filter(|arg| !arg.get_action().takes_values())
        {
            let long = arg.get_long().map(|name| format!("--{name}"));
            let short = arg.get_short().map(|name| format!("-{name}"));
            for name in long.into_iter().chain(short) {
                assert!(
                    !values.contains(name.as_str()),
                    "{name} of {}",
                    command.get_name()
                );
            }
        }
    }
}

#[test]
fn every_option_of_every_command_is_in_each_file() {
    for (shell, name) in FILES {
        let file = committed::read(name);
        for command in declaration().get_subcommands() {
            let command_name = command.get_name();
            for long in command.get_arguments().filter_map(Arg::get_long) {
                let (begin, option) = match shell {
                    Shell::Bash => {
                        let mangled = command_name.replace('-', "__subcmd__");
                        (
                            format!("\n        stopctl__subcmd__{mangled})\n"),
                            format!("--{long}"),
                        )
                    }
                    Shell::Zsh => (format!("\n({command_name})\n"), format!("--{long}")),
                    Shell::Fish => (
                        format!("using_subcommand {command_name}\""),
                        format!("-l {long} "),
                    ),
                };
                let begin = begin.trim_start_matches('\n');
                let (_, own) = file
                    .split_once(begin)
                    .unwrap_or_else(|| panic!("{name} has no {command_name}"));
                let own = match shell {
                    Shell::Bash | Shell::Zsh => own.split_once(";;\n(").map_or(own, |(own, _)| own),
                    Shell::Fish => own,
                };
                assert!(
                    own.contains(&option),
                    "{name}: {command_name} has no --{long}"
                );
            }
        }
    }
}

#[test]
fn each_shell_can_parse_its_file() {
    for (shell, name) in FILES {
        let shell = match shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        };
        match Process::new(shell)
            .arg("-n")
            .arg(committed::path(name))
            .output()
        {
            Ok(parsed) => {
                let said = String::from_utf8_lossy(&parsed.stderr).into_owned();
                assert!(
                    parsed.status.success() && said.is_empty(),
                    "{shell} -n {name}:\n{said}"
                );
            }
            Err(_) => missing(shell),
        }
    }
}
