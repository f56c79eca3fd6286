//! Times of nothing and without end, very many workers, and a machine that is busy.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::scene::{BUSY, ms};
use crate::support::base::Base;
use crate::support::processes;
use crate::support::started::send;

#[test]
fn d21_a_grace_of_zero_is_sigterm_at_once_behind_the_flag() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("zero")
        .times("0", "20s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "zero"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["term"]);
    assert_eq!(end.events.raised().len(), 1, "the flag comes first");
    assert!(end.took < BUSY);
}

#[test]
fn d21_a_kill_after_of_zero_is_refused() {
    let base = Base::new();
    base.call(&["run", "--kill-after", "0", "--", "true"])
        .expect(125)
        .says("kill-after");
}

#[test]
fn d21_an_infinite_grace_ends_by_a_request_to_hurry() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("patient")
        .times("infinity", "20s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "patient", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    base.call(&["stop", "patient", "--term"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn d21_the_flag_of_an_infinite_grace_has_no_deadline() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("patient")
        .times("infinity", "infinity")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    base.call(&["stop", "patient", "--no-wait"]).expect(0);
    let raised = run.wait_for("flag 1");
    assert!(
        raised.text.starts_with("flag 1   user - - at"),
        "{raised:?}"
    );
    base.call(&["stop", "patient", "--kill"]).expect(0);
    run.finish().expect(137);
}

#[test]
fn d22_a_thousand_polite_workers_stop_within_grace_and_a_second() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("many")
        .workers(1000)
        .times("10s", "10s")
        .command(&[Base::program(), "sleep", "1h"])
        .start();
    run.wait_for_events("flag_first_read", 1000);
    let asked = Instant::now();
    base.call(&["stop", "many"]).expect(0);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(11), "D22: {took:?}");
    let end = run.finish();
    assert_eq!(end.events.outcomes(), vec!["flag"; 1000]);
}

#[test]
fn d23_under_full_load_rungs_come_late_but_never_early() {
    let base = Base::new();
    let burners: Vec<_> = (0..4)
        .map(|_| {
            let mut command = base.command("/bin/sh");
            command.args(["-c", "echo ready; while :; do :; done"]);
            let burner = crate::support::started::Started::begin(command, base.root(), None);
            burner.wait_for("ready");
            burner
        })
        .collect();
    let run = base
        .scenario()
        .name("starved")
        .times("300ms", "300ms")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    let asked = processes::now_ns();
    base.call(&["stop", "starved"]).expect(0);
    let over = processes::now_ns();
    for burner in burners {
        send(burner.pid(), Signal::SIGKILL);
        burner.finish().expect_signal(9);
    }
    let term = run.wait_for("signal 15 at ").number(" at ");
    assert!(term - asked >= ms(300), "D23: SIGTERM early");
    let kill_due = run.wait_for("flag 2").deadline();
    assert!(kill_due - asked >= ms(600), "D23: SIGKILL is due early");
    assert!(over >= kill_due, "D23: SIGKILL early");
    run.finish().expect(137);
}
