//! Flags that were cut or deleted just before the supervisor died.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::scene::told;
use crate::support::base::Base;
use crate::support::owner::{guard_of, open_to_spoil};
use crate::support::processes;
use crate::support::started::Started;
use crate::support::until::until;

#[test]
fn g13_a_flag_that_is_cut_when_the_supervisor_dies_is_raised_all_the_same() {
    with_its_flag_spoilt(cut);
}

#[test]
fn b6_a_flag_that_is_deleted_when_the_supervisor_dies_loses_no_worker() {
    with_its_flag_spoilt(|path| fs::remove_file(path).expect("a flag"));
}

fn with_its_flag_spoilt(spoil: impl Fn(&Path)) {
    let base = Base::new();
    let scenario = base.scenario().name("cut").without_events();
    let scenario = scenario.times("100ms", "100ms").options(&["-v"]);
    let run = scenario.zoo(&["blind"]).start();
    guard_of(&run);
    run.ready(1);
    spoil_and_kill(&base, &run, spoil);
    let end = run.finish();
    end.expect_signal(9)
        .says("SIGTERM to worker 0")
        .says("cut is over");
}

/// Spoils the flag of a run, and kills its supervisor before that makes it whole again.
fn spoil_and_kill(base: &Base, run: &Started, spoil: impl Fn(&Path)) {
    run.signal(Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    let files = fs::read_dir(base.runs().join("cut")).expect("a run");
    let mut files = files.map(|entry| entry.expect("an entry").path());
    spoil(
        &files
            .find(|path| path.extension().is_some())
            .expect("a flag"),
    );
    run.signal(Signal::SIGKILL);
}

fn cut(path: &Path) {
    open_to_spoil(path).set_len(0).expect("a flag");
}

#[test]
fn c5_a_ladder_whose_flag_says_nothing_any_more_goes_on_from_what_is_on_record() {
    let deleted = |path: &Path| fs::remove_file(path).expect("a flag");
    // Of one that was deleted its worker has the old file open, and sees no more.
    for (spoil, seen) in [
        (&cut as &dyn Fn(&Path), Some("flag 2   lost")),
        (&deleted, None),
    ] {
        let base = Base::new();
        let scenario = base.scenario().name("cut").without_events();
        let scenario = scenario.times("100ms", "2s").options(&["-v"]);
        let run = scenario.zoo(&["deaf"]).start();
        guard_of(&run);
        run.ready(1);
        base.call(&["stop", "cut", "--no-wait"]).expect(0);
        let kill_due = run.wait_for("flag 2   user").deadline();
        until("the record tells of SIGTERM", || {
            base.call(&["status", "cut", "--json"]).json()["runs"][0]["workers"][0]["level"] == 2
        });
        spoil_and_kill(&base, &run, spoil);
        let end = run.finish();
        let over = processes::now_ns();
        end.expect_signal(9).says("SIGKILL to worker 0");
        let out = end.out();
        assert_eq!(out.matches("signal 15").count(), 1, "SIGTERM twice: {out}");
        assert_eq!(told(&out, 1), 1, "C5: it began anew: {out}");
        assert!(seen.is_none_or(|line| out.contains(line)), "C5: {out}");
        assert!(over >= kill_due, "C5: SIGKILL is early");
    }
}
