//! Signals and the clients: one that a program has blocked stays blocked, and a flag that becomes one.

use std::fs;

use super::{STRICT, asked_to_stop, build, c, include};
use crate::committed;
use crate::support::base::Base;
use crate::support::events::number;
use crate::support::need::{Need, lacks};

#[test]
fn a_signal_that_a_worker_in_cpp_has_blocked_does_not_end_it_through_a_thread_of_the_client() {
    if lacks(Need::Program("g++")) {
        return;
    }
    let base = Base::new();
    let source = committed::path("tests/languages/clients/masked.cpp");
    let source = source.to_str().expect("UTF-8");
    let compile = ["g++", "-std=c++20", "-pthread", "-o", "masked", source];
    let from = [include("c"), include("cpp")];
    build(
        &base,
        &[&compile[..], &STRICT, &[&from[0], &from[1]]].concat(),
    );
    let run = base
        .scenario()
        .name("masked")
        .times("infinity", "10s")
        .command(&["./masked"])
        .start();
    run.wait_for("ready");
    base.call(&["stop", "masked"]);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    assert!(end.out().contains("came: 10\n"), "{}", end.out());
    assert_eq!(number(end.events.ended(0), "exit_code"), 75);
}

#[test]
fn a_worker_in_c_that_knows_sigterm_gets_it_when_its_flag_is_raised() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    c(&base, "signal");
    let run = base
        .scenario()
        .name("knows")
        .times("infinity", "10s")
        .command(&["./signal"])
        .start();
    run.wait_for("ready");
    base.call(&["stop", "knows"]);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    assert!(
        end.out().ends_with("SIGTERM, and work is left\n"),
        "{}",
        end.out()
    );
    assert_eq!(number(end.events.ended(0), "exit_code"), 75);
}

#[test]
fn a_worker_in_c_that_polls_leaves_at_once_and_has_one_thread() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    c(&base, "poll");
    let said = asked_to_stop(&base, base.scenario().command(&["./poll"]));
    assert_eq!(said, "ready\nasked to stop: user\n");

    let run = base.scenario().name("polls").command(&["./poll"]).start();
    run.wait_for("ready");
    run.wait_for_events("worker_started", 1);
    let pid = number(run.events_so_far().only("worker_started"), "pid");
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    assert_eq!(threads.count(), 1);
    base.call(&["stop", "polls"]).expect(0);
    run.finish().expect(0);
}
