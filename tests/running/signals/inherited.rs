//! What workers inherit of signals: nothing but what was ignored on purpose.

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::processes;

/// The bit of a signal in the sets of /proc/PID/status.
const fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

const SIGNAL_SETS: &str = "echo ready; grep -E 'Sig(Ign|Blk)' /proc/self/status";

#[test]
fn a13_hup_ignored_by_nohup_stays_ignored_for_us_and_for_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("nohup")
        .through(r#"exec nohup "$@""#)
        .sh("grep SigIgn /proc/self/status; exec \"$0\" polite")
        .zoo_as_argument()
        .start();
    let set = run.wait_for("SigIgn");
    assert_ne!(processes::signal_set_of(&set.text, "SigIgn") & bit(1), 0);
    run.ready(1);
    run.signal(Signal::SIGHUP);
    run.signal(Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0");
    assert!(run.events_so_far().of("stop_requested").is_empty());
    base.call(&["stop", "nohup"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn int_ignored_at_the_start_stays_ignored_and_term_never_is() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"trap '' INT QUIT TERM; exec "$@""#)
        .zoo(&["polite"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGINT);
    run.signal(Signal::SIGQUIT);
    run.signal(Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0");
    assert!(run.events_so_far().of("stop_requested").is_empty());
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    assert_eq!(end.events.raised()[0]["reason"], "term");
}

#[test]
fn workers_start_with_the_signals_as_we_were_started_with() {
    let base = Base::new();
    let alone = base.sh(SIGNAL_SETS);
    let run = base.scenario().sh(SIGNAL_SETS).start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(processes::signal_set_of(&end.out(), "SigBlk"), 0);
    // What the machine has ignored stays so, and nothing of ours is added.
    assert_eq!(
        processes::signal_set_of(&end.out(), "SigIgn"),
        processes::signal_set_of(&alone.out, "SigIgn")
    );
}

#[test]
fn a12_what_was_blocked_at_the_start_is_open_in_workers() {
    if lacks(Need::Program("python3")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("blocked")
        .times("100ms", "10s")
        .through(
            r#"exec python3 -c 'import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
os.execv(sys.argv[1], sys.argv[1:])' "$@""#,
        )
        .sh(&format!("{SIGNAL_SETS}; exec sleep 1000"))
        .start();
    let set = run.wait_for("SigBlk");
    assert_eq!(processes::signal_set_of(&set.text, "SigBlk"), 0);
    // We ourselves are still asked by SIGTERM, and the worker still ends by it.
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    end.expect_signal(15);
    assert_eq!(end.events.outcomes(), ["term"]);
}

#[test]
fn a12_sigterm_ignored_at_the_start_is_default_in_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("ignored")
        .times("100ms", "10s")
        .through(r#"trap '' TERM USR1 CONT; exec "$@""#)
        .sh(&format!("{SIGNAL_SETS}; exec sleep 1000"))
        .start();
    let set = run.wait_for("SigIgn");
    let ignored = processes::signal_set_of(&set.text, "SigIgn");
    assert_eq!(ignored & bit(15), 0, "SIGTERM");
    assert_eq!(ignored & bit(18), 0, "SIGCONT");
    assert_ne!(ignored & bit(10), 0, "SIGUSR1 was somebody's wish");
    base.call(&["stop", "ignored"]).expect(0);
    let end = run.finish();
    end.expect_signal(15);
}

#[test]
fn s9_sigpipe_is_default_in_workers_and_ignored_in_us() {
    let base = Base::new();
    let run = base.scenario().name("pipe").sh("yes | head -n 1").start();
    let end = run.finish();
    end.expect(0);
    assert!(end.out().starts_with("y\n"));
    assert!(!end.err().contains("Broken pipe"), "S9: {}", end.err());

    let run = base.scenario().name("pipe").zoo(&["polite"]).start();
    run.ready(1);
    run.signal(Signal::SIGPIPE);
    base.call(&["stop", "pipe"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn s9_an_ignored_sigpipe_is_inherited() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"trap '' PIPE; exec "$@""#)
        .sh(SIGNAL_SETS)
        .start();
    let end = run.finish();
    assert_ne!(processes::signal_set_of(&end.out(), "SigIgn") & bit(13), 0);
}
