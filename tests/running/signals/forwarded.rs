//! `--forward`: which signals reach the workers, and which ask for a stop.

use std::os::raw::c_int;

use nix::sys::signal::Signal::{self, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

use crate::support::base::Base;

/// All of them reach the worker, and none stops the run; then `stop` does, if there is one.
fn passes_on(options: &[&str], signals: &[Signal], stop: Option<(Signal, &str)>) {
    let base = Base::new();
    let run = base
        .scenario()
        .name("passes")
        .options(options)
        .zoo(&["polite"])
        .start();
    run.ready(1);
    for &signal in signals {
        run.signal(signal);
        run.wait_for(&format!("signal {} at", signal as c_int));
    }
    let events = run.events_so_far();
    assert!(events.of("stop_requested").is_empty(), "{options:?}");
    let reason = if let Some((signal, reason)) = stop {
        run.signal(signal);
        reason
    } else {
        base.call(&["stop", "passes"]).expect(0);
        "user"
    };
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "{options:?}");
    let asked = end.events.only("stop_requested");
    assert_eq!(asked["reason"], reason, "{options:?}");
    if let Some((signal, "term")) = stop {
        end.says(&format!("({signal})"));
    }
}

#[test]
fn k13a_a_name_adds_to_those_that_are_passed_on_anyway() {
    let all = [SIGUSR1, SIGUSR2, SIGWINCH, SIGHUP];
    passes_on(&["--forward", "HUP"], &all, None);
    passes_on(&["--forward=hup"], &all, None);
    passes_on(&["--forward", "HUP", "--forward", "SIGALRM"], &all, None);
    passes_on(&["--forward", ""], &all[..3], Some((SIGHUP, "hangup")));
}

#[test]
fn k13b_a_minus_takes_one_away_and_that_one_stops() {
    let rest = [SIGUSR1, SIGWINCH];
    let stop = Some((SIGUSR2, "term"));
    passes_on(&["--forward", "-USR2"], &rest, stop);
    passes_on(&["--forward=-USR2"], &rest, stop);
    passes_on(&["--forward", "-12"], &rest, stop);
    passes_on(
        &["--forward", "HUP,-USR2"],
        &[SIGHUP, SIGUSR1, SIGWINCH],
        stop,
    );
    passes_on(
        &["--forward", "-HUP,-USR1"],
        &[SIGUSR2],
        Some((SIGHUP, "hangup")),
    );
}

#[test]
fn k13c_what_cannot_be_passed_on_is_refused_and_so_is_what_is_no_signal() {
    let base = Base::new();
    for typed in ["TERM", "INT,HUP", "KILL", "SEGV"] {
        base.call(&["run", "--forward", typed, "--", "true"])
            .expect(125)
            .says("cannot be passed on");
    }
    for typed in ["-", "-NOTHING", "--name", "USR1 USR2"] {
        base.call(&["run", "--forward", typed, "--", "true"])
            .expect(125)
            .says("--forward: ");
    }
}
