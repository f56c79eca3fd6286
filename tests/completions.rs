//! The completion files: what the declaration says, names of runs asked for when they are needed,
//! and each understood by its shell.
#![cfg(feature = "cli")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};

use clap::{Arg, Command, CommandFactory};

mod committed;
mod generated;
mod skipped;

#[path = "../src/bin/stopctl/cli.rs"]
mod cli;

use cli::Shell;

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
                4,
                "zsh: stop, status, wait, and notify --run"
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
    let counted = ["run", "stop", "status", "wait"];
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
            Err(_) => skipped::skipped(&format!("no {shell} here")),
        }
    }
}

/// A directory whose `stopctl` lists two runs, and nothing else.
fn fake_program() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // Written by another process: a descriptor of ours, open for writing, could be inherited by
    // what another test starts, and the program could then not be executed (ETXTBSY, execve(2)).
    let mut writer = Process::new("sh")
        .args(["-c", "cat >stopctl && chmod 755 stopctl"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh");
    let script = b"#!/bin/sh\n[ \"$*\" = 'list --names' ] && printf '%s\\n' train tidy-up\n";
    let mut stdin = writer.stdin.take().expect("a pipe");
    stdin.write_all(script).expect("write the program");
    drop(stdin);
    assert!(writer.wait().expect("wait").success());
    dir
}

/// What `shell` prints for `script`, with a `stopctl` that has the runs `train` and `tidy-up`.
fn printed(shell: &str, script: &str) -> Option<String> {
    let dir = fake_program();
    let path = std::env::var("PATH").expect("PATH");
    let output = Process::new(shell)
        .args(if shell == "bash" {
            &["--norc", "-c"][..]
        } else {
            &["--no-config", "-c"][..]
        })
        .arg(script)
        .env("PATH", format!("{}:{path}", dir.path().display()))
        .env("HOME", dir.path())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shell}: {script}\n{said}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// What bash offers for the last of `words`.
fn in_bash(words: &[&str]) -> Option<Vec<String>> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "compopt() {{ :; }}; source '{}'; COMP_WORDS=({}); COMP_CWORD={}; COMPREPLY=()\n\
         _stopctl_with_names stopctl '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        committed::path("completions/stopctl.bash").display(),
        quoted.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    Some(
        printed("bash", &script)?
            .lines()
            .map(str::to_owned)
            .collect(),
    )
}

#[test]
fn bash_completes_the_names_of_runs() {
    let both = vec!["train".to_owned(), "tidy-up".to_owned()];
    let Some(offered) = in_bash(&["stopctl", "stop", ""]) else {
        skipped::skipped("no bash here");
        return;
    };
    assert_eq!(offered, both);
    for words in [
        &["stopctl", "status", ""][..],
        &["stopctl", "wait", "--timeout", "5s", ""],
        &["stopctl", "wait", "--timeout", "=", "5s", ""],
        &["stopctl", "stop", "-g", "5s", "--term", ""],
        &["stopctl", "stop", "train", ""],
        &["stopctl", "stop", "--", ""],
        &["stopctl", "notify", "--run", ""],
        &["stopctl", "notify", "--extend", "5s", "--run", "=", ""],
    ] {
        assert_eq!(in_bash(words), Some(both.clone()), "{words:?}");
    }
    assert_eq!(
        in_bash(&["stopctl", "stop", "tr"]),
        Some(vec!["train".to_owned()])
    );
    assert_eq!(
        in_bash(&["stopctl", "stop", "--stri"]),
        Some(vec!["--strict".to_owned()])
    );
}

#[test]
fn bash_completes_what_is_no_name_as_before() {
    let Some(offered) = in_bash(&["stopctl", "stop", "--color", "a"]) else {
        skipped::skipped("no bash here");
        return;
    };
    assert_eq!(offered, ["auto", "always"]);
    let first = in_bash(&["stopctl", "st"]).unwrap_or_default();
    assert_eq!(first, ["stop", "status"]);
    let shells = in_bash(&["stopctl", "completions", "z"]).unwrap_or_default();
    assert_eq!(shells, ["zsh"]);
}

#[test]
fn bash_completes_the_command_of_run() {
    let Some(offered) = in_bash(&["stopctl", "run", "-n", "3", "--grace", "5s", "stopct"]) else {
        skipped::skipped("no bash here");
        return;
    };
    assert_eq!(offered, ["stopctl"]);
    assert_eq!(
        in_bash(&["stopctl", "run", "--", "stopct"]),
        Some(vec!["stopctl".to_owned()])
    );
    let arguments = in_bash(&["stopctl", "run", "sh", "--col"]).unwrap_or_default();
    assert_eq!(arguments, [""], "the options of the command are its own");
}

#[test]
fn fish_completes_the_names_of_runs_and_the_command_of_run() {
    let file = committed::path("completions/stopctl.fish");
    let offers = |line: &str| {
        let script = format!("source '{}'; complete -C '{line}'", file.display());
        let lines = printed("fish", &script)?;
        let words = lines.lines().filter_map(|line| line.split('\t').next());
        Some(words.map(str::to_owned).collect::<BTreeSet<String>>())
    };
    let Some(offered) = offers("stopctl stop t") else {
        skipped::skipped("no fish here");
        return;
    };
    let both = BTreeSet::from(["train".to_owned(), "tidy-up".to_owned()]);
    assert_eq!(offered, both);
    assert_eq!(offers("stopctl wait --timeout 5s t").as_ref(), Some(&both));
    assert_eq!(offers("stopctl notify --run t"), Some(both));
    let commands = offers("stopctl run -n 3 --grace 5s stopct").unwrap_or_default();
    assert!(commands.contains("stopctl"), "{commands:?}");
}
