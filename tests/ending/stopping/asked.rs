//! What `stop` makes of its names and options.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::scene::BUSY;
use crate::support::base::Base;
use crate::support::events::number;
use crate::support::started::{Ended, send};

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
        .says("stopctl stop train -w 1");
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0");
    base.call(&["stop", "train"]).expect(0);
    run.finish().expect(0);
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
fn stop_all_of_nothing_says_so_and_is_no_error() {
    let base = Base::new();
    let none = "stopctl: there is no run; nothing was stopped\n";
    assert_eq!(base.call(&["stop", "--all"]).expect(0).err, none);
    assert_eq!(base.call(&["stop", "--all", "--quiet"]).expect(0).err, "");
    let json = base.call(&["stop", "--all", "--json"]);
    assert_eq!(json.expect(0).json()["runs"], serde_json::json!([]));
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
