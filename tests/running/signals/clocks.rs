//! Clocks that jump, stand still or are those of another namespace.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::events::text;
use crate::support::need::{Need, lacks};
use crate::support::processes;
use crate::support::started::send;

#[test]
fn m4_after_a_delay_of_our_own_rungs_keep_their_distance_from_now() {
    let base = Base::new();
    let run = base.scenario().times("1s", "400ms").zoo(&["deaf"]).start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    run.wait_for("flag 1");
    send(run.pid(), Signal::SIGSTOP);
    // Longer than the whole ladder.
    std::thread::sleep(Duration::from_millis(2500));
    let continued = processes::now_ns();
    send(run.pid(), Signal::SIGCONT);
    let term = run.wait_for("signal 15 at").number(" at ");
    assert!(term >= continued, "M4");
    let kill_due = run.wait_for("flag 2").deadline();
    assert!(
        kill_due - continued >= 400_000_000,
        "M4: SIGKILL is due early"
    );
    let end = run.finish();
    end.expect(137);
    assert!(processes::now_ns() >= kill_due, "M4: SIGKILL early");
    let sent = end.events.signals(0);
    assert_eq!(sent.first().map(String::as_str), Some("SIGTERM"));
    assert_eq!(sent.last().map(String::as_str), Some("SIGKILL"));
}

/// The wall clock that `libfaketime` shows to a program, as its file says; the monotonic one stays.
const FAKE_CLOCK: &str = r#"export LD_PRELOAD='/usr/$LIB/faketime/libfaketime.so.1' \
    FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE=$PWD/clock; exec "$@""#;

#[test]
fn m1_a_wall_clock_that_jumps_by_a_year_in_the_grace_moves_no_rung() {
    if lacks(Need::Program("faketime")) {
        return;
    }
    for jump in ["+365d", "-365d"] {
        let base = Base::new();
        let clock = base.file("clock");
        fs::write(&clock, "+0d").expect("a clock");
        let run = base
            .scenario()
            .name("jump")
            .times("1s", "1s")
            .through(FAKE_CLOCK)
            .zoo(&["deaf"])
            .start();
        run.ready(1);
        let asked = run.signal(Signal::SIGTERM);
        run.wait_for("flag 1   term");
        fs::write(&clock, jump).expect("a clock");
        let end = run.finish();
        let took = asked.elapsed();
        end.expect(137);
        assert!(took >= Duration::from_secs(2), "M1 {jump}: {took:?}");
        assert!(took < Duration::from_secs(30), "M1 {jump}: {took:?}");
        // The clock did jump: the events, which carry the wall clock, say so.
        let ended = text(end.events.only("run_ended"), "time")[..4].to_owned();
        let started = text(end.events.only("run_started"), "time")[..4].to_owned();
        assert_ne!(ended, started, "M1 {jump}");
    }
}

#[test]
fn m2_deadlines_are_on_the_clock_that_stands_still_while_the_machine_is_suspended() {
    if lacks(Need::Root) || lacks(Need::TimeNamespace) || lacks(Need::Program("python3")) {
        return;
    }
    // In this namespace an hour of suspend lies between the two clocks.
    let base = Base::new();
    let run = base
        .scenario()
        .name("resumed")
        .times("1h", "1s")
        .through(r#"exec unshare -T --boottime 3600 "$@""#)
        .sh(r#"read -r level rest <"$STOPCTL_FLAG"; echo ready
            while read -r level reason deadline rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]
            do sleep 0.01; done
            exec python3 -c "
import sys, time
print('monotonic', (int(sys.argv[1]) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 10**9)
print('boottime', (int(sys.argv[1]) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 10**9)
" "$deadline""#)
        .start();
    run.wait_for("ready");
    run.signal(Signal::SIGTERM);
    let seconds = |line: String| -> i64 {
        let word = line.rsplit(' ').next().expect("a number");
        word.parse().unwrap_or_else(|_| panic!("no number: {line}"))
    };
    let left = seconds(run.wait_for("monotonic").text);
    let boot = seconds(run.wait_for("boottime").text);
    run.finish().expect(0);
    assert!(
        (3500..=3600).contains(&left),
        "M2: {left} s of the hour left"
    );
    assert!(boot < 60, "M2: the clocks differ: {boot} s");
}

#[test]
fn m5_in_a_time_namespace_only_differences_count() {
    if lacks(Need::Root) || lacks(Need::TimeNamespace) {
        return;
    }
    for offset in ["100000", "1"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("elsewhen")
            .times("300ms", "300ms")
            .through(&format!(
                r#"exec unshare -T --monotonic {offset} --boottime {offset} "$@""#
            ))
            .zoo(&["deaf"])
            .start();
        run.ready(1);
        let asked = Instant::now();
        // From outside the namespace: another monotonic clock.
        let stop = base.call(&["stop", "elsewhen"]);
        let took = asked.elapsed();
        stop.expect(0);
        assert!(took >= Duration::from_millis(590), "M5: {took:?}");
        assert!(took < Duration::from_secs(20), "M5: {took:?}");
        let end = run.finish();
        end.expect(137);
    }
}
