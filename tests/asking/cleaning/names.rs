//! Names that are in use, or were until somebody died.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::sys::signal::Signal;

use super::scene::{die, entries, one_worker};
use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks, rounds};
use crate::support::processes;
use crate::support::started::{Started, send};

#[test]
fn g22_no_run_that_is_being_started_is_touched() {
    for round in 0..rounds(2) {
        let base = Base::new();
        let mut starts = base.command("/bin/sh");
        starts
            .args([
                "-c",
                r#"i=0; while [ $i -lt 50 ]; do
                     "$STOPCTL" run --name "run$i" -- true || echo "run$i: $?" &
                     i=$((i + 1))
                   done; wait; echo all over"#,
            ])
            .env("STOPCTL", Base::program());
        let starts = Started::begin(starts, base.root(), None);
        let over = || starts.so_far().iter().any(|line| line.text == "all over");
        while !over() {
            let cleaned = base.call(&["clean"]);
            cleaned.expect(0);
            assert!(!cleaned.err.contains("cleaned"), "{round}: {cleaned:?}");
        }
        let end = starts.finish();
        assert_eq!(
            (end.out().as_str(), end.err().as_str()),
            ("all over\n", ""),
            "{round}"
        );
    }
}

#[test]
fn g21_a_dead_container_with_the_same_name_is_cleaned_and_started() {
    if lacks(Need::PidNamespace) {
        return;
    }
    for how in ["clean", "run"] {
        let base = Base::new();
        let mut pod = base.command("unshare");
        pod.args(["-p", "-f", "--mount-proc", Base::program(), "run"])
            .args(["--name", "pod", "--"])
            .arg(zoo())
            .arg("blind");
        let pod = Started::begin(pod, base.root(), None);
        pod.wait_for("ready");
        // As PID 1 of its namespace it takes everybody with it.
        send(processes::children(pod.pid())[0], Signal::SIGKILL);
        pod.finish();
        assert_eq!(entries(base.runs()), ["pod"]);
        let answer = if how == "clean" {
            base.call(&["clean"])
        } else {
            base.call(&["run", "--name", "pod", "--", "true"])
        };
        answer.expect(0).says("restarted");
    }
}

#[test]
fn g11_a_third_run_cleans_takes_the_name_and_signals_no_stranger() {
    for _ in 0..rounds(3) {
        let base = Base::new();
        let mut canary = base.canary();
        let (one, _) = one_worker(&base, "one", "deaf", ("1s", "1s"));
        let (two, pid) = one_worker(&base, "two", "polite", ("100ms", "100ms"));
        die(&one);
        die(&two);
        // The worker of the second has ended, and a stranger has its pid.
        send(pid, Signal::SIGKILL);
        two.finish().expect_signal(9);
        give_pid(&base.runs().join("two/record"), canary.pid());

        base.call(&["run", "--name", "one", "--", "true"])
            .expect(0)
            .says("run 'one' was left by its dead supervisor: stopping its 1 worker")
            .says("run 'two' was left by its dead supervisor: cleaning up")
            .says("waiting until nothing is left of the run 'one'");
        one.finish().expect_signal(9);
        // Whoever ends the second one may still be at it.
        base.call(&["stop", "two", "--if-running"]).expect(0);
        canary.close_stdin();
        assert_eq!(canary.wait_for("counted").number("counted"), 0);
        canary.finish().expect(0);
    }
}

/// Writes another pid to the start time of worker 0, as if that pid had been given to somebody else.
fn give_pid(record: &Path, pid: i32) {
    const SLOT: u64 = 4096;
    let file = fs::OpenOptions::new().read(true).write(true).open(record);
    let file = file.expect("the record");
    let mut line = [0; 64];
    file.read_exact_at(&mut line, SLOT).expect("the slot");
    let text = String::from_utf8_lossy(&line);
    let (_, rest) = text.trim_end().split_once(' ').expect("pid and start");
    let mut forged = format!("{pid} {rest}").into_bytes();
    forged.resize(64, b'\n');
    file.write_all_at(&forged, SLOT).expect("write");
}

#[test]
fn a_run_that_waits_for_its_name_dies_of_a_signal() {
    let base = Base::new();
    let (dead, _) = one_worker(&base, "name", "deaf", ("1m", "1m"));
    die(&dead);
    for (signal, number) in [(Signal::SIGINT, 2), (Signal::SIGTERM, 15)] {
        let next = base.begin(&["run", "--name", "name", "--", "true"]);
        next.wait_for("waiting until");
        next.signal(signal);
        next.finish().expect_signal(number);
    }
    // It was asked all the same.
    dead.wait_for("flag 1   lost");
    base.call(&["stop", "name", "--kill"]).expect(0);
    dead.finish().expect_signal(9);
}

#[test]
fn the_name_of_a_live_run_is_taken() {
    let base = Base::new();
    let live = base.scenario().name("live").zoo(&["polite"]).start();
    live.ready(1);
    base.call(&["run", "--name", "live", "--", "true"])
        .expect(125)
        .says("there is a run named 'live' already");
    base.call(&["stop", "live"]).expect(0);
    live.finish().expect(0);
}
