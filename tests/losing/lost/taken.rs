//! Supervisor and guard are dead, or silent: `stop` takes over.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::scene::{BUSY, MIXED, orphan, told};
use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::need::{Need, lacks};
use crate::support::owner::{self, guard_of, is_orphaned, named, pid_of_owner};
use crate::support::processes;
use crate::support::random::Lateness;
use crate::support::started::{Started, send};
use crate::support::until::{finds, until};

/// A library looks at the owner word at least once a second.
const A_LOOK: Duration = Duration::from_millis(1200);

#[test]
fn g2_without_a_guard_too_stop_does_the_whole_ladder() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let scenario = base
        .scenario()
        .workers(4)
        .times("300ms", "300ms")
        .sh(MIXED)
        .zoo_as_argument();
    let (run, _) = orphan(&base, scenario);
    let wait = finds(&base, "orphan", base.begin(&["wait", "orphan"]));
    base.call(&["stop", "orphan"])
        .expect(0)
        .says("died; taking over")
        // Their status went to the first process of the system: nothing is guessed.
        .says("orphan is over: 4 not observed (workers 0-3)");
    let end = run.finish();
    let out = end.out();
    assert_eq!(told(&out, 1), 3, "{out}");
    assert_eq!(out.matches("signal 15").count(), 2, "{out}");
    assert_eq!(out.matches("left").count(), 3, "{out}");
    // It told itself that nobody took over for a second, or saw the end.
    wait.finish().expect(125);
    base.call(&["stop", "orphan"]).expect(3);
    bystanders.check();
}

#[test]
fn g2_a_library_leaves_by_the_owner_word_when_everybody_died_at_once() {
    let late = Lateness::watched();
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("both")
        .without_events()
        .options(&["-v"])
        .workers(3)
        .times("100ms", "100ms")
        .sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" blind; exec "$0" waiter"#)
        .zoo_as_argument()
        .start();
    let guard = guard_of(&run);
    run.ready(3);
    let killed = kill_both(&run, guard);
    for left in run.wait_for_each("left, because of lost at ", 2) {
        let took = u64::try_from(left.number(" at ") - killed).expect("later");
        late.within(
            A_LOOK,
            Duration::from_nanos(took),
            "G2: the end of a waiter",
        );
    }
    assert!(is_orphaned(&base, "both"));
    base.call(&["stop", "both"]).expect(0).says("taking over");
    run.finish().expect_signal(9);
    bystanders.check();
}

/// At the same instant, as far as any of them can act: the guard is stopped before.
pub(crate) fn kill_both(run: &Started, guard: i32) -> i64 {
    send(guard, Signal::SIGSTOP);
    until("the guard is stopped", || {
        processes::state(guard) == Some('T')
    });
    let killed = processes::now_ns();
    run.signal(Signal::SIGKILL);
    send(guard, Signal::SIGKILL);
    killed
}

#[test]
fn c20_a_taker_that_is_killed_is_followed_by_another() {
    // By the stop that waits, or by a third one.
    for waits in [true, false] {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let scenario = base.scenario().workers(2).times("10s", "1s").zoo(&["deaf"]);
        let (run, _) = orphan(&base, scenario);
        let arguments: &[&str] = if waits {
            &["stop", "orphan"]
        } else {
            &["stop", "orphan", "--no-wait"]
        };
        let stop = base.begin(arguments);
        run.wait_for_each("flag 1   lost", 2);
        let first = pid_of_owner(&base, "orphan").expect("an owner");
        if waits {
            send(first, Signal::SIGKILL);
            until("another one is the owner", || {
                !is_orphaned(&base, "orphan") && pid_of_owner(&base, "orphan") != Some(first)
            });
            base.call(&["stop", "orphan", "--term"]).expect(0);
            stop.finish().expect(0).says("orphan is over");
        } else {
            stop.finish().expect(0);
            send(first, Signal::SIGKILL);
            until("the word is marked", || is_orphaned(&base, "orphan"));
            base.call(&["stop", "orphan", "--term"])
                .expect(0)
                .says("taking over");
        }
        let end = run.finish();
        let out = end.out();
        assert_eq!(told(&out, 1), 2, "C20: asked once: {out}");
        assert_eq!(out.matches("signal 15").count(), 2, "C20: {out}");
        bystanders.check();
    }
}

#[test]
fn g22_fifty_who_hurry_an_orphaned_run_are_one_sigterm() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let scenario = base.scenario().times("60s", "60s").zoo(&["deaf"]);
    let (run, _) = orphan(&base, scenario);
    let stops: Vec<Started> = (0..50)
        .map(|_| base.begin(&["stop", "orphan", "--term", "--no-wait"]))
        .collect();
    for stop in stops {
        stop.finish().expect(0);
    }
    run.wait_for("signal 15");
    assert_eq!(named(&base, "stopctl-taker").len(), 1, "G22: one owner");
    let level =
        || base.call(&["status", "orphan", "--json"]).json()["runs"][0]["workers"][0].clone();
    until("all requests are read", || level()["level"] == 2);
    assert_eq!(level()["state"], "stopping", "G22: no SIGKILL");
    base.call(&["stop", "orphan", "--kill"]).expect(0);
    let end = run.finish();
    assert_eq!(
        end.out().matches("signal 15").count(),
        1,
        "G22: {}",
        end.out()
    );
    bystanders.check();
}

#[test]
fn an_orphaned_run_is_told_of_as_what_it_is() {
    let base = Base::new();
    let scenario = base.scenario().times("30s", "30s").zoo(&["deaf"]);
    let (run, _) = orphan(&base, scenario);
    let state = || base.call(&["list", "--json"]).json()["runs"][0]["state"].clone();
    assert_eq!(state(), "owner_died");
    base.call(&["stop", "orphan", "--no-wait"]).expect(0);
    run.wait_for("flag 1   lost");
    assert_eq!(state(), "taken_over");
    let asked = Instant::now();
    base.call(&["stop", "orphan", "--kill"]).expect(0);
    assert!(asked.elapsed() < BUSY);
    run.finish().expect_signal(9);
    assert!(owner::named(&base, "stopctl-taker").is_empty());
}

#[test]
fn one_worker_of_an_orphaned_run_cannot_be_stopped_without_the_others() {
    let base = Base::new();
    let scenario = base
        .scenario()
        .workers(2)
        .times("30s", "30s")
        .zoo(&["polite"]);
    let (run, _) = orphan(&base, scenario);
    // Whoever takes over asks everybody: nobody is there who would enforce anything later.
    base.call(&["stop", "orphan", "--worker", "1"]).expect(0);
    let end = run.finish();
    assert_eq!(told(&end.out(), 1), 2, "{}", end.out());
    // It waited for that one only.
    until("the taker has ended", || {
        named(&base, "stopctl-taker").is_empty()
    });
}

/// The group of a worker that is not our child cannot be signalled by its number: its leader may
/// leave between the flag and the signal.
#[test]
fn g2_the_group_of_a_leader_that_leaves_at_the_last_moment_is_ended_too() {
    for _ in 0..5 {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let run = base
            .scenario()
            .name("group")
            .without_events()
            .options(&["--no-guard"])
            .times("30s", "30s")
            .zoo(&["forker", "2"])
            .start();
        run.wait_for_each("ready", 3);
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        let stop = base.call(&["stop", "group", "--kill"]);
        stop.expect(0);
        assert!(stop.took < Duration::from_secs(4), "given up: {stop:?}");
        run.finish().expect_signal(9);
        bystanders.check();
    }
}

#[test]
fn c2_a_run_whose_owner_was_killed_after_its_last_word_is_removed_by_stop() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("written")
        .without_events()
        .options(&["--no-guard"])
        // Of the two, the first one publishes the run, and the second one takes its name away.
        .through(
            "exec strace -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=KILL:when=2 \"$@\"",
        )
        .command(&["true"])
        .start();
    run.finish_unchecked();
    assert!(
        base.runs().join("written").exists(),
        "it was killed in time"
    );
    base.call(&["stop", "written"])
        .expect(0)
        .says("written is over already");
}
