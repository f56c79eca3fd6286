//! A disk that hangs, and the process that waits for it in our place.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::events::{Events, check, number};
use crate::support::need::{Need, lacks};
use crate::support::processes;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// The process that writes the events of a run.
fn scribe(run: &Started) -> i32 {
    let mut found = None;
    until("there is a scribe", || {
        let mut children = processes::children(run.pid()).into_iter();
        found = children.find(|&pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|n| n == "stopctl-scribe\n")
        });
        found.is_some()
    });
    found.expect("it was found")
}

#[test]
fn k10c_a_disk_that_hangs_holds_up_nobody_and_gets_everything_when_it_answers() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("hung")
        .workers(2)
        .times("300ms", "300ms")
        .zoo(&["deaf"])
        .start();
    run.ready(2);
    run.wait_for_events("worker_started", 2);
    let scribe = scribe(&run);
    // As a write does that a disk does not answer.
    send(scribe, Signal::SIGSTOP);
    base.call(&["stop", "hung"]).expect(0);
    // It holds none of our streams: the end of both has come, which `finish` waits for.
    let end = run.finish_unchecked();
    end.expect(137)
        .says(&format!("pid {scribe} writes what is left"));
    assert!(end.events.of("run_ended").is_empty());
    send(scribe, Signal::SIGCONT);
    until("it ends", || {
        processes::state(scribe).is_none_or(|state| state == 'Z')
    });
    let file = fs::read_dir(base.work()).expect("files").flatten();
    let mut file = file.filter(|file| file.file_name().as_encoded_bytes().starts_with(b"events."));
    let events = Events::read(&file.next().expect("the events").path());
    check(&events);
    assert_eq!(events.outcomes(), ["kill"; 2]);
}

#[test]
fn k10m_standard_error_on_a_disk_that_hangs_is_no_different() {
    let base = Base::new();
    let log = base.file("log");
    let run = base
        .scenario()
        .without_events()
        .name("logged")
        .times("300ms", "300ms")
        .options(&["-v"])
        .stderr(fs::File::create(&log).expect("a file"))
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    let scribe = scribe(&run);
    send(scribe, Signal::SIGSTOP);
    base.call(&["stop", "logged"]).expect(0);
    run.finish().expect(137);
    send(scribe, Signal::SIGCONT);
    until("it ends", || {
        processes::state(scribe).is_none_or(|state| state == 'Z')
    });
    let said = fs::read_to_string(&log).expect("what it said");
    assert!(said.contains("worker 0 started: pid "), "{said}");
    assert!(said.contains("stopctl: logged is over"), "{said}");
}

#[test]
fn k10d_a_file_system_that_is_frozen_holds_up_nobody() {
    let needs = [
        Need::Root,
        Need::Mounts,
        Need::Program("fsfreeze"),
        Need::Program("mkfs.ext4"),
    ];
    if needs.into_iter().any(lacks) {
        return;
    }
    let base = Base::new();
    // The file system is of this script's namespace alone, and melts with its last process.
    let script = r#"
        dd if=/dev/zero of=image bs=1M count=16 status=none && mkfs.ext4 -q image && mkdir disk || exit 77
        mount -o loop image disk 2>/dev/null || exit 77
        "$STOPCTL" run --name ice --events disk/events -g 300ms -k 300ms -- sleep 60 2>said & run=$!
        until grep -qs worker_started disk/events; do sleep 0.05; done
        fsfreeze -f disk || exit 77
        "$STOPCTL" stop ice; echo "stop: $?"
        wait $run; echo "run: $?"
        fsfreeze -u disk
        until grep -qs run_ended disk/events; do sleep 0.05; done
        until umount disk 2>/dev/null; do sleep 0.05; done
    "#;
    let mut command = base.command("unshare");
    command
        .args(["-m", "sh", "-c", script])
        .env("STOPCTL", Base::program());
    let answer = base.answer(command);
    if answer.ended == crate::support::started::Ended::Code(77) {
        return crate::support::need::not_run(
            "this needs a loop device and a file system to freeze",
        );
    }
    assert_eq!(answer.out, "stop: 0\nrun: 143\n", "{}", answer.err);
    let said = fs::read_to_string(base.file("said")).expect("what it said");
    assert!(said.contains("the disk does not answer"), "{said}");
}

#[test]
fn k10e_a_scribe_that_is_killed_is_replaced_and_nothing_is_lost() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("scribes")
        .workers(2)
        .zoo(&["polite"])
        .start();
    run.ready(2);
    run.wait_for_events("worker_started", 2);
    let first = scribe(&run);
    // What is written meanwhile waits in the pipe.
    send(first, Signal::SIGSTOP);
    base.call(&["stop", "scribes", "--worker", "0"]).expect(0);
    send(first, Signal::SIGKILL);
    until("it is gone", || processes::state(first).is_none());
    base.call(&["stop", "scribes"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"; 2]);
}

#[test]
fn k10f_a_scribe_is_of_no_worker_and_holds_nothing_of_others() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("alone")
        .workers(2)
        .options(&["--notify"])
        .sh(r#"[ $STOPCTL_WORKER = 0 ] && exit 3; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    run.ready(1);
    run.wait_for_events("worker_ended", 1);
    let scribe = scribe(&run);
    let held = fs::read_dir(format!("/proc/{scribe}/fd")).expect("its descriptors");
    let held: Vec<_> = held
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .collect();
    assert_eq!(held.len(), 3, "{held:?}");
    base.call(&["stop", "alone"]).expect(0);
    let end = run.finish();
    end.expect(3);
    assert!(end.events.of("straggler").is_empty());
    assert_eq!(number(end.events.ended(0), "stragglers"), 0);
    assert_eq!(processes::state(scribe), None, "it ends with the run");
}

#[test]
fn k10g_a_run_that_says_nothing_has_no_scribe() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let answer = base.sh(
        r#"strace -f -o calls -e trace=clone,clone3,fork,vfork "$STOPCTL" run --no-guard -- true 2>log"#,
    );
    answer.expect(0);
    let calls = fs::read_to_string(base.file("calls")).expect("what it called");
    let forks = calls
        .lines()
        .filter(|line| line.contains("clone") || line.contains("fork"));
    assert_eq!(forks.count(), 1, "{calls}");
}

#[test]
fn k18b_a_file_that_may_not_grow_is_a_line_that_is_lost_and_no_request() {
    let base = Base::new();
    for (name, full, redirect) in [
        ("events", "--events full", "2>log"),
        ("log", "-v", "2>>full"),
    ] {
        let script = format!(
            r#"head -c 8192 /dev/zero | tr '\0' '\n' >full; ulimit -f 8
            "$STOPCTL" run --name {name} {full} -n 3 -- sh -c 'sleep 0.3; echo worked' {redirect}"#
        );
        let mut command = base.command("bash");
        command
            .args(["-c", &script])
            .env("STOPCTL", Base::program());
        let answer = base.answer(command);
        answer.expect(0);
        assert_eq!(answer.out, "worked\n".repeat(3), "{name}");
    }
    let log = fs::read_to_string(base.file("log")).expect("what it said");
    assert!(log.contains("--events: "), "{log}");
    assert!(
        log.contains("could not be written: File too large"),
        "{log}"
    );
}
