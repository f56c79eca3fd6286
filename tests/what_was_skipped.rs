//! The last program of `cargo test`, by its name: it tells what this machine could not run, and why.

#[path = "skipped/mod.rs"]
mod skipped;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

/// A line for each reason, with the number of tests that it kept.
fn told(noted: Vec<(String, String)>) -> String {
    let mut kept = BTreeMap::<String, BTreeSet<String>>::new();
    let mut tests = BTreeSet::new();
    for (reason, test) in noted {
        tests.insert(test.clone());
        kept.entry(reason).or_default().insert(test);
    }
    let mut text = String::new();
    if !kept.is_empty() {
        let _ = writeln!(text, "\nskipped in all or in part: {} tests", tests.len());
    }
    for (reason, tests) in kept {
        let _ = writeln!(text, "{:>6}  {reason}", tests.len());
    }
    text
}

#[test]
fn each_reason_is_told_once_with_the_number_of_tests_that_it_kept() {
    let noted = [
        ("no cc", "b"),
        ("no root", "a"),
        ("no root", "b"),
        ("no root", "b"),
    ];
    let noted = noted.map(|(reason, test)| (reason.to_owned(), test.to_owned()));
    assert_eq!(
        told(noted.to_vec()),
        "\nskipped in all or in part: 2 tests\n     1  no cc\n     2  no root\n"
    );
    // Past the test harness, which keeps what a test that passes has printed.
    let _ = write!(std::io::stderr(), "{}", told(skipped::noted()));
}
