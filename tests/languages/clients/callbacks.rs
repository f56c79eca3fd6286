//! What `onStop` of the client for Java promises: each function runs, whatever the others do, and a
//! program that ends waits for them.

use super::java_with;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::started::End;

#[test]
fn a_callback_that_throws_keeps_no_other_from_being_called() {
    let Some(end) = stopped("throws", "infinity") else {
        return;
    };
    assert!(
        end.err().contains("a fault of the callback"),
        "{}",
        end.err()
    );
    assert!(end.out().contains("first\nlast\n"), "{}", end.out());
}

#[test]
fn a_callback_that_ends_the_program_keeps_no_other_from_being_called() {
    for what in ["exits", "exits-twice"] {
        let Some(end) = stopped(what, "infinity") else {
            return;
        };
        let said = end.out();
        assert!(
            said.contains("first\n") && said.contains("last\n"),
            "{what}: {said}"
        );
    }
}

#[test]
fn a_program_that_ends_does_not_cut_off_a_callback() {
    let Some(end) = stopped("is-slow", "infinity") else {
        return;
    };
    let said = end.out();
    let rows = said.lines().filter(|line| *line == "row").count();
    assert_eq!((rows, said.lines().last()), (10, Some("last")), "{said}");
}

#[test]
fn a_program_that_ends_waits_for_no_callback_longer_than_to_the_deadline() {
    let Some(end) = stopped("never-ends", "2s") else {
        return;
    };
    assert_ne!(end.events.outcomes(), ["kill"], "{}", end.err());
}

/// A worker that registers three functions, of which the second does this, and then leaves by its
/// flag: what came of it.
fn stopped(what: &str, grace: &str) -> Option<End> {
    if lacks(Need::Program("javac")) {
        return None;
    }
    let base = Base::new();
    java_with(&base, "tests/languages/clients/Callbacks.java");
    let worker = ["java", "-cp", ".", "Callbacks", what];
    let scenario = base.scenario().name("calls").times(grace, "infinity");
    let run = scenario.command(&worker).start();
    run.wait_for("ready");
    base.call(&["stop", "calls"]);
    Some(run.finish())
}
