//! `--user` and `--all-users`: root, and the runs of other users.

mod hostile;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use nix::sys::signal::Signal;

use crate::cleaning::scene::{die, entries};
use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks};
use crate::support::owner;
use crate::support::started::{Ended, Started};
use crate::support::terminal::Terminal;

/// Nobody else's number, and in no file.
const USER: u32 = 61_021;

/// The same, as it is typed.
const TYPED: &str = "61021";

/// How a command becomes one of that user.
const AS_USER: &str = "exec setpriv --reuid=61021 --regid=61021 --clear-groups";

fn is_impossible() -> bool {
    lacks(Need::Root) || lacks(Need::Program("setpriv"))
}

/// A base directory that belongs to that user.
fn theirs() -> Base {
    let base = Base::new().for_every_user();
    fs::create_dir(base.runs()).expect("a directory");
    chown(base.runs(), Some(USER), Some(USER)).expect("chown");
    base
}

/// A run of that user, with one worker.
fn run_of_theirs(base: &Base, habit: &str, times: (&str, &str)) -> Started {
    let run = base.scenario().name("train").times(times.0, times.1);
    let run = run.through(&format!("{AS_USER} \"$@\"")).without_events();
    let run = run.zoo(&[habit]).start();
    run.ready(1);
    run
}

/// What that user gets who types this.
fn called_by_them(base: &Base, arguments: &[&str]) -> Answer {
    let mut command = base.command("/bin/sh");
    let script = format!("{AS_USER} \"$@\"");
    command.args(["-c", &script, "sh"]);
    command.arg(base.stopctl_path()).args(arguments);
    base.answer(command)
}

/// Everything in a base directory belongs to that user.
fn is_all_theirs(directory: &Path) {
    for name in entries(directory) {
        let path = directory.join(name);
        let data = fs::symlink_metadata(&path).expect("a file");
        assert_eq!((data.uid(), path.clone()), (USER, path.clone()));
        if data.is_dir() {
            is_all_theirs(&path);
        }
    }
}

#[test]
fn root_means_the_user_whose_directory_the_variable_names() {
    if is_impossible() || lacks(Need::PidNamespace) {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "polite", ("30s", "30s"));
    let list = base.call(&["list"]);
    list.expect(0);
    assert!(list.out.contains("train"), "{list:?}");
    base.call(&["stop", "train"]).expect(0);
    run.finish().expect(0);
    is_all_theirs(base.runs());
    // Who is root only in a namespace of its own cannot become that user.
    let mut there = base.command("unshare");
    there.arg("-Ur").arg(base.stopctl_path()).arg("list");
    let said = format!(
        "stopctl: STOPCTL_DIR: {}: belongs to uid ",
        base.runs().display()
    );
    base.answer(there).expect(125).says(&said);
    // To start something there, it has to become that user itself.
    base.call(&["run", "true"])
        .expect(125)
        .says("belongs to uid 61021");
}

#[test]
fn root_does_with_a_run_of_another_user_what_that_user_can() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "polite", ("1h", "1h"));
    let asked = |arguments: &[&str]| base.call(&[arguments, &["--user", TYPED]].concat());
    assert_eq!(asked(&["list", "--names"]).expect(0).out, "train\n");
    for named in [&["status"][..], &["status", "train"]] {
        let told = asked(&[named, &["--json"]].concat());
        assert_eq!(told.expect(0).json()["runs"][0]["name"], "train");
    }
    asked(&["signal", "train", "USR1"]).expect(0);
    run.wait_for("look 0");
    asked(&["wait", "train", "--timeout", "100ms"]).expect(124);
    asked(&["clean"]).expect(0).says("nothing to clean");
    // Nobody was asked to stop: there is nothing to extend.
    asked(&["notify", "--run", "train", "--extend", "1s"]).expect(1);
    is_all_theirs(base.runs());
    asked(&["stop", "other"]).expect(3);
    // What is to be typed instead means the same user.
    let number = asked(&["stop", "0"]);
    let instead = format!("For one worker: stopctl stop train -w 0 --user {TYPED}\n");
    number.expect(3).says(&instead);
    asked(&["stop"]).expect(0).says("1 left when asked");
    run.finish().expect(0);
    asked(&["stop", "--all"]).expect(0).says("there is no run");
}

/// Somebody who is asked to stop all runs of a user stands in a run of root's, perhaps.
#[test]
fn a_worker_of_root_that_names_a_user_does_not_mean_its_own_run() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "polite", ("1h", "1h"));
    for (arguments, code) in [(&["status"][..], 3), (&["status", "--user", TYPED], 0)] {
        let mut command = base.stopctl(arguments);
        command.env("STOPCTL_FLAG", "/dev/shm/stopctl-0/gone/0.0123456789abcdef");
        base.answer(command).expect(code);
    }
    base.call(&["stop", "--user", TYPED, "train"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn whoever_takes_over_for_root_is_a_process_of_the_user_and_obeys_the_user() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "deaf", ("1h", "1h"));
    die(&run);
    let lost = base.call(&["wait", "--user", TYPED]);
    let instead = format!("(stopctl stop train --user {TYPED} ends them)");
    lost.expect(125).says(&instead);
    let dead = base.call(&["list", "--user", TYPED]);
    assert!(dead.out.contains("its supervisor died"), "{dead:?}");
    base.call(&["stop", "--user", TYPED, "--no-wait"])
        .expect(0)
        .says("taking over");
    let takers = owner::named(&base, "stopctl-taker");
    let status = fs::read_to_string(format!("/proc/{}/status", takers[0])).expect("a taker");
    let ids = format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n");
    assert!(status.contains(&ids), "{status}");
    assert!(status.contains("CapPrm:\t0000000000000000\n"), "{status}");
    is_all_theirs(base.runs());
    called_by_them(&base, &["stop", "train", "--kill"]).expect(0);
    run.finish();
    assert_eq!(entries(base.runs()), [""; 0]);
}

/// A user who has started too many processes is one whose runs root has to stop.
#[test]
fn root_cleans_for_a_user_who_may_not_start_another_process() {
    if is_impossible() || lacks(Need::Program("prlimit")) {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "deaf", ("100ms", "100ms"));
    die(&run);
    let mut command = base.command("prlimit");
    command.args(["--nproc=1:", Base::program(), "clean", "--user", TYPED]);
    base.answer(command).expect(0).says("cleaned train");
    run.finish();
    assert_eq!(entries(base.runs()), [""; 0]);
}

#[test]
fn only_root_can_name_another_user_and_nobody_can_name_nobody() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let commands = [
        &["list"][..],
        &["status"],
        &["status", "train", "--watch"],
        &["stop", "train"],
        &["stop", "--all"],
        &["clean"],
        &["signal", "train", "USR1"],
        &["notify", "--run", "train", "--extend", "1s"],
        &["wait", "train"],
    ];
    for arguments in commands {
        let usage = if arguments[0] == "wait" { 125 } else { 2 };
        let with = |user| [arguments, &["--user", user]].concat();
        for user in ["0", "root", "65534"] {
            let refused = called_by_them(&base, &with(user));
            refused.expect(usage).says("--user: only root can");
            assert_eq!(refused.out, "");
        }
        // For setresuid(2) the last of these is no number.
        for user in ["", "no such\x1b[31m user", "4294967295"] {
            let refused = base.call(&with(user));
            refused.expect(usage).says("--user: no user '");
            assert!(!refused.err.contains('\x1b'), "{refused:?}");
        }
    }
    called_by_them(&base, &["list", "--all-users"])
        .expect(2)
        .says("--all-users: only root can");
    called_by_them(&base, &["list", "--user", TYPED]).expect(0);
    let usage = base.call(&["notify", "--ready", "--user", TYPED]);
    usage.expect(2).says("--run");
    for (one, other) in [("--user", "0"), ("--names", "--json")] {
        base.call(&["list", "--all-users", one, other]).expect(2);
    }
}

/// What root gets from a script that has a /dev/shm of its own.
fn apart(script: &str) -> Option<Answer> {
    if is_impossible() || lacks(Need::Mounts) {
        return None;
    }
    let base = Base::below("/var/tmp").for_every_user();
    let begin = r#"
        mount -t tmpfs -o mode=1777 none /dev/shm
        as() { user=$1; shift; setpriv --reuid="$user" --regid="$user" --clear-groups "$@"; }
    "#;
    let mut command = base.command("unshare");
    command.args(["-m", "sh", "-c", &format!("{begin}{script}")]);
    command.env_remove("STOPCTL_DIR");
    command.env("STOPCTL", base.stopctl_path());
    Some(base.answer(command))
}

#[test]
fn root_lists_the_runs_of_all_users() {
    let Some(answer) = apart(
        r#"
        "$STOPCTL" list --all-users
        as 61021 "$STOPCTL" run -q --name one -- "$STOPCTL" sleep 1h &
        as 61022 "$STOPCTL" run -q --name same -n 2 -- "$STOPCTL" sleep 1h &
        "$STOPCTL" run -q --name same -- "$STOPCTL" sleep 1h &
        until [ "$("$STOPCTL" list --all-users | grep -c ' running ')" = 3 ]; do :; done
        "$STOPCTL" list --all-users | awk '{ print $1, $2, $3, $4 }'
        "$STOPCTL" list --all-users --json
        for user in 61021 61022 root; do "$STOPCTL" stop --quiet --all --user "$user"; done
        wait
        ls /dev/shm
        "#,
    ) else {
        return;
    };
    let answer = answer.expect(0);
    let table = "no runs\n\
                 USER NAME STATE WORKERS\n\
                 root same running 1\n\
                 61021 one running 1\n\
                 61022 same running 2\n";
    let json = answer.out.strip_prefix(table).expect("the table");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON, and nothing after it");
    let runs = json["runs"].as_array().expect("runs").iter();
    let told: Vec<_> = runs
        .map(|run| {
            let user = run.get("user").and_then(|user| user.as_str());
            (run["uid"].as_u64(), user, run["name"].as_str())
        })
        .collect();
    let expected = [
        (Some(0), Some("root"), Some("same")),
        (Some(61_021), None, Some("one")),
        (Some(61_022), None, Some("same")),
    ];
    assert_eq!(told, expected);
}

/// sudo leaves behind who typed it: then root's own runs are perhaps not the ones that were meant.
#[test]
fn under_sudo_a_hint_says_how_to_reach_the_runs_of_whoever_typed_it() {
    let Some(answer) = apart(
        r#"
        as 61021 mkdir /dev/shm/stopctl-61021
        export SUDO_UID=61021 SUDO_USER=alice
        "$STOPCTL" stop || echo "$?"
        "$STOPCTL" stop --user 61021 || echo "$?"
        "#,
    ) else {
        return;
    };
    assert_eq!(answer.expect(0).out, "3\n3\n");
    let hint = "alice has runs in /dev/shm/stopctl-61021: leave sudo out, or add --user 61021\n";
    let said = format!(
        "stopctl: there is no run; nothing was stopped. {hint}\
         stopctl: there is no run; nothing was stopped\n"
    );
    assert_eq!(answer.err, said);
}

/// The terminal is root's, and that user may not open it.
#[test]
fn a_stop_for_another_user_is_shown_and_interrupted_like_any_other() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "deaf", ("1h", "1h"));
    let terminal = Terminal::new(24, 80);
    let asked = terminal.stopctl(&base, &["stop", "--user", TYPED, "train"]);
    let stop = terminal.start(&base, asked);
    terminal.wait_for("  worker 0  pid ");
    terminal.press("\x03");
    assert_eq!(stop.wait_for_exit(), Ended::Signal(Signal::SIGINT as i32));
    stop.finish_unchecked();
    terminal.wait_for("train goes on stopping");
    let told = base.call(&["status", "--user", TYPED, "--json"]).json();
    assert_eq!(told["runs"][0]["state"], "stopping");
    base.call(&["stop", "--user", TYPED, "--kill"]).expect(0);
    run.finish().expect(137);
}
