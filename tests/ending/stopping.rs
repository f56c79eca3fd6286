//! The ladder, seen from outside: what asked workers do, what unwilling ones get, and when.

mod asked;
mod background;
mod by_itself;
mod company;
mod hurried;
mod nested;
mod scene;
mod signalled;
mod times;
mod unaware;
mod whom;

use std::time::{Duration, Instant};

use crate::support::base::Base;
use crate::support::events::number;
use crate::support::processes;
use crate::support::random::Lateness;
use scene::{BUSY, SH_LOOKS, ms};

#[test]
fn d1_a_polite_worker_leaves_unsignalled() {
    let base = Base::new();
    let run = base.scenario().name("polite").zoo(&["polite"]).start();
    run.ready(1);
    base.call(&["stop", "polite"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.out().contains("left"));
    assert!(!end.out().contains("signal"), "{}", end.out());
    assert_eq!(end.events.outcomes(), ["flag"]);
    let record = end.events.ended(0);
    assert_eq!(record["exit_code"], 0);
    assert_eq!(record["looked"], true);
    assert_eq!(end.events.only("stop_requested")["reason"], "user");
    assert_eq!(end.events.only("flag_first_read")["worker"], 0);
    assert!(end.events.of("signal_sent").is_empty());
}

#[test]
fn three_sh_workers_that_look_leave_within_100_ms_of_stop_unsignalled() {
    // The machine may be busy at one moment; it seldom is at all of five.
    const BOUND: Duration = Duration::from_millis(100);
    let late = Lateness::watched();
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let base = Base::new();
        let run = base.scenario().name("sh").workers(3).sh(SH_LOOKS).start();
        run.ready(3);
        let asked = Instant::now();
        let stop = base.call(&["stop", "sh"]);
        let took = asked.elapsed();
        stop.expect(0);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag", "flag", "flag"]);
        assert_eq!(end.out().matches("left").count(), 3);
        assert!(end.events.of("signal_sent").is_empty());
        fastest = fastest.min(took);
        if fastest < BOUND {
            return;
        }
    }
    late.within(BOUND, fastest, "the fastest of five stops");
}

#[test]
fn a_deaf_worker_gets_each_rung_at_the_moment_its_flag_named() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("deaf")
        .times("400ms", "300ms")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    let before = processes::now_ns();
    let stopper = base.begin(&["stop", "deaf"]);
    let raised = run.wait_for("flag 1");
    let fields: Vec<&str> = raised.text.split_whitespace().collect();
    assert_eq!(fields[2], "user", "{raised:?}");
    let term_due: i64 = fields[3].parse().expect("nanoseconds");
    let unix: i64 = fields[4].parse().expect("seconds");
    let seen = raised.number(" at ");
    assert!(
        term_due - before >= ms(400) && term_due - seen <= ms(400),
        "the deadline is the grace after the raise: {raised:?}"
    );
    let wall = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let until = unix - i64::try_from(wall.as_secs()).expect("seconds");
    assert!((-5..=2).contains(&until), "Unix seconds: {raised:?}");

    let term = run.wait_for("signal 15 at ").number(" at ");
    assert!(term >= term_due, "SIGTERM before the deadline of the flag");
    assert!(term - term_due < ns(BUSY), "SIGTERM much too late");

    let second = run.wait_for("flag 2");
    let fields: Vec<&str> = second.text.split_whitespace().collect();
    let kill_due: i64 = fields[3].parse().expect("nanoseconds");
    assert!(
        kill_due - term_due >= ms(300),
        "SIGKILL keeps its distance: {second:?}"
    );

    let end = run.finish();
    let over = processes::now_ns();
    assert!(over >= kill_due, "SIGKILL before the deadline of the flag");
    assert!(over - kill_due < ns(BUSY), "SIGKILL much too late");
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
    assert_eq!(end.events.ended(0)["signal"], 9);
    assert_eq!(
        end.events.signals(0).first().map(String::as_str),
        Some("SIGTERM")
    );
    assert_eq!(
        end.events.signals(0).last().map(String::as_str),
        Some("SIGKILL")
    );
    assert!(number(end.events.ended(0), "flag_to_end_ms") >= 700);
    stopper.finish().expect(0);
}

#[test]
fn d2_a_worker_that_only_handles_sigterm_gets_it_after_the_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("handler")
        .times("300ms", "20s")
        .zoo(&["handler", "7"])
        .start();
    run.ready(1);
    let asked = Instant::now();
    base.call(&["stop", "handler"]).expect(0);
    assert!(asked.elapsed() >= Duration::from_millis(300));
    let end = run.finish();
    end.expect(7);
    assert_eq!(end.events.outcomes(), ["term"]);
    assert_eq!(end.events.ended(0)["exit_code"], 7);
    assert_eq!(end.events.ended(0)["looked"], false);
    assert_eq!(end.events.signals(0), ["SIGTERM"]);
    assert!(end.took < BUSY, "{:?}", end.took);
}

#[test]
fn d3_a_worker_that_ignores_sigterm_is_killed_after_kill_after() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("ignores")
        .times("100ms", "300ms")
        .sh("trap '' TERM; echo ready; while :; do sleep 0.05; done")
        .start();
    run.wait_for("ready");
    let asked = Instant::now();
    base.call(&["stop", "ignores", "--strict"]).expect(5);
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(400), "{took:?}");
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn d4_a_worker_that_ends_at_the_very_deadline_gives_one_consistent_record() {
    for offset in 0..=10 {
        let base = Base::new();
        let leaves = (95 + offset).to_string();
        let run = base
            .scenario()
            .name("edge")
            .times("100ms", "10s")
            .zoo(&["slowexit", &leaves])
            .start();
        run.ready(1);
        base.call(&["stop", "edge"]).expect(0);
        let end = run.finish();
        // Blocking SIGTERM, it leaves by itself either way; only the rung may differ.
        end.expect(0);
        let outcome = &end.events.outcomes()[0];
        let sent = end.events.signals(0);
        match outcome.as_str() {
            "flag" => assert!(sent.is_empty(), "D4 +{offset} ms: {sent:?}"),
            "term" => assert_eq!(sent, ["SIGTERM"], "D4 +{offset} ms"),
            other => panic!("D4 +{offset} ms: {other}"),
        }
    }
}

#[test]
fn another_signal_than_sigterm_can_be_chosen() {
    let base = Base::new();
    for (name, number) in [("INT", 2), ("SIGUSR1", 10), ("3", 3), ("RTMIN+1", 35)] {
        let run = base
            .scenario()
            .name("chosen")
            .times("100ms", "200ms")
            .options(&["--signal", name])
            .zoo(&["deaf"])
            .start();
        run.ready(1);
        base.call(&["stop", "chosen"]).expect(0);
        let end = run.finish();
        assert!(
            end.out().contains(&format!("signal {number} at")),
            "{}",
            end.out()
        );
        assert!(!end.out().contains("signal 15 "), "{}", end.out());
    }
}

fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).expect("a short time")
}
