//! What takes the place of a run's files, or of the run.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::HOLDS;
use crate::scene::{flag, put_back};
use crate::support::base::Base;
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
