//! What workers say of themselves, and who of them it was.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd::{Pid, getsid};

use super::Supervisor;
use crate::contract::notify::{Inbox, Letter, Patience};
use crate::enforce::run::Roster;
use crate::enforce::worker::Worker;
use crate::linux::process::Stat;
use crate::tree;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How far up from a sender its worker is looked for.
const GENERATIONS: usize = 64;

/// Where workers are heard.
pub(super) struct Hearing {
    inbox: Inbox,
    /// What was warned of.
    warned: BTreeSet<Odd>,
    turn: Turn,
}

/// One turn of the loop.
struct Turn {
    began: Moment,
    patience: Patience,
    /// Who spoke in it and is no process of a worker: that is not looked up again.
    strangers: BTreeSet<i32>,
}

impl Turn {
    fn new(began: Moment) -> Self {
        Self {
            began,
            patience: Patience::of_turn(began),
            strangers: BTreeSet::new(),
        }
    }
}

/// What comes through the socket and is not heard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Odd {
    Foreign,
    TooLong,
}

impl Hearing {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            warned: BTreeSet::new(),
            turn: Turn::new(Moment::from_nanos(0)),
        }
    }

    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.inbox.fds()
    }

    pub(super) fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        self.inbox.put_back(dir)
    }
}

impl Supervisor<'_> {
    /// Takes in what workers have said.
    pub(super) fn hear(&mut self, now: Moment) {
        let Some(Hearing {
            inbox,
            warned,
            turn,
        }) = &mut self.hearing
        else {
            return;
        };
        if turn.began != now {
            *turn = Turn::new(now);
        }
        let (run, by_pid) = (&mut self.run, &self.by_pid);
        inbox.drain(&mut turn.patience, |letter| match letter {
            Letter::Said(pid, _) if turn.strangers.contains(&pid) => {}
            Letter::Said(pid, message) => {
                if let Some(number) = worker_of(pid, by_pid, run.workers()) {
                    return run.on_worker(number, now, |worker, turn| {
                        worker.hear(message, turn);
                    });
                }
                turn.strangers.insert(pid);
                if warned.insert(Odd::Foreign) {
                    run.warn(&format!(
                        "pid {pid} spoke to the socket of --notify, and is no process of a worker: \
                         ignored"
                    ));
                }
            }
            // ORDER: on record first: who was told that it was heard finds it there.
            Letter::Barrier => run.publish(),
            Letter::TooLong(pid) => {
                if warned.insert(Odd::TooLong) {
                    run.warn(&format!(
                        "pid {pid} sent more than 4096 bytes at once to the socket of --notify: \
                         ignored"
                    ));
                }
            }
        });
    }
}

/// The worker that a process belongs to: its main process, whoever is in the session of that, who was
/// left behind by it and is held, or descends from one of these. The main process is not reaped, and
/// whoever is held cannot become another, so their numbers are their own.
fn worker_of(
    pid: i32,
    by_pid: &HashMap<i32, WorkerNumber>,
    workers: &Roster,
) -> Option<WorkerNumber> {
    let parent = |pid: &i32| Some(Stat::of(*pid)?.parent);
    let mut family = std::iter::successors(Some(pid), parent).take(GENERATIONS);
    // 0 is one that cannot be seen from here, and above the first process there is nobody.
    let mut family = family.by_ref().take_while(|&pid| pid > 1);
    let found = family.find_map(|pid| {
        let session = || getsid(Some(Pid::from_raw(pid))).ok();
        let in_session = || by_pid.get(&session()?.as_raw());
        let main = by_pid.get(&pid).or_else(in_session).copied();
        let is_held = |worker: &&Worker| worker.tree().rest().iter().any(|one| one.pid == pid);
        main.or_else(|| workers.iter().find(is_held).map(Worker::number))
    });
    // Left behind a moment ago, and not held yet.
    let flag = found.is_none().then(|| tree::flag_of(pid)).flatten();
    let is_named = |worker: &&Worker| flag.as_deref() == Some(worker.flag().path());
    found.or_else(|| workers.iter().find(is_named).map(Worker::number))
}
