//! What takes the place of a run's files, or of the run.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::signal::Signal;

use super::HOLDS;
use super::scene::{flag, put_back};
use crate::support::base::Base;
use crate::support::owner::guard_of;
use crate::support::processes;
use crate::support::started::send;
use crate::support::until::until;

#[test]
fn r3_whatever_takes_the_place_of_control_the_run_can_be_stopped() {
    let base = Base::new();
    for (kind, script) in [
        ("file", "echo hello >control"),
        (
            "moved file",
            "echo hello >../aside && mv -f ../aside control",
        ),
        ("renamed file", "echo hello >other && mv -f other control"),
        ("link", "ln -sf /dev/null control"),
        ("fifo", "rm control && mkfifo control"),
        ("nothing", "rm control"),
    ] {
        let run = base.scenario().name("replaced").zoo(&HOLDS).start();
        run.ready(1);
        let directory = base.runs().join("replaced");
        let before = fs::symlink_metadata(directory.join("control")).expect("control");
        let answer = base.sh(&format!("cd {} && {script}", directory.display()));
        answer.expect(0);
        // A line for whoever reads it is a request that is none.
        if kind == "file" {
            run.wait_for("no request");
        } else {
            run.wait_for("put back");
            let after = fs::symlink_metadata(directory.join("control")).expect("control");
            assert!(after.file_type().is_fifo(), "R3 {kind}");
            assert_ne!(before.ino(), after.ino(), "R3 {kind}");
            assert_eq!(after.mode() & 0o7777, 0o600, "R3 {kind}");
        }
        base.call(&["stop", "replaced"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag"], "R3 {kind}");
    }
}

#[test]
fn r3_a_file_in_the_place_of_another_one_is_replaced() {
    for name in ["owner", "record", "flag"] {
        let base = Base::new();
        let run = base.scenario().name("replaced").zoo(&HOLDS).start();
        run.ready(1);
        let directory = base.runs().join("replaced");
        let path = match name {
            "flag" => flag(&base, "replaced", 0),
            name => directory.join(name),
        };
        let aside = base.runs().join(".aside");
        fs::write(&aside, "hello").expect("a file");
        let deleted = Instant::now();
        fs::rename(&aside, &path).expect("a rename");
        put_back(&run, &directory, deleted);
        base.call(&["status", "replaced"]).expect(0);
        base.call(&["stop", "replaced"]).expect(0);
        run.finish().expect(0);
    }
}

#[test]
fn b7_a_run_that_took_the_name_of_a_deleted_one_is_left_alone() {
    let base = Base::new();
    let older = base
        .scenario()
        .name("twice")
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    older.ready(1);
    let directory = base.runs().join("twice");
    // Nothing is put back while the supervisor is stopped: the newer run is quicker.
    send(older.pid(), Signal::SIGSTOP);
    until("it is stopped", || {
        processes::state(older.pid()) == Some('T')
    });
    fs::remove_dir_all(&directory).expect("rm -r of the run");
    let newer = base.scenario().name("twice").zoo(&HOLDS).start();
    newer.ready(1);
    let before = fs::metadata(&directory).expect("the newer run").ino();
    send(older.pid(), Signal::SIGCONT);
    let said = older.wait_for("cannot be put back").text;
    assert!(said.contains("another run has its name now"), "B7: {said}");
    assert!(
        said.contains(&format!("(pid {})", older.pid())),
        "B7: {said}"
    );
    older.signal(Signal::SIGTERM);
    let end = older.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "B7");
    let after = fs::metadata(&directory).expect("the newer run").ino();
    assert_eq!(before, after, "B7: the newer run has its directory");
    let left = fs::read_dir(base.runs()).expect("the base").count();
    assert_eq!(left, 1, "B7: nothing else is left");
    base.call(&["status", "twice"]).expect(0);
    base.call(&["stop", "twice"]).expect(0);
    let end = newer.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "B7");
}

/// Which files below `directory` a process has open.
fn open_below(directory: &Path, pid: i32) -> Vec<(PathBuf, u64)> {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let mut files: Vec<_> = all
        .flatten()
        .filter_map(|one| Some((fs::read_link(one.path()).ok()?, one.path())))
        .filter(|(target, _)| target.starts_with(directory))
        .map(|(target, link)| (target, fs::metadata(link).map_or(0, |data| data.ino())))
        .collect();
    files.sort();
    files
}

#[test]
fn k4g_while_another_run_has_its_name_nothing_is_made_anew() {
    let base = Base::new();
    let older = base
        .scenario()
        .name("twice")
        .workers(2)
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    older.ready(2);
    guard_of(&older);
    send(older.pid(), Signal::SIGSTOP);
    until("it is stopped", || {
        processes::state(older.pid()) == Some('T')
    });
    fs::remove_dir_all(base.runs().join("twice")).expect("rm -r of the run");
    let newer = base.scenario().name("twice").zoo(&HOLDS).start();
    newer.ready(1);
    // The files that it has: what was made anew in vain would be kept for the workers, each time
    // that it is tried again.
    let before = open_below(base.runs(), older.pid());
    send(older.pid(), Signal::SIGCONT);
    older.wait_for("another run has its name now");
    assert_eq!(before, open_below(base.runs(), older.pid()));
    assert!(
        before.len() >= 5,
        "owner, control, record and two flags: {before:?}"
    );
    older.signal(Signal::SIGTERM);
    older.finish().expect(0);
    base.call(&["stop", "twice"]).expect(0);
    newer.finish().expect(0);
}
