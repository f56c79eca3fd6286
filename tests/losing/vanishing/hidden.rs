//! Workers that are hard to find, that are as many as the system allows, or that belong to a run
//! that is over.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::group::Group;
use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks};
use crate::support::owner::guard_of;
use crate::support::processes;
use crate::support::started::send;
use crate::support::until::until;

/// Uids without any process of their own.
const HIDDEN: u32 = 61_017;
const MANY: u32 = 61_016;

/// A base directory of another user than root: root may look into everything.
fn base_of(uid: u32) -> Option<Base> {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return None;
    }
    let base = Base::new().for_every_user();
    fs::create_dir(base.runs()).expect("the base");
    std::os::unix::fs::chown(base.runs(), Some(uid), Some(uid)).expect("chown");
    Some(base)
}

fn as_user(uid: u32) -> String {
    format!("exec setpriv --reuid={uid} --regid={uid} --clear-groups")
}

fn stopctl_as(uid: u32, base: &Base, arguments: &[&str]) -> Answer {
    let mut command = base.command("/bin/sh");
    let script = format!("{} \"$@\"", as_user(uid));
    command.args(["-c", &script, "sh"]);
    command.arg(base.stopctl_path()).args(arguments);
    base.answer(command)
}

fn is_gone(pid: i32) -> bool {
    matches!(processes::state(pid), None | Some('Z'))
}

#[derive(Clone, Copy, Debug)]
enum By {
    Stop,
    Guard,
    Takeover,
}

#[test]
fn g17_whatever_a_worker_hides_it_is_ended_by_record_and_descent() {
    if lacks(Need::Program("cc")) {
        return;
    }
    for by in [By::Stop, By::Guard, By::Takeover] {
        for kind in ["wiped", "mute", "empty"] {
            let Some(base) = base_of(HIDDEN) else {
                return;
            };
            hidden(&base, kind, by);
        }
    }
}

fn hidden(base: &Base, kind: &str, by: By) {
    let program = base.file("hidden");
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/losing/vanishing/hidden.c"
    );
    let compiler = Command::new("cc")
        .arg("-o")
        .arg(&program)
        .arg(source)
        .status();
    assert!(compiler.expect("a C compiler").success());
    let program = program.to_str().expect("UTF-8");
    let worker = match kind {
        "empty" => vec!["/usr/bin/env", "-i", program, "mute"],
        kind => vec![program, kind],
    };
    let run = base
        .scenario()
        .name("hidden")
        .without_events()
        .times("100ms", "200ms")
        .options(&["-v"])
        .through(&format!("{} \"$@\"", as_user(HIDDEN)))
        .command(&worker)
        .start();
    let guard = guard_of(&run);
    let pids = run.ready(2);
    match by {
        By::Stop => {
            stopctl_as(HIDDEN, base, &["stop", "hidden", "--strict"]).expect(5);
            run.finish().expect(137);
        }
        By::Guard => {
            run.signal(Signal::SIGKILL);
            run.finish().expect_signal(9).says("its guard");
        }
        By::Takeover => {
            send(guard, Signal::SIGSTOP);
            run.signal(Signal::SIGKILL);
            send(guard, Signal::SIGKILL);
            run.wait_for_exit();
            let stop = stopctl_as(HIDDEN, base, &["stop", "hidden"]);
            stop.expect(0).says("taking over");
            run.finish().expect_signal(9);
        }
    }
    for pid in pids {
        assert!(
            is_gone(pid),
            "G17 {kind} {by:?}: {}",
            processes::describe(pid)
        );
    }
    assert_eq!(fs::read_dir(base.runs()).map_or(0, Iterator::count), 0);
}

/// It is of no run that there is: its flag's name was that of another start.
#[test]
fn g23_a_daemon_of_an_older_run_of_this_name_is_not_touched() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let older = base
        .scenario()
        .name("again")
        .options(&["--stragglers", "leave"])
        .sh(r#"mkfifo hold
        setsid -f sh -c 'exec "$0" canary <>hold >told 2>&1' "$0"
        until grep -q ready told; do sleep 0.01; done"#)
        .zoo_as_argument()
        .start();
    older.finish().expect(0).says("running; it is not stopped");
    let told = fs::read_to_string(base.file("told")).expect("what it told");
    let pid: i32 = told
        .trim()
        .rsplit('=')
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("a pid");
    assert!(!is_gone(pid), "G23: it outlived its run");
    for by in ["stop", "guard"] {
        let newer = base
            .scenario()
            .name("again")
            .options(&["-v"])
            .zoo(&["polite"])
            .start();
        guard_of(&newer);
        newer.ready(1);
        match by {
            "stop" => drop(base.call(&["stop", "again"])),
            _ => drop(newer.signal(Signal::SIGKILL)),
        }
        let end = newer.finish();
        assert!(end.events.of("straggler").is_empty(), "G23 {by}: told");
        assert!(!end.err().contains(&pid.to_string()), "G23 {by}: told");
        assert!(!is_gone(pid), "G23 {by}: ended");
    }
    let told = fs::read_to_string(base.file("told")).expect("what it told");
    assert!(!told.contains("signal"), "G23: {told}");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("the test's own");
    until("it is gone", || is_gone(pid));
}

#[test]
fn b16_as_many_workers_as_the_user_may_have_are_stopped_again() {
    let Some(base) = base_of(MANY) else {
        return;
    };
    let limited = r#"bash -c 'ulimit -u 120; exec "$@"' bash"#;
    let run = base
        .scenario()
        .without_events()
        .workers(5000)
        .through(&format!("{} {limited} \"$@\"", as_user(MANY)))
        .zoo(&["polite"])
        .start();
    refused(run.finish().expect(125).says("could not be started"), 60);
}

#[test]
fn b16_as_many_workers_as_the_cgroup_may_have_are_stopped_again() {
    let Some(group) = Group::of_pids("70") else {
        return;
    };
    let base = Base::new();
    let run = base
        .scenario()
        .workers(5000)
        .through(&format!(
            r#"echo $$ >{}; exec "$@""#,
            group.entry().display()
        ))
        .zoo(&["polite"])
        .start();
    let end = run.finish();
    refused(end.expect(125).says("could not be started"), 60);
    let started = end.events.of("worker_started").len();
    assert!((60..=70).contains(&started), "B16: {started}");
    assert_eq!(end.events.outcomes(), vec!["flag"; started]);
}

/// Many were started, the first refusal is told once, and all that were started have left.
fn refused(end: &crate::support::started::End, least: usize) {
    let out = end.out();
    let (started, left) = (out.matches("ready").count(), out.matches("left").count());
    assert!(left >= least, "B16: {left} left");
    // One that was asked before its program ran says nothing.
    assert!(started == left, "B16: {started} were ready, {left} left");
    let refusals = end.err().matches("could not be started").count();
    assert_eq!(refusals, 1, "B16: {}", end.err());
}
