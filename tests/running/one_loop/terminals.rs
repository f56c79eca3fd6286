//! A terminal that nobody drains.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::pty::ends;
use crate::support::started::Ended;
use crate::support::until::until;

/// A terminal that has room for so many bytes and whose other end nobody reads.
struct Stalled {
    master: File,
    slave: OwnedFd,
}

impl Stalled {
    fn with_room(room: usize) -> Self {
        let (master, slave) = ends();
        let mut stalled = Self {
            master: master.into(),
            slave,
        };
        fcntl(&stalled.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a flag");
        let capacity = stalled.fill(usize::MAX);
        assert!(capacity > 2 * room, "room for {capacity}");
        stalled.drain();
        stalled.fill(capacity - room);
        stalled
    }

    /// Writes at most `most` bytes without waiting, until it has taken none for a while: what it has
    /// taken it hands on later.
    fn fill(&self, most: usize) -> usize {
        let path = format!("/proc/self/fd/{}", self.slave.as_raw_fd());
        let mut how = OpenOptions::new();
        how.write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let mut writer = how.open(path).expect("the terminal");
        let (mut done, mut idle) = (0, 0);
        while done < most && idle < 10 {
            match writer.write(&[b'.'; 16][..16.min(most - done)]) {
                Ok(n) => (done, idle) = (done + n, 0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    idle += 1;
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => panic!("the terminal: {error}"),
            }
        }
        done
    }

    /// Reads what is there, until nothing has come for a while.
    fn drain(&mut self) -> String {
        let mut text = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(200_u8)) == Ok(0) {
                return String::from_utf8_lossy(&text).into_owned();
            }
            match self.master.read(&mut bytes) {
                Ok(n) => text.extend(&bytes[..n]),
                Err(_) => return String::from_utf8_lossy(&text).into_owned(),
            }
        }
    }
}

#[test]
fn k10a_a_terminal_that_nobody_drains_holds_up_no_ladder() {
    for room in [0, 1, 40, 120, 400] {
        let base = Base::new();
        let terminal = Stalled::with_room(room);
        let run = base
            .scenario()
            .name("stalled")
            .workers(3)
            .times("300ms", "300ms")
            .options(&["-v"])
            .stderr(terminal.slave.try_clone().expect("a descriptor"))
            .zoo(&["deaf"])
            .start();
        run.ready(3);
        base.call(&["stop", "stalled"]).expect(0);
        let end = run.finish();
        assert_eq!(end.ended, Ended::Code(137), "room for {room}");
        assert_eq!(end.events.outcomes(), ["kill"; 3], "room for {room}");
        drop(terminal);
    }
}

#[test]
fn k10b_what_a_terminal_does_not_take_comes_whole_when_it_is_drained() {
    let base = Base::new();
    let mut terminal = Stalled::with_room(50);
    let run = base
        .scenario()
        .name("late")
        .workers(3)
        .times("1s", "1s")
        .options(&["-v"])
        .stderr(terminal.slave.try_clone().expect("a descriptor"))
        .zoo(&["deaf"])
        .start();
    let pids = run.ready(3);
    run.signal(Signal::SIGTERM);
    run.wait_for_events("flag_raised", 3);
    let mut seen = String::new();
    until("the stop is told", || {
        seen.push_str(&terminal.drain());
        seen.contains("late (SIGTERM): 3 workers asked")
    });
    run.finish().expect(137);
    seen.push_str(&terminal.drain());
    for (worker, pid) in pids.iter().enumerate() {
        let line = format!("stopctl: worker {worker} started: pid {pid}\r\n");
        assert!(seen.contains(&line), "{seen}");
    }
    assert!(seen.contains("stopctl: late is over"), "{seen}");
}
