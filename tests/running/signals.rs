//! What each signal to the supervisor does, many of them at once, and calls that they interrupt.

mod clocks;
mod forwarded;
mod inherited;
mod reaped;
mod same;

use std::io::Write as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::started::{Ended, send};

#[test]
fn every_signal_that_asks_to_stop_names_its_reason() {
    for (signal, reason) in [
        (Signal::SIGINT, "interrupt"),
        (Signal::SIGTERM, "term"),
        (Signal::SIGHUP, "hangup"),
    ] {
        let base = Base::new();
        let run = base.scenario().zoo(&["polite"]).start();
        run.ready(1);
        run.signal(signal);
        run.wait_for(&format!("flag 1   {reason} "));
        let end = run.finish();
        assert_eq!(end.events.outcomes(), ["flag"]);
        assert_eq!(end.events.raised()[0]["reason"], reason);
    }
}

#[test]
fn s10_every_other_signal_whose_default_ends_us_asks_to_stop() {
    // ALRM, STKFLT, XCPU, VTALRM, PROF, IO, PWR, and real-time ones.
    for number in [14, 16, 24, 26, 27, 29, 30, 34, 50, 64] {
        let base = Base::new();
        let run = base
            .scenario()
            .through(r#"ulimit -c 0; exec "$@""#)
            .zoo(&["polite"])
            .start();
        run.ready(1);
        base.sh(&format!("kill -{number} {}", run.pid())).expect(0);
        let end = run.finish();
        assert_eq!(end.events.outcomes(), ["flag"], "S10 {number}");
        assert_eq!(end.events.of("stop_requested").len(), 1, "S10 {number}");
    }
}

#[test]
fn a_signal_that_asks_like_sigterm_is_told_by_its_own_name() {
    for (signal, name) in [
        (Signal::SIGTERM, "SIGTERM"),
        (Signal::SIGQUIT, "SIGQUIT"),
        (Signal::SIGALRM, "SIGALRM"),
    ] {
        let base = Base::new();
        let run = base.scenario().zoo(&["polite"]).start();
        run.ready(1);
        run.signal(signal);
        let end = run.finish();
        end.expect(0).says(&format!("({name})"));
        assert_eq!(end.events.raised()[0]["reason"], "term");
    }
}

#[test]
fn usr1_usr2_and_winch_are_passed_on_and_do_not_stop() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .zoo(&["deaf"])
        .times("1s", "100ms")
        .start();
    run.ready(2);
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH] {
        run.signal(signal);
        run.wait_for_each(&format!("signal {} at", signal as i32), 2);
    }
    assert!(run.events_so_far().of("stop_requested").is_empty());
    run.signal(Signal::SIGTERM);
    run.finish().expect(137);
}

#[test]
fn signals_that_end_nothing_by_default_do_nothing() {
    let base = Base::new();
    let run = base.scenario().name("calm").zoo(&["polite"]).start();
    run.ready(1);
    for signal in [Signal::SIGURG, Signal::SIGCHLD, Signal::SIGPIPE] {
        run.signal(signal);
    }
    run.signal(Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0");
    base.call(&["stop", "calm"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn s8_a_signal_storm_loses_no_sigterm() {
    let base = Base::new();
    let run = base.scenario().times("10s", "10s").zoo(&["polite"]).start();
    run.ready(1);
    let pid = run.pid();
    let storm = std::thread::spawn(move || {
        for _ in 0..34_000 {
            send(pid, Signal::SIGUSR2);
            send(pid, Signal::SIGWINCH);
            send(pid, Signal::SIGCONT);
        }
    });
    storm.join().expect("the supervisor lives");
    run.signal(Signal::SIGTERM);
    for _ in 0..100 {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGUSR2);
    }
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"]);
    assert!(end.took < Duration::from_secs(20), "S8: {:?}", end.took);
}

#[test]
fn s8_a_flood_of_requests_keeps_no_signal_out() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("flooded")
        .times("10s", "10s")
        .zoo(&["polite"])
        .start();
    run.ready(1);
    let path = base.runs().join("flooded/control");
    let mut fifo = std::fs::File::options()
        .write(true)
        .open(path)
        .expect("control");
    // Until the supervisor is gone, its FIFO is never empty: there is always something to read.
    let flood = std::thread::spawn(move || while fifo.write_all(&[b'\n'; 4096]).is_ok() {});
    let asked = run.signal(Signal::SIGTERM);
    let end = run.finish();
    let took = asked.elapsed();
    flood.join().expect("it only writes");
    assert_eq!(end.events.outcomes(), ["flag"]);
    assert!(took < Duration::from_secs(10), "S8: {took:?}");
}

#[test]
fn s1_eintr_on_blocking_calls_changes_nothing() {
    if lacks(Need::Trace) {
        return;
    }
    for call in [
        "poll", "ppoll", "waitid", "read", "openat", "pwrite64", "fcntl",
    ] {
        let base = Base::new();
        // From the third on, every fifth: the dynamic loader's first calls are not ours.
        let script = format!(
            r#"exec strace -o /dev/null -e trace={call} -e inject={call}:error=EINTR:when=8+5 "$@""#
        );
        let run = base
            .scenario()
            .name("eintr")
            .times("10s", "10s")
            .through(&script)
            .zoo(&["polite", "5"])
            .start();
        run.ready(1);
        base.call(&["stop", "eintr"]).expect(0);
        let end = run.finish();
        assert_eq!(end.ended, Ended::Code(5), "S1 {call}: {}", end.err());
        assert_eq!(end.events.outcomes(), ["flag"], "S1 {call}");
    }
}

#[test]
fn s2_eagain_when_a_pipe_is_read_changes_nothing() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("eagain")
        .times("10s", "10s")
        .through(
            r#"exec strace -o /dev/null -e trace=read -e inject=read:error=EAGAIN:when=40+2 "$@""#,
        )
        .zoo(&["polite"])
        .start();
    run.ready(1);
    base.call(&["stop", "eagain"]).expect(0);
    run.finish().expect(0);
}
