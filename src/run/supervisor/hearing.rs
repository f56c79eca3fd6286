//! What workers say of themselves, and which of them said it.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::mains::Mains;
use crate::contract::notify::{Inbox, Letter, Patience};
use crate::enforce::run::{Roster, Run};
use crate::enforce::worker::Worker;
use crate::linux::process::{self, Stat};
use crate::tree;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How many generations above a sender its worker is looked for.
const GENERATIONS: usize = 64;

/// Where workers are heard.
pub(super) struct Hearing {
    inbox: Inbox,
    /// What we have warned of.
    warned: BTreeSet<Odd>,
    turn: Turn,
}

/// One turn of the loop.
struct Turn {
    began: Moment,
    patience: Patience,
    /// Who spoke in it without being a process of a worker: that is looked up once.
    strangers: BTreeSet<Option<Pid>>,
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

/// What comes through the socket and is ignored.
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

    /// What to poll for reading.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.inbox.fds()
    }

    /// Makes the socket again in `dir` if its name is gone. Answers whether it was.
    pub(super) fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        self.inbox.put_back(dir)
    }

    /// Takes in what workers have said.
    pub(super) fn take(&mut self, mains: &Mains, run: &mut Run<'_>, now: Moment) {
        let Self {
            inbox,
            warned,
            turn,
        } = self;
        if turn.began != now {
            *turn = Turn::new(now);
        }
        inbox.drain(&mut turn.patience, |letter| match letter {
            Letter::Said(sender, _) if turn.strangers.contains(&sender) => {}
            Letter::Said(sender, message) => {
                if let Some(number) = worker_of(sender, mains, run.workers()) {
                    return run.on_worker(number, now, |worker, turn| {
                        worker.hear(&message, turn);
                    });
                }
                turn.strangers.insert(sender);
                if warned.insert(Odd::Foreign) {
                    run.warn(&format!(
                        "pid {} spoke to the socket of --notify, and is no process of a worker: \
                         ignored",
                        number(sender)
                    ));
                }
            }
            // ORDER: on record first: whoever is told that it was heard finds it there.
            Letter::Barrier => run.publish(),
            Letter::TooLong(sender) => {
                if warned.insert(Odd::TooLong) {
                    run.warn(&format!(
                        "pid {} sent more than 4096 bytes at once to the socket of --notify: \
                         ignored",
                        number(sender)
                    ));
                }
            }
        });
    }
}

/// How the kernel writes the number of a sender: one that cannot be seen from here has 0.
fn number(sender: Option<Pid>) -> i32 {
    sender.map_or(0, Pid::get)
}

/// The worker that a process belongs to. The process is the main process, or in its session, or was
/// left behind by it and is held, or descends from one of these. A main process here is not reaped,
/// and a process that is held cannot become another one, so the pids of both are their own.
fn worker_of(sender: Option<Pid>, mains: &Mains, workers: &Roster) -> Option<WorkerNumber> {
    let parent = |pid: &Pid| Stat::of(*pid)?.parent;
    let mut family = std::iter::successors(sender, parent).take(GENERATIONS);
    let mut family = family.by_ref().take_while(|&pid| pid != Pid::FIRST);
    let found = family.find_map(|pid| {
        let in_session = || mains.worker(process::session_of(pid)?);
        let main = mains.worker(pid).or_else(in_session);
        let is_held = |worker: &&Worker| worker.tree().rest().iter().any(|one| one.pid == pid);
        main.or_else(|| workers.iter().find(is_held).map(Worker::number))
    });
    // It may have been left behind a moment ago, and not be held yet.
    let sender = sender.filter(|_| found.is_none());
    let flag = sender.and_then(tree::flag_of);
    let is_named = |worker: &&Worker| flag.as_deref() == Some(worker.flag().path());
    found.or_else(|| workers.iter().find(is_named).map(Worker::number))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{Mains, Pid, Roster, WorkerNumber, process, worker_of};

    #[test]
    fn a_process_is_its_workers_by_its_pid_by_its_ancestors_and_by_its_session() {
        let number = WorkerNumber::new(3);
        let workers = Roster::default();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = process::pid_of(&child);
        let of_main = |main: Pid| {
            let mut mains = Mains::default();
            mains.add(main, number);
            worker_of(Some(pid), &mains, &workers)
        };
        assert_eq!(of_main(pid), Some(number));
        assert_eq!(of_main(process::own_pid()), Some(number), "its parent");
        // That of whoever runs the tests may be of another pid namespace.
        if let Some(session) = process::session_of(process::own_pid()) {
            assert_eq!(of_main(session), Some(number), "its session");
        }
        assert_eq!(of_main(Pid::NOBODYS), None);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
