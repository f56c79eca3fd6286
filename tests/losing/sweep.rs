//! Row C2: the supervisor of a short run is killed at its k-th call of each system call, and the
//! promises hold. A sample by default; all of them where `STOPCTL_TEST_ROUNDS` is set.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::killed::{NAME, check, check_nobody, check_workers, each, trio};
use crate::support::base::Base;
use crate::support::need::{Need, lacks, rounds};
use crate::support::scenario::Scenario;
use crate::support::started::Ended;

const WORKERS: usize = 2;

/// One of so many in a usual test.
const SAMPLE: usize = 10;

/// The supervisor alone is traced: what it forks is not.
fn traced<'b>(base: &'b Base, options: &[&str], strace: &str) -> Scenario<'b> {
    let trace = base.file("trace");
    trio(base, WORKERS)
        .options(options)
        .environment("TRACE", trace)
        .through(&format!("exec strace -o \"$TRACE\" {strace} \"$@\""))
}

/// How often a run is listed: how often one is woken depends on how busy the machine is.
const LISTED: usize = 3;

/// Every call that the supervisor makes which nothing happens to: its name, and the how many-th. Of
/// several runs the one that made the fewest.
fn calls(options: &[&str]) -> Vec<(String, usize)> {
    let listed = (0..LISTED).map(|_| {
        let base = Base::new();
        traced(&base, options, "").start().finish();
        let mut calls = made(&base);
        // The first one is strace's own, which becomes the program by it.
        calls.retain(|(name, _)| name != "execve");
        calls
    });
    let calls = listed.min_by_key(Vec::len).expect("a list");
    assert!(calls.len() > 100, "too few calls: {calls:?}");
    calls
}

/// The calls in the trace: their names, and the how many-th.
fn made(base: &Base) -> Vec<(String, usize)> {
    let trace = fs::read_to_string(base.file("trace")).expect("a trace");
    let mut counts = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let count: &mut usize = counts.entry(name.to_owned()).or_default();
        *count += 1;
        calls.push((name.to_owned(), *count));
    }
    calls
}

fn sweep(options: &[&str]) {
    if lacks(Need::Trace) {
        return;
    }
    let step = if rounds(0) == 0 { SAMPLE } else { 1 };
    let cases: Vec<(String, usize)> = calls(options).into_iter().step_by(step).collect();
    let told = |(call, at): &(String, usize)| format!("killed at {call} {at}, {options:?}");
    let killed = AtomicUsize::new(0);
    each(&cases, told, |(call, at)| {
        let mut base = Base::new();
        base.leaves_something();
        let kill = format!("-e trace={call} -e inject={call}:signal=KILL:when={at}");
        let run = traced(&base, options, &kill).start();
        if run.wait_for_exit() == Ended::Signal(9) {
            killed.fetch_add(1, Ordering::Relaxed);
        } else {
            // A run that is woken less often than the one that was listed makes fewer calls.
            let calls = made(&base);
            assert!(!calls.contains(&(call.clone(), *at)), "made, and alive");
        }
        base.call(&["stop", "--if-running", NAME]).expect(0);
        check_workers(&base);
        let lines = run.finish().lines;
        check_nobody(&base);
        check(&base, &lines);
    });
    let (killed, all) = (killed.into_inner(), cases.len());
    assert!(killed * 2 > all, "{killed} of {all} were killed");
}

#[test]
fn c2_a_supervisor_with_a_guard_is_killed_at_every_system_call() {
    sweep(&[]);
}

#[test]
fn c2_a_supervisor_without_a_guard_is_killed_at_every_system_call() {
    sweep(&["--no-guard"]);
}
