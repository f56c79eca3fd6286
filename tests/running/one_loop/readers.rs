//! Readers that are slow, late, gone, or never come.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::support::base::Base;
use crate::support::events::number;
use crate::support::pipe::pipe;
use crate::support::until::until;

fn events(text: &str) -> Vec<Value> {
    let event = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(event).collect()
}

fn of<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    let same = |event: &&Value| event["event"] == kind;
    events.iter().filter(same).collect()
}

/// A pipe whose writing end a run inherits.
fn inherited() -> (File, OwnedFd) {
    let (reader, writer) = pipe();
    let writer = OwnedFd::from(writer);
    fcntl(&writer, FcntlArg::F_SETFD(FdFlag::empty())).expect("to be inherited");
    (reader, writer)
}

#[test]
fn k10h_a_slow_reader_gets_every_final_record_and_is_told_of_a_gap() {
    let base = Base::new();
    let (mut reader, writer) = inherited();
    let target = format!("fd:{}", writer.as_raw_fd());
    let run = base
        .scenario()
        .without_events()
        .name("slow")
        .workers(3)
        .times("60s", "300ms")
        .options(&["--quiet", "--max-grace", "infinity", "--events", &target])
        .zoo(&["deaf"])
        .start();
    drop(writer);
    run.ready(3);
    base.call(&["stop", "--no-wait", "slow"]).expect(0);
    run.wait_for_each("flag 1", 3);
    // Each gives more time to each of three workers, and each of these is an event.
    let control = base.runs().join("slow/control");
    let mut control = File::options().write(true).open(control).expect("control");
    for more in 0..5000 {
        let line = format!("1 extend time_ms={}\n", 100_000 + 1000 * more);
        let sent = control.write_all(line.as_bytes());
        sent.expect("the loop reads it");
    }
    base.call(&["stop", "--no-wait", "--kill", "slow"])
        .expect(0);
    // It reads once nobody is left, and nothing before.
    let directory = base.runs().join("slow");
    until("the run is over", || !directory.exists());
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("events");
    let end = run.finish();
    end.expect(137);
    let events = events(&text);
    assert_eq!(of(&events, "worker_started").len(), 3);
    assert_eq!(of(&events, "worker_ended").len(), 3);
    let last = events.last().expect("there are some");
    assert_eq!(last["event"], "run_ended");
    let dropped: u64 = of(&events, "gap")
        .iter()
        .map(|gap| number(gap, "dropped"))
        .sum();
    assert!(dropped > 0, "{} bytes were no gap", text.len());
    end.says(&format!("{dropped} events dropped"));
    assert!(
        text.len() < 2 * 1024 * 1024,
        "what waits is bounded: {}",
        text.len()
    );
}

#[test]
fn k10i_a_reader_that_is_busy_while_the_run_ends_misses_nothing() {
    let base = Base::new();
    let (mut reader, writer) = inherited();
    // Smaller than what there is to say.
    fcntl(&reader, FcntlArg::F_SETPIPE_SZ(4096)).expect("a small pipe");
    let target = format!("fd:{}", writer.as_raw_fd());
    let run = base
        .scenario()
        .without_events()
        .name("busy")
        .workers(40)
        .options(&["--events", &target])
        .sh("exit 0")
        .start();
    drop(writer);
    let pid = run.pid();
    // It reads once all workers have ended, and nothing before.
    until("the run has ended", || {
        !base.runs().join("busy").exists() && crate::support::processes::children(pid).is_empty()
    });
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("events");
    run.finish().expect(0);
    let events = events(&text);
    assert_eq!(of(&events, "worker_ended").len(), 40);
    assert_eq!(of(&events, "run_ended").len(), 1);
    assert_eq!(of(&events, "gap").len(), 0);
}

#[test]
fn k10j_a_fifo_needs_no_reader_for_the_run_to_begin() {
    let base = Base::new();
    let fifo = base.file("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).expect("a FIFO");
    let path = fifo.to_str().expect("a path in UTF-8");
    let begin = |name: &str| {
        let run = base.scenario().without_events().name(name);
        run.options(&["--events", path]).zoo(&["polite"]).start()
    };
    let late = begin("late");
    late.ready(1);
    let mut reader = File::open(&fifo).expect("the FIFO");
    base.call(&["stop", "late"]).expect(0);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("events");
    late.finish().expect(0);
    let seen = events(&text);
    assert_eq!(seen[0]["event"], "run_started");
    assert_eq!(seen.last().expect("some")["event"], "run_ended");
    drop(reader);

    let unread = begin("unread");
    unread.ready(1);
    let asked = base.call(&["stop", "--no-wait", "unread"]);
    asked.expect(0);
    let end = unread.finish();
    end.expect(0)
        .says("lines dropped, because nobody took them");
}

#[test]
fn k10k_a_reader_of_events_that_goes_away_is_told_of_and_changes_nothing() {
    let base = Base::new();
    let (reader, writer) = inherited();
    drop(reader);
    let target = format!("fd:{}", writer.as_raw_fd());
    let run = base
        .scenario()
        .without_events()
        .name("gone")
        .options(&["--events", &target])
        .zoo(&["polite"])
        .start();
    drop(writer);
    run.ready(1);
    base.call(&["stop", "gone"]).expect(0);
    let end = run.finish();
    end.expect(0).says("could not be written: Broken pipe");
}

#[test]
fn k10l_what_is_written_to_a_file_has_every_line_once_though_the_supervisor_is_killed() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("killed")
        .workers(3)
        .zoo(&["polite"])
        .start();
    run.ready(3);
    run.wait_for_events("guard_started", 1);
    run.wait_for_events("worker_started", 3);
    // What was told and is not on record yet is told again by whoever takes over.
    until("their starts are on record", || {
        let status = base.call(&["status", "killed", "--json"]).json();
        let workers = status["runs"][0]["workers"].as_array().cloned();
        workers.is_some_and(|all| all.iter().all(|one| one["state"] == "running"))
    });
    run.signal(nix::sys::signal::Signal::SIGKILL);
    let end = run.finish_unchecked();
    for event in ["run_started", "supervisor_died", "run_ended"] {
        end.events.only(event);
    }
    assert_eq!(end.events.of("worker_started").len(), 3);
    assert_eq!(end.events.of("worker_ended").len(), 3);
    assert!(fs::read_dir(base.runs()).is_ok_and(|mut left| left.next().is_none()));
}
