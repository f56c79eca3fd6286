//! What cannot be read, understood or verified is named, and left.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use nix::sys::signal::Signal;

use super::scene::{die, entries, one_worker, told};
use crate::support::base::Base;
use crate::support::started::send;

/// The line of text in an owner file, with one of its five words replaced.
fn forge(owner: &Path, word: usize, by: &str) {
    fs::set_permissions(owner, fs::Permissions::from_mode(0o644)).expect("chmod");
    let bytes = fs::read(owner).expect("the owner file");
    let line = String::from_utf8_lossy(&bytes[64..]);
    let mut words: Vec<&str> = line.trim_end().split(' ').collect();
    words[word] = by;
    let mut text = words.join(" ").into_bytes();
    text.resize(256 - 64, b'\n');
    let file = fs::OpenOptions::new().write(true).open(owner);
    let file = file.expect("the owner file");
    file.write_all_at(&text, 64).expect("write");
    fs::set_permissions(owner, fs::Permissions::from_mode(0o444)).expect("chmod");
}

/// Places among these words.
const BOOT: usize = 3;
const NAMESPACE: usize = 4;

#[test]
fn c14_what_is_of_another_boot_is_removed_and_nobody_is_signalled() {
    for how in ["clean", "stop", "run"] {
        // On a disk: memory forgets at each boot.
        let mut base = Base::below("/var/tmp");
        let (run, pid) = one_worker(&base, "old", "polite", ("1s", "1s"));
        die(&run);
        let other = "00000000-0000-4000-8000-000000000000";
        forge(&base.runs().join("old/owner"), BOOT, other);
        if how == "clean" {
            base.call(&["clean", "-n"])
                .expect(1)
                .says("would remove old");
        }
        let answer = match how {
            "clean" => base.call(&["clean"]),
            "stop" => base.call(&["stop", "old"]),
            _ => base.call(&["run", "--name", "old", "--", "true"]),
        };
        answer.expect(0).says("machine or container was restarted");
        assert!(entries(base.runs()).is_empty(), "{how}");
        // The worker has the pid of one of that other boot, for all that can be known.
        send(pid, Signal::SIGUSR1);
        run.wait_for("look 0");
        send(pid, Signal::SIGKILL);
        base.leaves_something();
        let said = run.finish();
        assert!(!said.out().contains("signal 15"), "{how}: {said:?}");
    }
}

#[test]
fn what_cannot_be_verified_is_named_and_left() {
    let base = Base::new();
    let (run, _) = one_worker(&base, "far", "polite", ("5s", "5s"));
    let owner = base.runs().join("far/owner");
    let own = fs::read(&owner).expect("the owner file");
    let own = String::from_utf8_lossy(&own[64..]).trim_end().to_owned();
    let namespace = own
        .split(' ')
        .nth(NAMESPACE)
        .expect("five words")
        .to_owned();
    forge(&owner, NAMESPACE, "1");
    told(
        &base,
        "far",
        "unverifiable",
        "cannot be verified from here",
        0,
    );
    for arguments in [&["clean"][..], &["clean", "-n"]] {
        base.call(arguments)
            .expect(1)
            .says("left alone: far: its owner")
            .says("cannot be verified");
    }
    base.call(&["wait", "far", "--timeout", "100ms"])
        .expect(124);
    forge(&owner, NAMESPACE, &namespace);
    base.call(&["stop", "far"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a_dead_run_of_another_pid_namespace_is_told_of_and_left() {
    let mut base = Base::new();
    let (run, pid) = one_worker(&base, "far", "polite", ("5s", "5s"));
    die(&run);
    forge(&base.runs().join("far/owner"), NAMESPACE, "1");
    told(
        &base,
        "far",
        "owner_died",
        "its supervisor died, not being stopped",
        3,
    );
    base.call(&["wait", "far"]).expect(125).says("died");
    base.call(&["clean"]).expect(1).says("left alone: far");
    base.call(&["stop", "far"])
        .expect(1)
        .says("another pid namespace");
    base.call(&["run", "--name", "far", "--", "true"])
        .expect(125);
    assert_eq!(entries(base.runs()), ["far"]);
    send(pid, Signal::SIGKILL);
    run.finish();
    base.leaves_something();
}

#[test]
fn what_cannot_be_read_is_named_and_left() {
    let base = Base::new();
    fs::create_dir(base.runs()).expect("a directory");
    fs::write(base.runs().join("file"), "").expect("a file");
    fs::create_dir(base.runs().join("empty")).expect("a directory");
    base.call(&["clean"])
        .expect(1)
        .says("left alone: file: ")
        .says("left alone: empty: its file 'owner' is missing");
    assert_eq!(entries(base.runs()), ["empty", "file"]);
    base.call(&["run", "--", "true"]).expect(0);
    fs::remove_file(base.runs().join("file")).expect("remove");
    fs::remove_dir(base.runs().join("empty")).expect("remove");
}

#[test]
fn a_dead_run_with_a_broken_record_is_named_and_left() {
    let mut base = Base::new();
    let (run, pid) = one_worker(&base, "broken", "polite", ("5s", "5s"));
    die(&run);
    fs::write(base.runs().join("broken/record"), [b'x'; 8192]).expect("the record");
    for arguments in [&["clean", "-n"][..], &["clean"]] {
        base.call(arguments)
            .expect(1)
            .says("left alone: broken: the run's record is damaged");
    }
    let started = base.call(&["run", "--", "true"]);
    assert_eq!(started.expect(0).err, "", "it is for clean to tell");
    assert_eq!(entries(base.runs()), ["broken"]);
    send(pid, Signal::SIGKILL);
    run.finish().expect_signal(9);
    base.leaves_something();
}
