//! What a worker leaves behind: the processes of its group that are still there after its main
//! process has ended.
//!
//! It answers for finding them while they are provably the worker's, and for holding on to them.
//! It must never find a process by its name, and never keep a bare number to signal later.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::unistd::getpid;

use crate::process::{self, Sent, Stat, Target};

/// A process of a worker's tree that is still there after the worker's main process ended.
#[derive(Debug)]
pub struct Straggler {
    /// Its pid.
    pub pid: i32,
    /// Its program's name, as it tells it itself.
    pub program: String,
    start: u64,
    /// `None` where the kernel has no pidfds, or gave us none.
    pidfd: Option<OwnedFd>,
}

impl Straggler {
    /// Takes a process that is in `group` now, if it still is once it cannot change any more.
    fn take(pid: i32, group: i32) -> Option<Self> {
        // ORDER: the descriptor before the look, so that both are of one process.
        let pidfd = process::open(pid).ok();
        let stat = Stat::of(pid)?;
        let ours = stat.group == group && !stat.is_dead();
        ours.then_some(Self {
            pid,
            program: stat.program,
            start: stat.start,
            pidfd,
        })
    }

    fn is_there(&self) -> bool {
        match &self.pidfd {
            Some(pidfd) => !process::has_ended(pidfd),
            None => self.stat().is_some_and(|stat| !stat.is_dead()),
        }
    }

    fn stat(&self) -> Option<Stat> {
        Stat::of(self.pid).filter(|stat| stat.start == self.start)
    }

    /// Sends it a signal.
    #[must_use = "a refusal has to be told"]
    pub fn signal(&self, number: i32) -> Sent {
        match &self.pidfd {
            Some(pidfd) => process::signal(Target::Pidfd(pidfd.as_fd()), number),
            // Without a pidfd only a child of ours has a pid that cannot change hands: we are
            // the subreaper, so an orphan of the worker becomes one.
            None => match self.stat() {
                Some(stat) if stat.parent == getpid().as_raw() => {
                    process::signal(Target::Child(self.pid), number)
                }
                Some(_) => Sent::Refused(std::io::ErrorKind::Unsupported.into()),
                None => Sent::Nobody,
            },
        }
    }
}

/// Finding what is left of a worker whose main process is a zombie, in two steps around its
/// reaping.
#[derive(Debug)]
pub enum Sweep {
    /// The kernel can tell by the pidfd of the dead leader whether its group lives on: nearly
    /// always it does not, and nothing has to be searched.
    ByPidfd(OwnedFd, i32),
    /// It cannot: searched while the zombie pins the group's number.
    Searched(Vec<Straggler>),
}

impl Sweep {
    /// Before the worker's main process `leader` is reaped.
    #[must_use]
    pub fn begin(leader: i32) -> Self {
        match process::open(leader) {
            Ok(pidfd) if process::group_lives(&pidfd).is_some() => Self::ByPidfd(pidfd, leader),
            Ok(_) | Err(_) => Self::Searched(members(leader)),
        }
    }

    /// After it was reaped.
    #[must_use]
    pub fn finish(self) -> Remains {
        let mut remains = match self {
            Self::ByPidfd(pidfd, leader) => Remains {
                group: Some((pidfd, leader)),
                stragglers: Vec::new(),
            },
            Self::Searched(stragglers) => Remains {
                group: None,
                stragglers,
            },
        };
        let _ = remains.refresh();
        remains
    }
}

/// The processes of the group that `leader` leads, without itself. Right only while that number
/// cannot mean another group: the leader is our unreaped child, or the group is known to live.
#[must_use]
pub fn members(leader: i32) -> Vec<Straggler> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let others = pids.filter(|&pid| pid != leader);
    let in_group = others.filter(|&pid| Stat::of(pid).is_some_and(|stat| stat.group == leader));
    in_group
        .filter_map(|pid| Straggler::take(pid, leader))
        .collect()
}

/// What is left of a worker.
#[derive(Debug)]
pub struct Remains {
    group: Option<(OwnedFd, i32)>,
    stragglers: Vec<Straggler>,
}

impl Remains {
    /// Forgets who has ended and finds who is new; answers how many are new, which stand last.
    #[must_use = "the new ones have not had the signals of the others"]
    pub fn refresh(&mut self) -> usize {
        self.stragglers.retain(Straggler::is_there);
        let Some((pidfd, leader)) = &self.group else {
            return 0;
        };
        // ORDER: the group lives before and after the search; a number that is in use all the
        // time cannot have become another group's.
        if process::group_lives(pidfd) != Some(true) {
            return 0;
        }
        let found = members(*leader);
        if process::group_lives(pidfd) != Some(true) {
            return 0;
        }
        let known = self.stragglers.len();
        for straggler in found {
            if !self.stragglers[..known]
                .iter()
                .any(|old| old.pid == straggler.pid)
            {
                self.stragglers.push(straggler);
            }
        }
        self.stragglers.len() - known
    }

    /// Who is there, as of the last look.
    #[must_use]
    pub fn stragglers(&self) -> &[Straggler] {
        &self.stragglers
    }

    /// What to poll for reading: it becomes readable when a straggler ends.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.stragglers
            .iter()
            .filter_map(|s| s.pidfd.as_ref().map(AsFd::as_fd))
    }
}
