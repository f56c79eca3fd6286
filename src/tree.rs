//! What a worker leaves behind: the processes of its group that are still there after its main
//! process has ended.
//!
//! It answers for finding them while they are provably the worker's, and for holding on to them.
//! It must never find a process by its name, and never keep a bare number to signal later.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::unistd::getpid;

use crate::flag::reader;
use crate::process::{self, Found, Sent, Stat, Target};

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
    /// Takes a process if it is `ours` once it cannot change any more.
    fn take(pid: i32, ours: impl FnOnce(&Stat) -> bool) -> Option<Self> {
        // ORDER: the descriptor before the look, so that both are of one process.
        let pidfd = process::open(pid).ok();
        let stat = Stat::of(pid)?;
        let ours = !stat.is_dead() && ours(&stat);
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
        let refused = match &self.pidfd {
            Some(pidfd) => match process::signal(Target::Pidfd(pidfd.as_fd()), number) {
                Sent::Refused(error) => error,
                sent @ (Sent::Yes | Sent::Nobody) => return sent,
            },
            None => std::io::ErrorKind::Unsupported.into(),
        };
        // Without pidfds only a child of ours has a pid that cannot change hands: we are the
        // subreaper, so an orphan of the worker becomes one.
        match self.stat() {
            Some(stat) if stat.parent == getpid().as_raw() => {
                process::signal(Target::Child(self.pid), number)
            }
            Some(_) => Sent::Refused(refused),
            None => Sent::Nobody,
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
                flag: None,
                stragglers: Vec::new(),
            },
            Self::Searched(stragglers) => Remains {
                group: None,
                flag: None,
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
    let in_group = |stat: &Stat| stat.group == leader;
    let others = pids().into_iter().filter(|&pid| pid != leader);
    let found = others.filter(|&pid| Stat::of(pid).as_ref().is_some_and(in_group));
    found
        .filter_map(|pid| Straggler::take(pid, in_group))
        .collect()
}

/// The processes whose environment names the flag at `path`: no other start of a worker ever had
/// that flag, so whoever inherited the name is of this one. Without `leader` and ourselves.
fn heirs(path: &Path, leader: i32) -> Vec<Straggler> {
    let mut name = format!("{}=", reader::VARIABLE).into_bytes();
    name.extend_from_slice(path.as_os_str().as_encoded_bytes());
    let names_it = |pid: i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&b| b == 0).any(|one| one == name)
    };
    let ourselves = getpid().as_raw();
    let others = pids().into_iter();
    let others = others.filter(|&pid| pid != leader && pid != ourselves && names_it(pid));
    others
        .filter_map(|pid| Straggler::take(pid, |_| names_it(pid)))
        .collect()
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// What is left of a worker.
#[derive(Debug)]
pub struct Remains {
    group: Option<(OwnedFd, i32)>,
    /// The flag by which they are searched, and the pid of who is none of them.
    flag: Option<(PathBuf, i32)>,
    stragglers: Vec<Straggler>,
}

impl Remains {
    /// What is left of a worker that was not our child: its main process was `leader`, of which
    /// this was `found`, and its flag is at `path`.
    #[must_use]
    pub fn of_stranger(found: &Found, leader: i32, path: &Path) -> Self {
        let pidfd = match found {
            Found::Ours(pidfd) if process::group_lives(pidfd).is_some() => pidfd.try_clone().ok(),
            Found::Ours(_) | Found::Gone | Found::Unverifiable => None,
        };
        let group = pidfd.map(|pidfd| (pidfd, leader));
        let mut remains = Self {
            group,
            flag: Some((path.to_owned(), leader)),
            stragglers: Vec::new(),
        };
        let _ = remains.refresh();
        remains
    }

    /// Forgets who has ended and finds who is new; answers how many are new, which stand last.
    #[must_use = "the new ones have not had the signals of the others"]
    pub fn refresh(&mut self) -> usize {
        self.stragglers.retain(Straggler::is_there);
        let known = self.stragglers.len();
        let heirs = self
            .flag
            .as_ref()
            .map(|(path, leader)| heirs(path, *leader));
        for straggler in self
            .group_members()
            .into_iter()
            .chain(heirs.unwrap_or_default())
        {
            if self.stragglers.iter().all(|old| old.pid != straggler.pid) {
                self.stragglers.push(straggler);
            }
        }
        self.stragglers.len() - known
    }

    fn group_members(&self) -> Vec<Straggler> {
        let Some((pidfd, leader)) = &self.group else {
            return Vec::new();
        };
        // ORDER: the group lives before and after the search; a number that is in use all the
        // time cannot have become another group's.
        let lives = || process::group_lives(pidfd) == Some(true);
        let found = if lives() {
            members(*leader)
        } else {
            Vec::new()
        };
        if lives() { found } else { Vec::new() }
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
