//! Programs that know nothing of flags, between a worker and those that do.

use crate::support::base::Base;
use crate::support::need::{Need, lacks};

#[test]
fn the_children_of_make_leave_with_their_worker() {
    if lacks(Need::Program("make")) {
        return;
    }
    let makefile = crate::committed::path("clients/sh/examples/Makefile");
    let makefile = makefile.to_str().expect("UTF-8");
    children_leave(&["make", "-j", "2", "-f", makefile]);
}

#[test]
fn the_children_of_xargs_leave_with_their_worker() {
    if lacks(Need::Program("xargs")) {
        return;
    }
    let piece = crate::committed::path("clients/sh/examples/piece.sh");
    let script = format!("seq 6 | xargs -n 1 -P 2 sh '{}'", piece.display());
    children_leave(&["sh", "-c", &script]);
}

/// A worker with six pieces of work, two at a time: two are begun and left, the others not begun.
fn children_leave(worker: &[&str]) {
    let base = Base::new();
    let run = base
        .scenario()
        .name("pieces")
        .times("infinity", "10s")
        .command(worker)
        .start();
    run.wait_for_each("begun: ", 2);
    base.call(&["stop", "pieces"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    let said = end.out();
    let count = |word: &str| said.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("begun: "), count("left: ")), (2, 2), "{said}");
    assert_eq!(count("done: "), 0, "{said}");
}
