//! What the program carries and prints: the files of `clients/` and of `completions/`, unchanged.

use std::fs;
use std::time::Duration;

use assert_cmd::Command;
use clap::CommandFactory as _;

use crate::cli;

/// The program with these arguments. It prints and ends: nothing is supervised.
fn stopctl(arguments: &[&str]) -> Command {
    let mut stopctl = Command::new(env!("CARGO_BIN_EXE_stopctl"));
    stopctl.args(arguments).timeout(Duration::from_secs(60));
    stopctl
}

/// The languages of `stopctl client`, and the file of each.
const CLIENTS: [(&str, &str); 7] = [
    ("c", "clients/c/stopctl.h"),
    ("cpp", "clients/cpp/stopctl.hpp"),
    ("go", "clients/go/stopctl.go"),
    ("java", "clients/java/Stopctl.java"),
    ("node", "clients/node/stopctl.mjs"),
    ("python", "clients/python/stopctl/__init__.py"),
    ("sh", "clients/sh/stopctl.sh"),
];

/// The shells of `stopctl completions`, and the file of each.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "completions/stopctl.bash"),
    ("fish", "completions/stopctl.fish"),
    ("zsh", "completions/_stopctl"),
];

#[test]
fn what_is_printed_is_the_file() {
    let clients = CLIENTS.map(|(language, file)| ("client", language, file));
    let completions = COMPLETIONS.map(|(shell, file)| ("completions", shell, file));
    for (command, which, file) in clients.into_iter().chain(completions) {
        let committed = fs::read_to_string(file).expect("tests run in the package's directory");
        let printed = stopctl(&[command, which]).assert();
        printed.success().stdout(committed).stderr("");
    }
}

#[test]
fn every_client_says_its_version_and_its_licence_first() {
    for (language, file) in CLIENTS {
        let text = fs::read_to_string(file).expect("tests run in the package's directory");
        let head: Vec<&str> = text.lines().take(15).collect();
        let head = head.join("\n");
        for word in [env!("CARGO_PKG_VERSION"), "MIT OR Apache-2.0"] {
            assert!(
                head.contains(word),
                "{language} does not say {word}: {head}"
            );
        }
    }
}

#[test]
fn every_client_of_the_folder_is_carried() {
    for entry in fs::read_dir("clients").expect("tests run in the package's directory") {
        let name = entry.expect("clients/").file_name();
        assert!(
            CLIENTS.iter().any(|(language, _)| name == *language),
            "{} is printed by no command",
            name.to_string_lossy()
        );
    }
}

#[test]
fn a_language_that_is_not_there_is_bad_usage_that_lists_those_that_are() {
    for (command, unknown, known) in [
        ("client", "cobol", "python"),
        ("completions", "tcsh", "fish"),
    ] {
        let refused = stopctl(&[command, unknown]).assert().code(2).stdout("");
        let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(said.contains(known), "{command}: {said}");
    }
}

/// What is printed on standard output.
fn printed(arguments: &[&str]) -> String {
    let output = stopctl(arguments).assert().success().stderr("");
    String::from_utf8_lossy(&output.get_output().stdout).into_owned()
}

#[test]
fn every_example_of_a_help_can_be_typed() {
    for of in [&["-h"][..], &["run", "-h"], &["stop", "-h"]] {
        let help = printed(of);
        let (_, examples) = help.split_once("\nExamples:\n").expect("examples");
        let examples = examples.lines().take_while(|line| !line.is_empty());
        let mut count = 0;
        for example in examples {
            let line = example.trim().split("   ").next().unwrap_or_default();
            let words = Command::new("sh")
                .args(["-c", &format!(r"printf '%s\n' {line}")])
                .assert();
            let words = String::from_utf8_lossy(&words.get_output().stdout).into_owned();
            let typed = cli::Cli::command().try_get_matches_from(words.lines());
            assert!(typed.is_ok(), "{line}: {typed:?}");
            count += 1;
        }
        assert!(count > 2, "{of:?} has {count} examples");
    }
}

#[test]
fn help_prints_the_long_help_of_a_command_under_each_of_its_names() {
    assert_eq!(printed(&["help"]), printed(&["--help"]));
    assert_eq!(printed(&["help", "run"]), printed(&["run", "--help"]));
    for alias in ["ls", "ps"] {
        assert_eq!(printed(&["help", alias]), printed(&["list", "--help"]));
        assert_eq!(printed(&[alias, "--names"]), "");
    }
}

#[test]
fn every_group_of_options_says_what_is_in_it() {
    for command in cli::Cli::command().get_subcommands_mut() {
        let long = command.render_long_help().to_string();
        assert!(!long.contains("\nMore "), "{}", command.get_name());
    }
    let long = printed(&["run", "--help"]);
    let heading = |line: &&str| line.ends_with(':') && !line.starts_with([' ', '-']);
    let headings: Vec<&str> = long.lines().filter(heading).collect();
    let wanted = [
        "Arguments:",
        "Options:",
        "What is started:",
        "Times:",
        "How it is stopped:",
        "What is told:",
        "Exit status:",
        "Examples:",
    ];
    assert_eq!(headings, wanted);
}
