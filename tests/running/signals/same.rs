//! Several signals that are one request: of a terminal and a wrapper, of timeout(1), of whatever ends
//! a whole tree.

use nix::sys::signal::Signal::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::support::base::Base;
use crate::support::events::{Events, number};
use crate::support::examples::zoo;
use crate::support::started::send;

/// A worker that leaves half a second after it was asked, and tells of each SIGTERM.
const SLOW: &str = r#"trap 'echo cut; exit 9' TERM; echo ready
    while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.02; done
    sleep 0.5; echo whole"#;

#[test]
fn k12a_signals_that_come_with_the_first_one_use_no_rung() {
    let all = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM];
    for first in all {
        let base = Base::new();
        let run = base.scenario().sh(SLOW).start();
        run.wait_for("ready");
        let others = all.into_iter().filter(|&other| other != first);
        for signal in [first, first].into_iter().chain(others) {
            run.signal(signal);
        }
        let end = run.finish();
        assert!(end.out().contains("whole"), "{first}: {}", end.out());
        assert_eq!(end.events.signals(0), [""; 0], "{first}");
        assert_eq!(end.events.outcomes(), ["flag"], "{first}");
    }
}

#[test]
fn k12b_timeout_signals_twice_and_asks_once() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let base = Base::new();
        let mut timeout = base.command("timeout");
        timeout.args(["-s", signal, "0.5", Base::program(), "run", "--events", "e"]);
        timeout.args(["--", "/bin/sh", "-c", SLOW]);
        let end = crate::support::started::Started::begin(timeout, base.root(), None).finish();
        assert!(end.out().contains("whole"), "{signal}: {}", end.out());
        let events = Events::read(&base.file("e"));
        assert_eq!(events.signals(0), [""; 0], "{signal}");
    }
}

/// An inner run with these options, for `sh -c`.
fn inner(options: &str, worker: &str) -> String {
    let program = Base::program();
    format!("exec '{program}' run --name inner --events inner {options} -- {worker}")
}

#[test]
fn k12c_an_engine_that_signals_an_outer_and_an_inner_run_asks_once() {
    for signals in [[SIGTERM, SIGTERM], [SIGHUP, SIGTERM], [SIGTERM, SIGINT]] {
        let base = Base::new();
        std::fs::write(base.file("slow"), SLOW).expect("write");
        let run = base
            .scenario()
            .name("outer")
            .sh(&inner("", "/bin/sh ./slow"))
            .start();
        run.wait_for("ready");
        run.wait_for_events("worker_started", 1);
        let pid = number(run.events_so_far().only("worker_started"), "pid");
        run.signal(signals[0]);
        send(i32::try_from(pid).expect("a pid"), signals[1]);
        let end = run.finish();
        assert!(end.out().contains("whole"), "{signals:?}: {}", end.out());
        let events = Events::read(&base.file("inner"));
        assert_eq!(events.signals(0), [""; 0], "{signals:?}");
    }
}

#[test]
fn k12d_the_stop_signal_of_an_outer_run_and_the_level_that_announces_it_are_one_request() {
    let base = Base::new();
    let worker =
        r#"/bin/sh -c 'trap "sleep 0.5; exit 4" TERM; echo ready; while :; do sleep 0.02; done'"#;
    let run = base.scenario().name("outer").sh(&inner("", worker)).start();
    run.wait_for("ready");
    base.call(&["stop", "outer", "--term"]).expect(0);
    run.finish().expect(4);
    let events = Events::read(&base.file("inner"));
    assert_eq!(events.signals(0), ["SIGTERM"]);
    assert_eq!(events.outcomes(), ["term"]);
}

#[test]
fn k12e_the_stop_signal_of_an_outer_run_hurries_the_inner_one() {
    let base = Base::new();
    let zoo = zoo();
    let worker = format!("'{}' deaf", zoo.display());
    let options = "--grace 100ms --kill-after infinity";
    let run = base
        .scenario()
        .name("outer")
        .times("infinity", "infinity")
        .sh(&inner(options, &worker))
        .start();
    run.ready(1);
    base.call(&["stop", "outer", "--no-wait"]).expect(0);
    // The inner run stands on SIGTERM, and would for ever.
    run.wait_for("signal 15");
    base.call(&["stop", "outer", "--term"]).expect(0);
    run.finish().expect(137);
    let events = Events::read(&base.file("inner"));
    assert_eq!(events.signals(0), ["SIGTERM", "SIGKILL"]);
    assert_eq!(events.only("run_ended")["reason"], "parent");
}
