//! The guard itself: what it costs, and what becomes of one that is killed.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::scene::{orphan, told};
use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks};
use crate::support::owner::{self, guard_of};
use crate::support::processes;
use crate::support::started::{Started, send};
use crate::support::until::until;

#[test]
fn g1_a_guard_says_nothing_of_its_own_until_it_is_needed() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("calm")
        .workers(2)
        .zoo(&["polite"])
        .start();
    run.ready(2);
    base.call(&["stop", "calm"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(!end.err().contains("guard"), "{}", end.err());
    assert!(end.events.of("guard_ended").is_empty());
}

#[test]
fn g3_a_guard_that_was_killed_is_replaced_and_its_workers_know_nothing_of_it() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("guarded")
        .workers(2)
        .options(&["-v"])
        .zoo(&["polite"])
        .start();
    let first = guard_of(&run);
    run.ready(2);
    send(first, Signal::SIGKILL);
    run.wait_for("was killed; starting another");
    let second = guard_of(&run);
    assert_ne!(first, second);
    assert!(
        !run.so_far()
            .iter()
            .any(|line| { line.text.starts_with("signal") || line.text.starts_with("flag") }),
        "G3: the workers felt it"
    );
    // The second one is as good as the first.
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    end.expect_signal(9)
        .says(&format!("its guard (pid {second})"));
    assert_eq!(told(&end.out(), 1), 2, "G3: {}", end.out());
    end.events.only("guard_ended");
    bystanders.check();
}

#[test]
fn g3_whatever_kills_guards_may_go_on_and_gets_slower() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["-v"])
        .name("again")
        .zoo(&["polite"])
        .start();
    run.ready(1);
    let begun = std::time::Instant::now();
    for _ in 0..3 {
        send(guard_of(&run), Signal::SIGKILL);
    }
    guard_of(&run);
    assert!(
        begun.elapsed() >= Duration::from_secs(3),
        "G3: at once, after 1 s, after 2 s: {:?}",
        begun.elapsed()
    );
    base.call(&["stop", "again"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn no_guard_means_no_guard() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let (run, pids) = orphan(&base, base.scenario().workers(2).zoo(&["polite"]));
    assert!(owner::named(&base, "stopctl-guard").is_empty());
    let state = &base.call(&["list", "--json"]).json()["runs"][0]["state"];
    assert_eq!(state, "owner_died");
    for pid in pids {
        let state = processes::state(pid);
        assert!(
            matches!(state, Some('S' | 'R')),
            "nobody asked it: {state:?}"
        );
    }
    base.call(&["stop", "orphan"]).expect(0).says("taking over");
    let end = run.finish();
    assert_eq!(told(&end.out(), 1), 2, "{}", end.out());
    bystanders.check();
}

#[test]
fn a22_a_guard_needs_no_file_of_the_program() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let program = base.file("stopctl");
    Base::copy_program(Base::program(), &program);
    let mut run = base.command(&program);
    run.args(["run", "-v", "-n", "2", "--name", "moved"])
        .arg(zoo())
        .arg("polite");
    let run = Started::begin(run, base.root(), None);
    let first = guard_of(&run);
    run.ready(2);
    fs::rename(&program, base.file("older")).expect("rename");
    fs::write(&program, "#!/bin/false\n").expect("write");
    fs::remove_file(base.file("older")).expect("unlink");
    send(first, Signal::SIGKILL);
    guard_of(&run);
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    assert_eq!(told(&end.out(), 1), 2, "A22: {}", end.out());
    bystanders.check();
}

#[test]
fn an_idle_guard_makes_no_system_call() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("idle")
        .options(&["-v"])
        .zoo(&["blind"])
        .times("0", "100ms")
        .start();
    let guard = guard_of(&run);
    run.ready(1);
    until("it sleeps", || processes::state(guard) == Some('S'));
    let trace = base.file("trace");
    let mut strace = base.command("strace");
    strace.args(["-f", "-o"]).arg(&trace);
    strace.args(["-p", &guard.to_string()]);
    let strace = Started::begin(strace, base.root(), None);
    strace.wait_for("attached");
    // What is shown is that nothing happens: only time can.
    std::thread::sleep(Duration::from_secs(5));
    send(strace.pid(), Signal::SIGINT);
    strace.finish();
    let seen = fs::read_to_string(&trace).expect("a trace");
    let calls = seen.lines().filter(|line| line.contains('(')).count();
    assert!(calls <= 1, "{seen}");
    base.call(&["stop", "idle"]).expect(0);
    run.finish().expect(137);
}
