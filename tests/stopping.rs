//! The ladder, seen from outside: what asked workers do, what unwilling ones get, and when.

mod support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use support::base::Base;
use support::events::{number, text};
use support::need::{Need, lacks};
use support::processes;
use support::random::Lateness;
use support::started::{Ended, send};

/// Upper bounds are for a busy machine; lower bounds are promises and exact.
const BUSY: Duration = Duration::from_secs(10);

/// More than the half second in which a second Ctrl-C is a double tap.
const NO_DOUBLE_TAP: Duration = Duration::from_millis(600);

/// A worker in sh that looks at its flag between two pieces of work.
const SH_LOOKS: &str = r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
    while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
    echo "left $STOPCTL_WORKER""#;

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
fn d5_a_stopped_worker_is_continued_with_the_flag_and_leaves() {
    let base = Base::new();
    let run = base.scenario().name("stopped").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    send(pid, Signal::SIGSTOP);
    base.call(&["stop", "stopped"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn d5_sigterm_reaches_a_worker_that_was_stopped_in_its_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("stopped")
        .times("300ms", "20s")
        .zoo(&["handler", "3"])
        .start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "stopped", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGSTOP);
    let end = run.finish();
    end.expect(3);
    assert_eq!(end.events.outcomes(), ["term"]);
}

#[test]
fn d6_a_worker_that_stops_itself_again_and_again_is_killed() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("restopper")
        .times("100ms", "100ms")
        // Blocked, SIGTERM alone could not end it.
        .sh("trap '' TERM; echo ready; while :; do kill -STOP $$; done")
        .start();
    run.wait_for("ready");
    base.call(&["stop", "restopper"]).expect(0);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn d12_grandchildren_in_the_group_are_stopped_before_the_run_is_over() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("forker")
        .times("200ms", "200ms")
        .zoo(&["forker", "3"])
        .start();
    run.wait_for_each("ready", 4);
    base.call(&["stop", "forker"]).expect(0);
    base.check();
    let end = run.finish();
    assert!(end.out().contains("left"), "{}", end.out());
    let stragglers = end.events.of("straggler");
    assert_eq!(stragglers.len(), 3, "D12: {stragglers:?}");
    assert!(
        stragglers
            .iter()
            .all(|event| text(event, "program") == "zoo")
    );
    assert_eq!(end.events.ended(0)["stragglers"], 3);
}

#[test]
fn d12_stragglers_of_a_worker_that_ended_by_itself_get_a_short_ladder() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("leaky")
        .sh(r#"sleep 1000 & while read -r name < /proc/$!/comm; [ "$name" != sleep ]; do :; done; echo ready; exit 5"#)
        .start();
    run.wait_for("ready");
    let end = run.finish();
    end.expect(5);
    // Nobody looked at the flag, so there is no wait for it; sleep dies of SIGTERM.
    assert!(end.took < Duration::from_secs(30), "{:?}", end.took);
    let straggler = end.events.only("straggler");
    assert_eq!(straggler["program"], "sleep");
    assert_eq!(end.events.ended(0)["exit_code"], 5);
    assert_eq!(end.events.ended(0)["outcome"], "by_itself");
    end.says("sleep");
}

#[test]
fn d16_each_ctrl_c_climbs_one_rung() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("infinity", "infinity")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGINT);
    run.wait_for("flag 1   interrupt");
    std::thread::sleep(NO_DOUBLE_TAP);
    run.signal(Signal::SIGINT);
    run.wait_for("signal 15");
    std::thread::sleep(NO_DOUBLE_TAP);
    run.signal(Signal::SIGINT);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
    assert_eq!(end.events.of("stop_requested")[0]["reason"], "interrupt");
}

#[test]
fn d16_one_ctrl_c_is_enough_for_polite_workers_and_we_die_of_sigint() {
    let base = Base::new();
    let run = base.scenario().workers(3).zoo(&["polite"]).start();
    run.ready(3);
    run.signal(Signal::SIGINT);
    let end = run.finish();
    end.expect_signal(Signal::SIGINT as i32);
    assert_eq!(end.events.outcomes(), ["flag", "flag", "flag"]);
    assert_eq!(end.events.only("run_ended")["reason"], "interrupt");
}

#[test]
fn g7_a_double_tap_is_one_rung_and_is_said() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("2s", "infinity")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    let first = run.signal(Signal::SIGINT);
    run.wait_for("stopping");
    run.signal(Signal::SIGINT);
    let term = run.wait_for("signal 15");
    let end = run.finish();
    assert!(
        term.at - first >= Duration::from_secs(2),
        "the second tap hurried"
    );
    assert_eq!(end.events.signals(0), ["SIGTERM"]);
    let said = end.err().to_lowercase();
    assert!(
        said.contains("double") || said.contains("ignored") || said.contains("half a second"),
        "G7: {said}"
    );
}

#[test]
fn g8_int_then_term_of_a_ci_runner_is_over_before_ten_seconds() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--stop-within", "9s"])
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    let asked = run.signal(Signal::SIGINT);
    let raised = run.wait_for("flag 1   interrupt");
    // 80 % of 9 s from the raise: SIGTERM is due at 7.2 s, before the runner's own at 7.5 s.
    let due: i64 = raised
        .text
        .split_whitespace()
        .nth(3)
        .expect("a deadline")
        .parse()
        .expect("ns");
    assert!(
        (due - raised.number(" at ") - ms(7200)).abs() < ms(1000),
        "{raised:?}"
    );
    run.wait_for("signal 15");
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(10), "G8: {took:?}");
    end.expect(137);
    end.says("is over after");
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn d17_sigterm_while_stopping_means_term_at_least_and_never_more() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("infinity", "500ms")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGINT);
    run.wait_for("flag 1   interrupt");
    let before = processes::now_ns();
    run.signal(Signal::SIGTERM);
    run.wait_for("signal 15 at ");
    let kill_due = run.wait_for("flag 2").deadline();
    assert!(kill_due - before >= ms(500), "D17: SIGKILL is due early");
    // Neither a second SIGTERM nor a SIGHUP restarts, hastens or ends what has begun.
    run.signal(Signal::SIGTERM);
    run.signal(Signal::SIGHUP);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.out().matches("signal 15").count(), 1, "{}", end.out());
    assert!(processes::now_ns() >= kill_due, "D17: SIGKILL early");
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn d17_sighup_while_stopping_changes_nothing() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("600ms", "10s")
        .zoo(&["handler", "4"])
        .start();
    run.ready(1);
    let asked = run.signal(Signal::SIGTERM);
    run.wait_for("stopping");
    run.signal(Signal::SIGHUP);
    let term = run.wait_for("signal 15");
    assert!(term.at - asked >= Duration::from_millis(600), "hastened");
    let end = run.finish();
    end.expect(4);
    assert_eq!(end.events.raised()[0]["reason"], "term");
}

#[test]
fn sigquit_while_stopping_kills_now() {
    let base = Base::new();
    let run = base
        .scenario()
        .times("infinity", "infinity")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    run.wait_for("flag 1   term");
    run.signal(Signal::SIGQUIT);
    let end = run.finish();
    end.expect(137);
    assert!(end.took < BUSY);
}

#[test]
fn d18_a_stop_during_the_start_of_many_workers_lets_none_start_later() {
    for pause in [0, 2, 5, 9, 14, 20, 30] {
        let base = Base::new();
        let run = base
            .scenario()
            .workers(60)
            .times("10s", "10s")
            .sh(&format!("echo ready; {SH_LOOKS}"))
            .start();
        run.wait_for("ready");
        std::thread::sleep(Duration::from_millis(pause));
        run.signal(Signal::SIGTERM);
        let end = run.finish();
        let events = &end.events;
        let asked = events
            .all()
            .iter()
            .position(|event| event["event"] == "stop_requested")
            .expect("it was asked");
        let late = events.all()[asked..]
            .iter()
            .find(|event| event["event"] == "worker_started");
        assert!(late.is_none(), "D18 after {pause} ms: {late:?}");
        assert!(end.took < BUSY, "D18: {:?}", end.took);
    }
}

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
            let burner = support::started::Started::begin(command, base.root(), None);
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

#[test]
fn d24_stopping_what_is_not_there_is_status_3_and_0_with_if_running() {
    let base = Base::new();
    base.call(&["stop", "nobody"]).expect(3).says("nobody");
    base.call(&["stop", "nobody", "--if-running"]).expect(0);
    let impossible = base.call(&["stop", "../x"]);
    assert!(
        matches!(impossible.ended, Ended::Code(2 | 3)),
        "{impossible:?}"
    );
}

#[test]
fn d24_one_wrong_name_of_several_stops_nothing() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("train")
        .workers(2)
        .zoo(&["polite"])
        .start();
    let pid = run.ready(2)[0];
    base.call(&["stop", "train", "1"])
        .expect(3)
        .says("no run named '1'; nothing was stopped")
        .says("stopctl stop train --worker 1");
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0");
    base.call(&["stop", "train"]).expect(0);
    run.finish().expect(0);
}

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
fn a_stop_that_meets_a_run_just_ending_is_no_error() {
    for round in 0..40 {
        let base = Base::new();
        // The worker ends by itself while the stop is on its way, a little later each round.
        let run = base
            .scenario()
            .name("ending")
            .sh("echo ready; read -r line; exit 0")
            .start();
        run.wait_for("ready");
        let mut run = run;
        run.close_stdin();
        std::thread::sleep(Duration::from_micros(100 * round));
        let stop = base.call(&["stop", "ending", "--if-running"]);
        stop.expect(0);
        run.finish().expect(0);
    }
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
fn stopping_one_worker_leaves_the_flags_of_the_others_down() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("team")
        .workers(3)
        .zoo(&["polite"])
        .start();
    let pids = run.ready(3);
    base.call(&["stop", "team", "--worker", "1"]).expect(0);
    run.wait_for(&format!("left {}", pids[1]));
    // Twice is no problem.
    base.call(&["stop", "team", "--worker", "1"]).expect(0);
    // The others look for themselves: a look of the test's own would count as theirs.
    for pid in [pids[0], pids[2]] {
        send(pid, Signal::SIGUSR1);
        assert_eq!(run.wait_for("look").text, "look 0");
    }
    let unknown = base.call(&["stop", "team", "--worker", "7"]);
    assert_ne!(unknown.ended, Ended::Code(0), "{unknown:?}");
    base.call(&["stop", "team"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag", "flag", "flag"]);
    let asked = end.events.of("stop_requested")[0];
    assert_eq!(asked["workers"], serde_json::json!([1]));
}

#[test]
fn stopping_twice_is_stopping_once() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("twice")
        .times("700ms", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    let first = base.begin(&["stop", "twice"]);
    run.wait_for("stopping");
    let second = base.begin(&["stop", "twice"]);
    let end = run.finish();
    first.finish().expect(0);
    assert_eq!(second.finish().ended, Ended::Code(0));
    assert_eq!(end.events.signals(0), ["SIGTERM"]);
    assert_eq!(end.events.raised().len(), 1);
}

#[test]
fn stop_says_with_strict_which_rung_was_needed() {
    for (worker, status) in [("polite", 0), ("handler", 4), ("deaf", 5)] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("strict")
            .times("100ms", "200ms")
            .zoo(&[worker])
            .start();
        run.ready(1);
        base.call(&["stop", "strict", "--strict"]).expect(status);
        run.finish();
    }
}

#[test]
fn stop_shortens_the_grace_and_the_first_one_decides() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("grace")
        .times("1h", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "grace", "--grace", "300ms", "--reason", "deploy"])
        .expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.took < BUSY);
    let raised = end.events.raised()[0];
    assert_eq!(raised["reason"], "deploy");
    let left = number(raised, "deadline_in_ms");
    assert!((200..=300).contains(&left), "{raised}");
}

#[test]
fn stop_all_stops_every_run() {
    let base = Base::new();
    let one = base.scenario().name("one").zoo(&["polite"]).start();
    one.ready(1);
    let two = base.scenario().name("two").zoo(&["polite"]).start();
    two.ready(1);
    base.call(&["stop"]).says("one").says("two");
    base.call(&["stop", "--all"]).expect(0);
    one.finish().expect(0);
    two.finish().expect(0);
}

#[test]
fn stop_without_a_name_stops_the_only_run() {
    let base = Base::new();
    let run = base.scenario().name("only").zoo(&["polite"]).start();
    run.ready(1);
    base.call(&["stop"]).expect(0).says("only");
    run.finish().expect(0);
    base.call(&["stop"]).expect(3);
}

#[test]
fn a_worker_that_never_looked_gets_the_unaware_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("unaware")
        .options(&["--grace", "1h", "--unaware-grace", "0"])
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "unaware"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.took < BUSY);
    end.says("has never looked at its flag");
}

#[test]
fn a_worker_that_looked_gets_its_whole_grace_in_spite_of_the_unaware_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("aware")
        .options(&["--grace", "10s", "--unaware-grace", "0"])
        .zoo(&["slowexit", "400"])
        .start();
    run.ready(1);
    base.call(&["stop", "aware"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn a_late_first_look_restores_the_full_grace() {
    late_first_look("1h");
}

#[test]
fn a_late_first_look_restores_a_grace_without_end() {
    let raised = late_first_look("infinity");
    assert!(raised.last().expect("raised")["deadline_in_ms"].is_null());
}

/// Answers what was said of the flag.
fn late_first_look(grace: &str) -> Vec<Value> {
    let base = Base::new();
    let run = base
        .scenario()
        .name("late")
        .options(&["--grace", grace, "--unaware-grace", "3s"])
        .sh(r#"trap 'echo got TERM; exit 9' TERM
            trap 'read -r level rest <"$STOPCTL_FLAG"; echo "level $level"' USR1
            trap 'echo leaving; exit 0' USR2
            echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done"#)
        .start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "late", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGUSR1);
    run.wait_for("level 1");
    std::thread::sleep(Duration::from_millis(3300));
    send(pid, Signal::SIGUSR2);
    let end = run.finish();
    end.expect(0);
    assert!(!end.out().contains("got TERM"));
    assert_eq!(end.events.ended(0)["looked"], true);
    end.events.of("flag_raised").into_iter().cloned().collect()
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
    run.wait_for("worker 0 failed: exit status 3; 1 still running");
    base.call(&["stop", "rest"]).expect(0);
    run.finish().expect(3);
}

#[test]
fn timeout_stops_by_itself_with_124() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--timeout", "300ms"])
        .workers(2)
        .zoo(&["polite"])
        .start();
    run.ready(2);
    let end = run.finish();
    end.expect(124);
    assert!(end.took >= Duration::from_millis(300));
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
        .options(&["--timeout", "200ms", "--preserve-status"])
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

#[test]
fn an_inner_run_obeys_the_flag_of_the_outer_one_with_reason_parent() {
    let base = Base::new();
    let zoo = support::base::zoo();
    let zoo = zoo.to_str().expect("a path in UTF-8");
    let run = base
        .scenario()
        .name("outer")
        .times("10s", "10s")
        .command(&[
            Base::program(),
            "run",
            "--name",
            "inner",
            "-n",
            "2",
            "--",
            zoo,
            "polite",
        ])
        .start();
    run.ready(2);
    base.call(&["stop", "outer"]).expect(0);
    run.wait_for("flag 1   parent");
    run.wait_for("flag 1   parent");
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn an_inner_ladder_fits_into_the_deadline_of_the_outer_one() {
    let base = Base::new();
    let zoo = support::base::zoo();
    let zoo = zoo.to_str().expect("a path in UTF-8");
    let run = base
        .scenario()
        .name("outer")
        .times("3s", "10s")
        .command(&[Base::program(), "run", "--grace", "1h", "--", zoo, "deaf"])
        .start();
    run.ready(1);
    let asked = Instant::now();
    base.call(&["stop", "outer"]).expect(0);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(13), "{took:?}");
    let end = run.finish();
    assert!(end.out().contains("signal 15"), "{}", end.out());
}

#[test]
fn nobody_else_is_ever_signalled() {
    let base = Base::new();
    let bystander = base.canary();
    // `command & exec stopctl run`: a child that we inherited and did not start.
    let run = base
        .scenario()
        .name("strict")
        .workers(2)
        .times("100ms", "100ms")
        .environment("ZOO", support::base::zoo())
        .through(r#"exec 3<&0; env -i "$ZOO" canary <&3 3<&- & exec "$@" </dev/null 3<&-"#)
        .zoo(&["deaf"])
        .start();
    run.wait_for_each("ready", 3);
    base.call(&["stop", "strict"]).expect(0);
    // The canary of the run speaks when its standard input ends, and it holds the streams.
    assert_eq!(run.wait_for_exit(), Ended::Code(137));
    let end = run.finish();
    assert!(end.out().contains("counted 0"), "{}", end.out());
    let end = bystander.finish();
    assert!(end.out().contains("counted 0"), "{}", end.out());
}

#[test]
fn what_may_not_be_signalled_is_named_and_status_120_says_so() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let mut base = Base::new();
    base.leaves_something();
    // /dev/shm ignores set-uid bits; the build directory does not.
    let program = support::base::zoo().with_file_name(format!("foreigner-{}", std::process::id()));
    std::fs::copy(support::base::zoo(), &program).expect("copy");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
    std::fs::set_permissions(&program, mode).expect("chmod");
    let nobody = tempfile::Builder::new()
        .tempdir_in("/dev/shm")
        .expect("a directory");
    std::os::unix::fs::chown(nobody.path(), Some(65534), Some(65534)).expect("chown");
    let runs = nobody.path().join("runs");
    let run = base
        .scenario()
        .name("foreign")
        .without_events()
        .environment("STOPCTL_DIR", &runs)
        .options(&["--stop-within", "1s"])
        .through(r#"exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@""#)
        .stdin(std::process::Stdio::null())
        .command(&[program.to_str().expect("a path in UTF-8"), "foreigner"])
        .start();
    let pid = run.ready(1)[0];
    run.signal(Signal::SIGTERM);
    run.wait_for("flag 1");
    // It holds our pipes, so it is ended before the end of them is waited for.
    let said = run.wait_for(&pid.to_string());
    let status = run.wait_for_exit();
    send(pid, Signal::SIGKILL);
    let kept = std::fs::read_dir(&runs).expect("the base").count();
    let _ = std::fs::remove_file(&program);
    run.finish();
    assert_eq!(status, Ended::Code(120), "{said:?}");
    assert_eq!(kept, 1, "the directory stays, so that list shows it");
}

fn ms(milliseconds: i64) -> i64 {
    milliseconds * 1_000_000
}

fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).expect("a short time")
}
