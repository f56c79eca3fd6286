//! The tree of a worker: its main process, and everything that came from it, wherever that went.
//!
//! It answers for finding what is of a worker while that can be proven, and for holding on to it.
//! It must never find a process by its name, and never keep a bare number to signal later.
//!
//! A process is of a worker if one of these is true of it:
//!
//! * its parent is of the worker (*descent*): the main process, or somebody who is held;
//! * its session or its group is led, or was, by somebody of the worker, and that number is in use
//!   all the time, so that it cannot have become another's;
//! * its environment names the worker's flag, which no other start of a worker ever had;
//! * it is in the worker's control group;
//! * it is an orphan that became our child (*adoption*) when only workers could have made it one.
//!
//! An orphan of a supervisor's worker becomes the supervisor's child, for that is a subreaper. So
//! "has this worker left anything?" is "have we any child that we do not know?", which is one small
//! file, and nothing is searched as long as the answer is no.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use crate::cgroup::Cgroup;
use crate::process::{self, Found};

pub use census::flag_of;
pub use search::Search;
pub use straggler::Straggler;

mod census;
mod find;
mod search;
mod straggler;

/// How many of those who are held are written into the record.
const FEW: usize = 4;

/// The main process, as far as its number proves anything: it is that of its session and its group.
#[derive(Clone, Copy, Debug)]
pub enum Leader<'a> {
    /// Our child, which was not reaped.
    Unreaped,
    /// Our child, which was.
    Reaped,
    /// A child of an owner that is no more.
    Stranger(&'a Found),
}

impl Leader<'_> {
    /// Whether nobody else can have its number now.
    fn pins(self) -> bool {
        match self {
            Self::Unreaped => true,
            Self::Stranger(Found::Ours(pidfd)) => {
                !process::has_ended(pidfd) || process::group_lives(pidfd) == Some(true)
            }
            Self::Reaped | Self::Stranger(Found::Gone | Found::Unverifiable) => false,
        }
    }

    /// Whether it can be the parent of anybody.
    fn is_there(self) -> bool {
        match self {
            Self::Unreaped => true,
            Self::Stranger(found @ Found::Ours(_)) => !found.has_ended(),
            Self::Reaped | Self::Stranger(Found::Gone | Found::Unverifiable) => false,
        }
    }
}

/// What is known of a worker's tree, besides its main process.
#[derive(Debug)]
pub struct Tree {
    worker: u32,
    /// The pid of the main process.
    leader: i32,
    flag: PathBuf,
    cgroup: Option<Cgroup>,
    held: Vec<Straggler>,
    /// How many of them, from the first on, were greeted.
    greeted: usize,
}

impl Tree {
    /// The tree of a worker whose main process is `leader` and whose flag is at `flag`.
    #[must_use]
    pub fn new(worker: u32, leader: i32, flag: PathBuf, cgroup: Option<Cgroup>) -> Self {
        Self {
            worker,
            leader,
            flag,
            cgroup,
            held: Vec::new(),
            greeted: 0,
        }
    }

    /// Everybody who is held.
    #[must_use]
    pub fn rest(&self) -> &[Straggler] {
        &self.held
    }

    /// The members of the main process's group who are held.
    pub fn group(&self) -> impl Iterator<Item = &Straggler> {
        self.held.iter().filter(|one| one.group == self.leader)
    }

    /// Those who are held and in another group than the main process.
    pub fn beyond_group(&self) -> impl Iterator<Item = &Straggler> {
        self.held.iter().filter(|one| one.group != self.leader)
    }

    /// Those who were not greeted yet: they have had none of the signals of the others.
    #[must_use]
    pub fn newcomers(&self) -> &[Straggler] {
        &self.held[self.greeted..]
    }

    /// All of them were.
    pub fn have_greeted(&mut self) {
        self.greeted = self.held.len();
    }

    /// Pid, start, and inode or 0, of the first few who are held.
    #[must_use]
    pub fn identities(&self) -> Vec<(i32, u64, u64)> {
        self.held
            .iter()
            .take(FEW)
            .map(Straggler::identity)
            .collect()
    }

    /// Holds somebody of whom an owner that is no more has left word, if it is still there.
    pub fn hold_found(&mut self, pid: i32, found: Found) {
        self.held.extend(Straggler::found(pid, found));
    }

    /// Everybody who is held has had this signal.
    pub fn have_had(&self, signal: i32) {
        for one in &self.held {
            let _ = one.is_news(signal);
        }
    }

    /// Holds nobody any more.
    pub fn let_go(&mut self) {
        self.held.clear();
        self.greeted = 0;
    }

    /// Its control group, if it has one of its own.
    #[must_use]
    pub fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.as_ref()
    }

    /// What to poll for reading: it becomes readable when somebody who is held ends.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.held.iter().filter_map(Straggler::fd)
    }

    /// Lets go of those who have ended; answers the pids of those who had been greeted.
    ///
    /// ORDER: before the looks of [`Tree::refresh`]: the children of whoever has ended by now are
    /// orphans by then, and are seen.
    pub fn forget_ended(&mut self) -> Vec<i32> {
        let mut ended = Vec::new();
        let (mut place, greeted) = (0, self.greeted);
        self.held.retain(|one| {
            let is_there = one.is_there();
            if !is_there && place < greeted {
                ended.push(one.pid);
            }
            place += 1;
            is_there
        });
        self.greeted -= ended.len();
        ended
    }
}
