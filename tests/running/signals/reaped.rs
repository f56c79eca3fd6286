//! Ends of processes: many at once, of adopted ones, and without what the kernel usually offers.

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::preload::before_each_look_for_the_dead;
use crate::support::processes;
use crate::support::started::Ended;

#[test]
fn s3_two_thousand_workers_that_end_at_once_are_all_recorded() {
    let base = Base::new();
    let mut run = base
        .scenario()
        .workers(2000)
        .options(&["--stdin", "inherit"])
        .sh("read -r line; exit $((STOPCTL_WORKER % 2))")
        .start();
    run.wait_for_events("worker_started", 2000);
    // The end of the pipe comes to all of them at the same moment.
    run.close_stdin();
    let end = run.finish();
    end.expect(1);
    assert_eq!(end.events.outcomes(), vec!["by_itself"; 2000]);
    for worker in 0..2000 {
        assert_eq!(end.events.ended(worker)["exit_code"], worker % 2);
    }
}

#[test]
fn s4_an_adopted_process_is_reaped_without_confusion() {
    let base = Base::new();
    // The middle process ends, so the supervisor, being a subreaper, adopts the last one.
    let run = base
        .scenario()
        .sh("sh -c 'sleep 0.3 & echo adopted $!' ; echo ready; sleep 0.8; exit 6")
        .start();
    let adopted = i32::try_from(run.wait_for("adopted").number("adopted")).expect("a pid");
    run.wait_for("ready");
    let end = run.finish();
    end.expect(6);
    assert_eq!(processes::state(adopted), None, "S4");
    assert_eq!(end.events.outcomes(), ["by_itself"]);
}

/// A library in the supervisor that waits for every child, before the supervisor can.
#[test]
fn s5_whose_status_somebody_else_has_taken_is_not_observed() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    let library = before_each_look_for_the_dead(&base, "while (waitpid(-1, 0, WNOHANG) > 0);");
    let run = base
        .scenario()
        .name("robbed")
        .workers(2)
        .options(&["--no-guard"])
        .through(r#"LD_PRELOAD=$LIBRARY exec "$@""#)
        .environment("LIBRARY", &library)
        .sh("exit 3")
        .start();
    let end = run.finish();
    assert_eq!(
        end.events.outcomes(),
        ["unobserved"; 2],
        "S5: {}",
        end.err()
    );
}

#[test]
fn s7_a_refused_descriptor_is_a_clean_failure_or_none() {
    if lacks(Need::Trace) {
        return;
    }
    for (call, error, status) in [
        ("signalfd4", "EMFILE", 125),
        ("signalfd4", "ENOMEM", 125),
        ("inotify_init1", "EMFILE", 0),
        ("inotify_add_watch", "ENOSPC", 0),
    ] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("refused")
            .through(&format!(
                r#"exec strace -o /dev/null -e trace={call} -e inject={call}:error={error} "$@""#
            ))
            .sh("sleep 0.1")
            .start();
        let end = run.finish_unchecked();
        assert_eq!(
            end.ended,
            Ended::Code(status),
            "S7 {call} {error}: {}",
            end.err()
        );
        base.check();
    }
}

#[test]
fn no_zombie_while_the_run_goes_on() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("reaps")
        .workers(5)
        .sh(r#"[ "$STOPCTL_WORKER" = 0 ] && exec "$0" polite; exit 0"#)
        .zoo_as_argument()
        .start();
    run.ready(1);
    run.wait_for_events("worker_ended", 4);
    for child in processes::children(run.pid()) {
        assert_ne!(
            processes::state(child),
            Some('Z'),
            "{}",
            processes::describe(child)
        );
    }
    base.call(&["stop", "reaps"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a9_without_pidfds_everything_still_ends() {
    if lacks(Need::Trace) {
        return;
    }
    for error in ["ENOSYS", "EMFILE", "EPERM"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("nopidfd")
            .times("200ms", "200ms")
            .through(&format!(
                r#"exec strace -o /dev/null -e trace=pidfd_open -e inject=pidfd_open:error={error} "$@""#
            ))
            .zoo(&["forker", "1"])
            .start();
        run.wait_for_each("ready", 2);
        base.call(&["stop", "nopidfd"]);
        let end = run.finish();
        assert_eq!(end.events.outcomes().len(), 1, "A9 {error}");
    }
}
