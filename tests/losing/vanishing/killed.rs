//! What is deleted when nobody is left who would put it back, and what is deleted again and again.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::scene::{BUSY, clients, flag, put_back, text, waiting};
use super::{EVERYTHING, HOLDS, What};
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::owner::guard_of;
use crate::support::processes;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// Stops a supervisor of so many workers that has nothing to do: all have been started.
fn stop(run: &Started, workers: usize) {
    run.wait_for_each(" started: pid ", workers + 1);
    until("it sleeps", || processes::state(run.pid()) == Some('S'));
    send(run.pid(), Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
}

/// Nothing is put back while the supervisor is stopped: so it is the guard that finds it gone.
#[test]
fn k4a_what_is_deleted_when_the_supervisor_dies_is_put_back_by_its_guard() {
    for what in EVERYTHING {
        let base = Base::new();
        let run = base
            .scenario()
            .name("both")
            .workers(3)
            .options(&["-v"])
            .zoo(&HOLDS)
            .start();
        run.ready(3);
        let open: Vec<File> = (0..3)
            .map(|worker| File::open(flag(&base, "both", worker)).expect("a flag"))
            .collect();
        stop(&run, 3);
        what.delete(&base, "both");
        run.signal(Signal::SIGKILL);
        let end = run.finish();
        end.expect_signal(9).says("its guard (pid ");
        assert_eq!(end.events.outcomes(), ["unobserved"; 3], "{what:?}");
        for (worker, file) in (0..).zip(&open) {
            assert_eq!(end.events.signals(worker), [""; 0], "{what:?}: it left");
            assert!(text(file).starts_with("1   lost"), "{what:?}");
        }
        assert!(!base.runs().join("both").exists(), "{what:?}");
    }
}

/// The guard finds it, or makes it again, so that there is somebody to ask.
#[test]
fn k4a_a_run_whose_supervisor_is_dead_and_whose_directory_was_deleted_can_be_asked() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("both")
        .workers(2)
        .times("1h", "1s")
        .options(&["-v"])
        .zoo(&["handler", "0"])
        .start();
    run.ready(2);
    stop(&run, 2);
    What::Base.delete(&base, "both");
    run.signal(Signal::SIGKILL);
    run.wait_for("its supervisor died");
    base.call(&["status", "both"]).expect(0);
    base.call(&["stop", "both", "--term"]).expect(0);
    let end = run.finish();
    end.expect_signal(9);
    assert_eq!(end.events.signals(0)[0], "SIGTERM");
    assert!(!base.runs().join("both").exists());
}

#[test]
fn k4b_whoever_waits_by_an_owner_file_that_was_deleted_twice_learns_of_the_death() {
    let base = Base::new();
    for (client, command) in clients(&base) {
        let scenario = base.scenario().options(&["-v"]).without_events();
        let (run, _) = waiting(scenario, "gone", &command);
        guard_of(&run);
        let mut guard = 0;
        for _ in 0..3 {
            let deleted = Instant::now();
            What::Only("owner").delete(&base, "gone");
            put_back(&run, &base.runs().join("gone"), deleted);
            guard = guard_of(&run);
        }
        // At the same instant, as far as two system calls can.
        send(guard, Signal::SIGSTOP);
        send(run.pid(), Signal::SIGKILL);
        send(guard, Signal::SIGKILL);
        let killed = Instant::now();
        run.wait_for("1 lost -");
        let took = killed.elapsed();
        assert!(
            took < Duration::from_millis(1200) + BUSY,
            "{client}: {took:?}"
        );
        run.finish().expect_signal(9);
        base.call(&["stop", "gone"]).expect(0);
    }
}

fn descriptors(run: &Started) -> usize {
    fs::read_dir(format!("/proc/{}/fd", run.pid())).map_or(0, Iterator::count)
}

/// The old flags are kept for the workers, who have them open, and nobody has what was put back.
#[test]
fn k4c_a_run_that_is_deleted_again_and_again_needs_no_more_than_twice_its_descriptors() {
    const WORKERS: usize = 20;
    let base = Base::new();
    let run = base
        .scenario()
        .name("often")
        .workers(WORKERS)
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    run.ready(WORKERS);
    guard_of(&run);
    let before = descriptors(&run);
    let mut after = Vec::new();
    for _ in 0..5 {
        let deleted = Instant::now();
        What::Run.delete(&base, "often");
        put_back(&run, &base.runs().join("often"), deleted);
        guard_of(&run);
        after.push(descriptors(&run));
    }
    assert!(
        after.iter().all(|&open| open <= before + WORKERS),
        "{before}, then {after:?}"
    );
    base.call(&["stop", "often"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"; WORKERS]);
}

#[test]
fn k4c_a_run_without_descriptors_for_its_flags_has_its_name_again_and_stops() {
    const WORKERS: usize = 30;
    if lacks(Need::Program("prlimit")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("scarce")
        .workers(WORKERS)
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    run.ready(WORKERS);
    guard_of(&run);
    // Room for each flag once, and for what is needed beside.
    let limit = format!("prlimit --pid {} --nofile=64:64", run.pid());
    base.sh(&limit).expect(0);
    What::Run.delete(&base, "scarce");
    run.wait_for("put back");
    run.wait_for("flags of scarce cannot be put back");
    // It has room for a guard all the same.
    guard_of(&run);
    base.call(&["status", "scarce"]).expect(0);
    base.call(&["stop", "scarce"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"; WORKERS]);
}

/// In a pid namespace of its own, where the next pid can be chosen.
#[test]
fn k4d_an_orphan_that_gets_the_pid_of_a_guard_which_was_replaced_is_found() {
    const WORKER: &str = r#"echo "ready worker=0 pid=$$"
        until [ -s number ]; do sleep 0.05; done
        read -r number <number
        echo $((number - 1)) >/proc/sys/kernel/ns_last_pid
        setsid sleep 1000 &
        echo "orphan $! of $number"; exit 0"#;
    if lacks(Need::Root) || lacks(Need::PidNamespace) || lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("known")
        .options(&["-v"])
        .through(r#"exec unshare -p -f --mount-proc sh -c '"$@"; exit $?' sh "$@""#)
        .sh(WORKER)
        .start();
    run.ready(1);
    let guard = guard_of(&run);
    let deleted = Instant::now();
    What::Run.delete(&base, "known");
    put_back(&run, &base.runs().join("known"), deleted);
    let newer = guard_of(&run);
    assert_ne!(guard, newer, "a guard of what was put back");
    fs::write(base.work().join("number"), format!("{guard}\n")).expect("the number");
    let said = run.wait_for("orphan ").text;
    let end = run.finish();
    end.expect(0);
    // Whatever number it got, it is the worker's, and is ended.
    let found = end.events.of("straggler");
    assert_eq!(found.len(), 1, "{said}: {}", end.err());
    assert_eq!(said, format!("orphan {guard} of {guard}"));
    assert_eq!(found[0]["pid"], guard);
}

#[test]
fn k4e_a_directory_that_is_moved_comes_back_and_its_files_are_the_same() {
    use std::os::unix::fs::MetadataExt as _;
    let base = Base::new();
    let run = base
        .scenario()
        .name("moved")
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    guard_of(&run);
    run.ready(1);
    let directory = base.runs().join("moved");
    let inode = |path: &Path| fs::metadata(path).map(|data| data.ino()).ok();
    let before = (inode(&directory), inode(&flag(&base, "moved", 0)));
    let places = [
        base.runs().join("elsewhere"),
        base.runs().join(".hidden"),
        base.work().join("another-place"),
    ];
    for place in &places {
        let moved = Instant::now();
        if fs::rename(&directory, place).is_err() {
            // On another file system: that is a copy, and a deletion.
            continue;
        }
        put_back(&run, &directory, moved);
        assert_eq!(
            (inode(&directory), inode(&flag(&base, "moved", 0))),
            before,
            "{place:?}"
        );
        assert!(!place.exists(), "{place:?}");
    }
    base.call(&["stop", "moved"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}
