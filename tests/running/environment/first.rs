//! As the first process of a pid namespace.

use nix::sys::signal::Signal;

use super::places::{is_gone, works};
use crate::support::base::Base;
use crate::support::need::missing;
use crate::support::processes;
use crate::support::started::send;
use crate::support::until::until;

const FIRST: &str = "exec unshare -p -f --mount-proc";

#[test]
fn n4_as_the_first_process_it_obeys_sigterm_and_reaps_everything() {
    if !works("unshare -p -f --mount-proc true") {
        return missing("pid namespaces");
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("first")
        .options(&["-v"])
        .through(&format!("{FIRST} \"$@\""))
        .sh(r#"for n in 1 2 3; do (true & exit 0) & done
        (setsid sh -c "true & exit 0" &)
        exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    run.wait_for("guard started");
    run.ready(1);
    let supervisor = processes::children(run.pid())[0];
    // All of theirs who have ended are reaped, but for those of the worker itself.
    let zombies = || {
        let children = processes::children(supervisor);
        children
            .into_iter()
            .filter(|pid| processes::state(*pid) == Some('Z'))
            .count()
    };
    until("N4: no zombie", || zombies() == 0);
    send(supervisor, Signal::SIGTERM);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "N4");
}

#[test]
fn n4_as_the_first_process_the_ladder_ends_before_an_engine_kills_unless_a_time_was_given() {
    if !works("unshare -p -f --mount-proc true") {
        return missing("pid namespaces");
    }
    for (options, grace, kill_after) in [
        (&[] as &[&str], 7200, 1350),
        (&["--grace", "3s"], 3000, 10_000),
        (&["--kill-after", "3s"], 10_000, 3000),
    ] {
        let base = Base::new();
        let run = base
            .scenario()
            .options(options)
            .through(&format!("{FIRST} \"$@\""))
            .sh("exit 7")
            .start();
        // And it ends when the run does, with its status.
        let end = run.finish();
        end.expect(7);
        let started = end.events.only("run_started");
        assert_eq!(started["pid"], 1, "N4");
        assert_eq!(started["grace_ms"], grace, "N4 {options:?}");
        assert_eq!(started["kill_after_ms"], kill_after, "N4 {options:?}");
    }
}

#[test]
fn n4_a_ctrl_z_for_the_first_process_stops_nothing() {
    if !works("unshare -p -f --mount-proc true") {
        return missing("pid namespaces");
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("first")
        .options(&["-v"])
        .through(&format!("{FIRST} \"$@\""))
        .zoo(&["polite"])
        .start();
    run.ready(1);
    let supervisor = processes::children(run.pid())[0];
    send(supervisor, Signal::SIGTSTP);
    // The kernel protects it from a stop, as from a death.
    run.wait_for("resumed after");
    send(supervisor, Signal::SIGTERM);
    run.finish().expect(0);
}

#[test]
fn n4_with_the_first_process_its_namespace_ends_and_the_guard_too() {
    if !works("unshare -p -f --mount-proc true") {
        return missing("pid namespaces");
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("first")
        .without_events()
        .options(&["-v"])
        .through(&format!("{FIRST} \"$@\""))
        .zoo(&["deaf"])
        .start();
    run.wait_for("guard started");
    run.ready(1);
    let supervisor = processes::children(run.pid())[0];
    let all = processes::children(supervisor);
    assert_eq!(all.len(), 2, "its guard and its worker: {all:?}");
    send(supervisor, Signal::SIGKILL);
    run.finish();
    assert!(all.into_iter().all(is_gone), "N4");
    // What is left has no processes any more.
    base.call(&["stop", "first"])
        .expect(0)
        .says("nothing is left of");
}
