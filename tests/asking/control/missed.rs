//! Requests that nobody has: swallowed, stolen, for a worker that is not there yet, or to somebody who
//! does not listen.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::write;
use crate::support::base::Base;
use crate::support::owner::guard_of;
use crate::support::processes;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// Junk without an end that somebody has left in the FIFO, read or not.
#[test]
fn k3a_a_line_without_an_end_swallows_nobodys_request() {
    for (junk, is_read) in [
        ("1 stop", true),
        ("1 stop", false),
        ("1 stop worker=", true),
    ] {
        let base = Base::new();
        let run = base.scenario().name("cut").zoo(&["polite"]).start();
        run.ready(1);
        if !is_read {
            send(run.pid(), Signal::SIGSTOP);
            until("it is stopped", || processes::state(run.pid()) == Some('T'));
        }
        write(&base, "cut", junk.as_bytes());
        if is_read {
            until("it is read", || !has_unread(&base, "cut"));
        }
        base.call(&["stop", "cut"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag"], "{junk:?} {is_read}");
    }
}

#[test]
fn k3c_a_request_is_made_again_when_its_fifo_was_deleted_under_it() {
    for also in ["control", "control owner"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("gone")
            .options(&["-v"])
            .zoo(&["polite"])
            .start();
        run.ready(1);
        guard_of(&run);
        for name in also.split(' ') {
            fs::remove_file(base.runs().join("gone").join(name)).expect("remove");
        }
        let stop = base.call(&["stop", "gone"]);
        stop.expect(0).says("1 worker asked");
        run.finish().expect(0);
    }
}

#[test]
fn k3c_a_request_that_another_reader_took_away_is_made_again() {
    let base = Base::new();
    let run = base.scenario().name("stolen").zoo(&["polite"]).start();
    run.ready(1);
    // The thief reads in the place of the supervisor, which is stopped while there is something.
    let mut thief = nonblocking_reader(base.runs().join("stolen/control"));
    send(run.pid(), Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    let stop = base.begin(&["stop", "stolen"]);
    let mut line = [0; 200];
    until("it is stolen", || thief.read(&mut line).is_ok());
    stop.finish().expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn k3d_a_worker_that_is_asked_before_it_is_started_is_not_started() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("many")
        .workers(80)
        .options(&["-v"])
        .zoo(&["polite"])
        .start();
    stopped_at_the_first(&run);
    base.call(&["stop", "many", "-w", "79", "-w", "0", "-w", "78", "--kill"])
        .expect(0)
        .says("2 not started (workers 78, 79)");
    let line = run.wait_for("is not started");
    assert!(line.text.contains("worker 7"), "{line:?}");
    run.wait_for_events("worker_started", 78);
    let seen = base.call(&["status", "many", "--json"]).json();
    let last = &seen["runs"][0]["workers"][79];
    assert_eq!(
        (&last["state"], &last["pid"]),
        (&"not_started".into(), &serde_json::Value::Null)
    );
    base.call(&["stop", "many"])
        .expect(0)
        .says("77 left when asked (workers 1-77)");
    let end = run.finish();
    let called_off = end.events.of("worker_called_off");
    let called_off: Vec<_> = called_off.iter().map(|event| &event["worker"]).collect();
    assert_eq!(called_off.len(), 2, "{called_off:?}");
    assert_eq!(
        end.events.of("worker_ended").len(),
        78,
        "one for each start"
    );
}

#[test]
fn k3d_whoever_a_stop_left_unstarted_is_told_of_as_that() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("few")
        .workers(80)
        .times("30s", "30s")
        .zoo(&["deaf"])
        .start();
    stopped_at_the_first(&run);
    base.call(&["stop", "few", "--no-wait"]).expect(0);
    // It is not started any more, so there is nothing to wait for.
    base.call(&["stop", "few", "-w", "79"])
        .expect(0)
        .says("1 not started (worker 79)");
    base.call(&["stop", "few", "--kill"])
        .expect(0)
        .says("not started");
    run.finish_unchecked();
}

/// Stops the supervisor while it has most of its workers still to start. A stop continues it.
fn stopped_at_the_first(run: &Started) {
    run.wait_for("ready");
    send(run.pid(), Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
}

/// Whether something lies in the FIFO that nobody has read.
fn has_unread(base: &Base, run: &str) -> bool {
    let path = base.runs().join(run).join("control");
    let fifo = File::options().read(true).write(true).open(path);
    let fifo = fifo.expect("control");
    let mut fds = [PollFd::new(fifo.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO) == Ok(1)
}

fn nonblocking_reader(path: PathBuf) -> File {
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        File::options().read(true),
        nix::fcntl::OFlag::O_NONBLOCK.bits(),
    )
    .open(path)
    .expect("control")
}
