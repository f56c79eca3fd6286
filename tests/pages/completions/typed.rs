//! What shells make of these files when somebody types.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};

use crate::support::need::missing;

/// A directory whose `stopctl` lists two runs, and one of another user, and nothing else.
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
    let script = b"#!/bin/sh
        case \"$*\" in
            'list --names') printf '%s\\n' train tidy-up ;;
            'list --names --user eve') echo theirs ;;
        esac\n";
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
        crate::committed::path("completions/stopctl.bash").display(),
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
        missing("bash");
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
    for words in [
        &["stopctl", "stop", "--user", "eve", ""][..],
        &["stopctl", "status", "--user", "=", "eve", ""],
        &["stopctl", "notify", "--user", "eve", "--run", ""],
    ] {
        assert_eq!(in_bash(words), Some(vec!["theirs".to_owned()]), "{words:?}");
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
        missing("bash");
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
        missing("bash");
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
    let file = crate::committed::path("completions/stopctl.fish");
    let offers = |line: &str| {
        let script = format!("source '{}'; complete -C '{line}'", file.display());
        let lines = printed("fish", &script)?;
        let words = lines.lines().filter_map(|line| line.split('\t').next());
        Some(words.map(str::to_owned).collect::<BTreeSet<String>>())
    };
    let Some(offered) = offers("stopctl stop t") else {
        missing("fish");
        return;
    };
    let both = BTreeSet::from(["train".to_owned(), "tidy-up".to_owned()]);
    assert_eq!(offered, both);
    for line in [
        "stopctl stop --user eve t",
        "stopctl status --user=eve t",
        "stopctl notify --user eve --run t",
    ] {
        let theirs = BTreeSet::from(["theirs".to_owned()]);
        assert_eq!(offers(line), Some(theirs), "{line}");
    }
    assert_eq!(offers("stopctl wait --timeout 5s t").as_ref(), Some(&both));
    assert_eq!(offers("stopctl notify --run t"), Some(both));
    let commands = offers("stopctl run -n 3 --grace 5s stopct").unwrap_or_default();
    assert!(commands.contains("stopctl"), "{commands:?}");
}
