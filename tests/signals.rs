//! What each signal to the supervisor does, what workers inherit, and clocks that jump.

mod support;

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use support::base::Base;
use support::events::text;
use support::need::{Need, lacks};
use support::preload::before_each_wait;
use support::processes;
use support::started::{Ended, send};

/// The bit of a signal in the sets of /proc/PID/status.
const fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

const SIGNAL_SETS: &str = "echo ready; grep -E 'Sig(Ign|Blk)' /proc/self/status";

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
    // ALRM, STKFLT, XCPU, XFSZ, VTALRM, PROF, IO, PWR, and real-time ones.
    for number in [14, 16, 24, 25, 26, 27, 29, 30, 34, 50, 64] {
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
    run.wait_for("flag 1   term");
    run.signal(Signal::SIGQUIT);
    run.finish().expect(137);
}

#[test]
fn forwarded_hup_is_a_reload_instead_of_a_stop() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("reload")
        .options(&["--forward", "HUP"])
        .zoo(&["polite"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGHUP);
    run.wait_for("signal 1 at");
    assert!(run.events_so_far().of("stop_requested").is_empty());
    base.call(&["stop", "reload"]).expect(0);
    run.finish().expect(0);
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
    let library = before_each_wait(&base, "waitpid(-1, 0, 0);");
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
