//! Starts of many: one costs the same however many there are already.

use std::fs;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};

const WORKERS: usize = 120;

/// How many starts are compared with as many others.
const SOME: usize = 20;

#[test]
fn the_supervisor_makes_as_many_calls_for_the_last_starts_as_for_the_first() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let trace = base.file("trace");
    let run = base
        .scenario()
        .name("many")
        .options(&["--no-guard"])
        .workers(WORKERS)
        .environment("TRACE", &trace)
        .through(r#"exec strace -o "$TRACE" "$@""#)
        .zoo(&["polite"])
        .start();
    run.ready(WORKERS);
    let seen = fs::read_to_string(&trace).expect("a trace");
    base.call(&["stop", "many"]).expect(0);
    run.finish().expect(0);
    let calls = seen.lines().filter(|line| line.contains('('));
    let starts: Vec<usize> = calls
        .enumerate()
        .filter(|(_, call)| call.starts_with("clone"))
        .map(|(place, _)| place)
        .collect();
    let each: Vec<usize> = starts.windows(2).map(|two| two[1] - two[0]).collect();
    let (first, last) = (middle(&each[1..=SOME]), middle(&each[each.len() - SOME..]));
    // How often it is woken in between is chance: a call in each turn for each worker would make it
    // three times as many.
    assert!(last <= 2 * first, "{first} calls at first, {last} at last");
}

/// The one in the middle: now and then all flags are looked at, whoever is being started then.
fn middle(counts: &[usize]) -> usize {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts[counts.len() / 2]
}
