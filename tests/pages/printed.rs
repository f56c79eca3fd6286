//! What the program carries and prints: the files of `clients/` and of `completions/`, unchanged.

use std::fs;
use std::time::Duration;

use assert_cmd::Command;

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
            name.display()
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
