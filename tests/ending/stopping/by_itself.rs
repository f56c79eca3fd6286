//! Runs that end, and stops that begin, without anybody's asking; and the exit statuses of stops.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::scene::SH_LOOKS;
use crate::support::base::Base;
use crate::support::started::{Ended, send};

#[test]
fn d25_a_run_whose_workers_ended_is_over_and_gone() {
    let base = Base::new();
    let run = base.scenario().name("short").sh("exit 0").start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["by_itself"]);
    assert_eq!(end.events.ended(0)["looked"], false);
    base.call(&["stop", "short"]).expect(3);
    base.call(&["stop", "short", "--if-running"]).expect(0);
}

#[test]
fn d26_a_worker_killed_by_somebody_else_is_recorded_so() {
    let base = Base::new();
    let run = base.scenario().zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    send(pid, Signal::SIGKILL);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["by_others"]);
    assert_eq!(end.events.ended(0)["signal"], 9);
    assert!(end.events.of("signal_sent").is_empty());
}

#[test]
fn stop_on_exit_stops_the_others_with_reason_sibling() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(3)
        .options(&["--stop-on-exit"])
        .sh(&format!(
            r#"[ "$STOPCTL_WORKER" = 1 ] && exit 0; {SH_LOOKS}"#
        ))
        .start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes()[1], "by_itself");
    let raised = end.events.raised();
    assert!(
        raised.iter().all(|event| event["reason"] == "sibling"),
        "{raised:?}"
    );
}

#[test]
fn stop_on_failure_ignores_success_and_exits_with_the_failure() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(3)
        .options(&["--stop-on-failure"])
        .sh(&format!(
            r#"[ "$STOPCTL_WORKER" = 0 ] && {{ echo early; exit 0; }}
               [ "$STOPCTL_WORKER" = 1 ] && {{ sleep 0.3; exit 23; }}; {SH_LOOKS}"#
        ))
        .start();
    run.wait_for("early");
    let end = run.finish();
    end.expect(23);
    assert_eq!(end.events.outcomes(), ["by_itself", "by_itself", "flag"]);
}

#[test]
fn without_these_options_the_others_go_on_when_one_fails() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("rest")
        .workers(2)
        .sh(&format!(
            r#"[ "$STOPCTL_WORKER" = 0 ] && exit 3; {SH_LOOKS}"#
        ))
        .start();
    run.wait_for("worker 0 failed: exit status 3; worker 1 still running");
    base.call(&["stop", "rest"]).expect(0);
    run.finish().expect(3);
}

#[test]
fn timeout_stops_by_itself_with_124() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--timeout", "2s"])
        .workers(2)
        .zoo(&["polite"])
        .start();
    run.ready(2);
    let end = run.finish();
    end.expect(124);
    assert!(end.took >= Duration::from_secs(2));
    assert_eq!(end.events.outcomes(), ["flag", "flag"]);
    assert_eq!(end.events.only("run_ended")["reason"], "timeout");
    assert_eq!(end.events.only("run_ended")["status"], 124);
}

#[test]
fn a_timeout_of_zero_is_none() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--timeout", "0"])
        .sh("exit 6")
        .start();
    run.finish().expect(6);
}

#[test]
fn preserve_status_gives_the_workers_own_after_a_timeout() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--timeout", "2s", "--preserve-status"])
        .zoo(&["polite", "8"])
        .start();
    run.finish().expect(8);
}

#[test]
fn stopped_status_marks_a_stop_that_was_asked_for() {
    let base = Base::new();
    for (worker, expected) in [("polite", 75), ("handler", 75), ("deaf", 137)] {
        let run = base
            .scenario()
            .name("marked")
            .times("100ms", "200ms")
            .options(&["--stopped-status", "75"])
            .zoo(&[worker])
            .start();
        run.ready(1);
        base.call(&["stop", "marked"]).expect(0);
        run.finish().expect(expected);
    }
    let run = base
        .scenario()
        .options(&["--stopped-status", "75"])
        .sh("exit 0")
        .start();
    run.finish().expect(0);
}

#[test]
fn a_death_by_our_own_sigterm_comes_through_unless_stopped_status_replaces_it() {
    let base = Base::new();
    for (options, expected) in [
        (&[][..], Ended::Signal(15)),
        (&["--stopped-status", "75"][..], Ended::Code(75)),
    ] {
        let run = base
            .scenario()
            .name("dies")
            .times("100ms", "10s")
            .options(options)
            .sh("echo ready; exec sleep 1000")
            .start();
        run.wait_for("ready");
        base.call(&["stop", "dies"]).expect(0);
        assert_eq!(run.finish().ended, expected);
    }
}
