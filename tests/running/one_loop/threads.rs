//! A library that somebody loads into the supervisor, with a thread that blocks no signal; and a
//! signal that a file's limit makes.

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::preload::with_a_thread;
use crate::support::processes;
use crate::support::started::send;

const PRELOADED: &str = r#"LD_PRELOAD=$LIBRARY exec "$@""#;

#[test]
fn k18a_a_thread_that_blocks_nothing_takes_no_signal_from_us() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    for (signal, reason) in [
        (libc::SIGTERM, "term"),
        (libc::SIGINT, "interrupt"),
        (libc::SIGHUP, "hangup"),
        (libc::SIGALRM, "term"),
        (libc::SIGRTMIN() + 5, "term"),
    ] {
        let base = Base::new();
        let library = with_a_thread(&base);
        let run = base
            .scenario()
            .through(PRELOADED)
            .environment("LIBRARY", &library)
            .zoo(&["polite"])
            .start();
        run.ready(1);
        // Passed on, and not our end either.
        run.signal(Signal::SIGUSR1);
        run.wait_for("signal 10 at");
        base.sh(&format!("kill -{signal} {}", run.pid())).expect(0);
        run.wait_for(&format!("flag 1   {reason} "));
        // The end of the worker is a signal, too.
        let end = run.finish();
        assert_eq!(end.events.outcomes(), ["flag"], "signal {signal}");
    }
}

#[test]
fn k18c_with_such_a_thread_ctrl_z_suspends_the_whole_run() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    let library = with_a_thread(&base);
    let run = base
        .scenario()
        .name("paused")
        .in_its_own_group()
        .through(PRELOADED)
        .environment("LIBRARY", &library)
        .zoo(&["polite"])
        .start();
    let worker = run.ready(1)[0];
    for _ in 0..2 {
        run.signal(Signal::SIGTSTP);
        processes::wait_for_state(run.pid(), 'T');
        processes::wait_for_state(worker, 'T');
        send(run.pid(), Signal::SIGCONT);
        processes::wait_for_state(worker, 'S');
    }
    base.call(&["stop", "paused"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn k18d_the_signal_of_a_files_limit_is_no_request_and_workers_have_it_as_it_was() {
    let base = Base::new();
    let bit = 1 << (libc::SIGXFSZ - 1);
    for (before, is_ignored) in [("", false), ("trap '' XFSZ; ", true)] {
        let run = base
            .scenario()
            .name("limit")
            .through(&format!(r#"{before}exec "$@""#))
            .zoo(&["polite"])
            .start();
        let worker = run.ready(1)[0];
        let ignored = processes::signal_set(worker, "SigIgn") & bit != 0;
        assert_eq!(ignored, is_ignored);
        run.signal(Signal::SIGXFSZ);
        run.signal(Signal::SIGUSR1);
        run.wait_for("signal 10 at");
        assert!(run.events_so_far().of("stop_requested").is_empty());
        base.call(&["stop", "limit"]).expect(0);
        run.finish().expect(0);
    }
}
