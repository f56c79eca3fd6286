//! What is typed wrongly is answered with what is right.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::base::{Answer, Base};

/// Calls stopctl with a variable set to this.
fn with(base: &Base, variable: (&str, &str), arguments: &[&str]) -> Answer {
    let mut command = base.stopctl(arguments);
    command.env(variable.0, variable.1);
    base.answer(command)
}

#[test]
fn a_mistake_shows_the_usage_of_its_command_and_where_to_read_more() {
    let base = Base::new();
    for (typed, command, code) in [
        (&["stop", "--foo"][..], "stop", 2),
        (&["stop", "--strict", "--no-wait"], "stop", 2),
        (&["stop", "-w", "first"], "stop", 2),
        (&["signal", "train", "NOTHING"], "signal", 2),
        (&["notify", "--extend", "long"], "notify", 2),
        (&["unit", "train", "--grace", "long", "true"], "unit", 2),
        (&["unit", "train", "--foo", "true"], "unit", 2),
        (&["ls", "train"], "list", 2),
        (&["wait", "--timeout", "long"], "wait", 125),
        (&["sleep", "long"], "sleep", 125),
        (&["run", "--color", "red", "true"], "run", 125),
        (&["run", "--grace", "long", "true"], "run", 125),
        (
            &["run", "--grace", "1", "--stop-within", "2", "true"],
            "run",
            125,
        ),
    ] {
        let answer = base.call(typed);
        answer
            .expect(code)
            .says(&format!("\n\nUsage: stopctl {command}"))
            .says(&format!(
                "stopctl {command} --help, or man stopctl-{command}\n"
            ));
        assert!(answer.err.starts_with("stopctl: "), "{answer:?}");
    }
}

#[test]
fn an_option_that_there_is_not_is_no_name_and_no_command() {
    let base = Base::new();
    for typed in [
        &["status", "train", "-w", "1"][..],
        &["run", "--bogus", "true"],
    ] {
        let answer = base.call(typed);
        assert!(!answer.err.contains("tip:"), "{answer:?}");
    }
    base.call(&["stop", "--strit"]).expect(2).says("'--strict'");
}

#[test]
fn the_commands_of_other_programs_are_answered_with_what_to_do() {
    let base = Base::new();
    for (typed, instead) in [
        ("start", "stopctl run --name NAME -- COMMAND"),
        ("kill", "stopctl stop --kill NAME"),
        ("logs", "journalctl -u UNIT"),
        ("restart", "stopctl stop NAME, then the same stopctl run"),
        ("sh", "stopctl run -- sh"),
        ("stpo", "'stop'"),
    ] {
        base.call(&[typed, "train"]).expect(2).says(instead);
    }
}

#[test]
fn a_value_is_blamed_on_the_variable_that_it_comes_from() {
    let base = Base::new();
    let run = ["run", "true"];
    for (variable, value, blamed) in [
        ("STOPCTL_GRACE", "abc", "STOPCTL_GRACE: 'abc'"),
        ("STOPCTL_KILL_AFTER", "0", "STOPCTL_KILL_AFTER: 0"),
        ("STOPCTL_STOP_WITHIN", "0", "STOPCTL_STOP_WITHIN: write"),
        ("STOPCTL_UNAWARE_GRACE", "abc", "STOPCTL_UNAWARE_GRACE: "),
        ("STOPCTL_COLOR", "red", "'red' for 'STOPCTL_COLOR'"),
        ("STOPCTL_VERBOSE", "much", "'much' for 'STOPCTL_VERBOSE'"),
    ] {
        let answer = with(&base, (variable, value), &run);
        answer.expect(125).says(blamed);
        assert!(!answer.err.contains("--grace"), "{answer:?}");
    }
    for command in [&["list"][..], &["stop", "train"], &run] {
        let answer = with(&base, ("STOPCTL_DIR", "/dev/null"), command);
        answer
            .expect(125)
            .says("stopctl: STOPCTL_DIR: /dev/null: is not a directory");
    }
    // The default place of a user is not what the variable names.
    let answer = with(
        &base,
        ("STOPCTL_DIR", "/dev/null"),
        &["list", "--all-users"],
    );
    assert!(!answer.err.contains("STOPCTL_DIR"), "{answer:?}");
    let mut lost = base.command("sh");
    let script = r#"mkdir lost && cd lost && rmdir ../lost && STOPCTL_DIR=runs exec "$0" list"#;
    lost.args(["-c", script]).arg(Base::program());
    let answer = base.answer(lost);
    answer.expect(125);
    assert_eq!(answer.err.matches("STOPCTL_DIR").count(), 2, "{answer:?}");
    let typed = ["run", "--grace", "abc", "true"];
    let answer = with(&base, ("STOPCTL_GRACE", "abc"), &typed);
    answer.expect(125).says("stopctl: --grace: 'abc'");
    let typed = ["run", "--color", "red", "true"];
    let answer = with(&base, ("STOPCTL_COLOR", "red"), &typed);
    answer.expect(125).says("for '--color <WHEN>'");
}

#[test]
fn a_variable_that_is_empty_is_as_good_as_none() {
    let base = Base::new();
    for variable in [
        "STOPCTL_GRACE",
        "STOPCTL_KILL_AFTER",
        "STOPCTL_STOP_WITHIN",
        "STOPCTL_UNAWARE_GRACE",
        "STOPCTL_QUIET",
        "STOPCTL_VERBOSE",
        "STOPCTL_COLOR",
    ] {
        let run = ["run", "--", "sh", "-c", "exit 3"];
        with(&base, (variable, ""), &run).expect(3);
    }
    // A time and the whole ladder exclude each other, unless one is not there.
    let run = ["run", "--grace", "1s", "--", "sh", "-c", "exit 3"];
    with(&base, ("STOPCTL_STOP_WITHIN", ""), &run).expect(3);
    let answer = with(
        &base,
        ("STOPCTL_GRACE", ""),
        &["run", "--grace", "", "true"],
    );
    answer.expect(125).says("stopctl: --grace: ''");
}

#[test]
fn a_program_that_is_not_found_is_told_with_what_was_meant() {
    let base = Base::new();
    fs::write(base.file("pack.py"), "#!/bin/sh\n").expect("write");
    fs::write(base.file("plain.py"), "1\n").expect("write");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(base.file("pack.py"), mode).expect("chmod");
    for (typed, code, why) in [
        (
            &["pack.py"][..],
            127,
            "not in PATH; did you mean ./pack.py?",
        ),
        (
            &["no-such-program"],
            127,
            "'no-such-program': not in PATH\n",
        ),
        (
            &["./no-such"],
            127,
            "'./no-such': No such file or directory\n",
        ),
        (
            &["a | b"],
            127,
            "a pipeline needs a shell: stopctl run -- sh -c '...'",
        ),
        (
            &["./plain.py"],
            126,
            "Permission denied; it is not executable",
        ),
        (&["/"], 126, "Permission denied; it is a directory"),
        (&["echo", "a", "|", "cat"], 0, "a pipeline needs a shell"),
    ] {
        let words = [&["run", "--"], typed].concat();
        base.call(&words).expect(code).says(why);
    }
}

#[test]
fn a_run_that_is_not_there_is_answered_with_one_that_is() {
    let base = Base::new();
    let runs = ["train", "evaluate"].map(|name| {
        let run = base
            .scenario()
            .name(name)
            .workers(3)
            .zoo(&["polite"])
            .start();
        run.ready(3);
        run
    });
    base.call(&["stop", "trian"])
        .expect(3)
        .says("nothing was stopped. Did you mean 'train'?");
    base.call(&["wait", "eval"])
        .expect(127)
        .says("Did you mean 'evaluate'?");
    base.call(&["status", "serve"]).expect(3).says("There are:");
    let stop = base.call(&["stop", "2"]);
    stop.expect(3)
        .says("For one worker: stopctl stop NAME -w 2");
    base.call(&["stop", "train"]).expect(0);
    let stop = base.call(&["stop", "2"]);
    stop.expect(3)
        .says("For one worker: stopctl stop evaluate -w 2");
    base.call(&["signal", "2", "USR1"])
        .expect(3)
        .says("stopctl signal evaluate SIGNAL -w 2");
    base.call(&["stop", "evaluate"]).expect(0);
    for run in runs {
        run.finish().expect(0);
    }
}
