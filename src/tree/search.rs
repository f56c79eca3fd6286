//! What an owner looks for the processes of its workers with: its own children, and `/proc`.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use nix::unistd::getpid;

use super::census::{self, Census};
use crate::linux::proc::Proc;
use crate::linux::process::{self, Stat};
use crate::words::worker_number::WorkerNumber;

/// The looks of one wake-up, shared by all workers: a walk through `/proc` is dear, and is made
/// only where there is somebody to find.
#[derive(Debug)]
pub struct Search {
    orphans: Orphans,
    census: Option<Census>,
    /// How it was before a taker had done anything: whose child somebody was who is nobody's now.
    past: Option<Census>,
}

/// Whose children the orphans of workers become.
#[derive(Debug)]
enum Orphans {
    /// Ours: we are a subreaper (`PR_SET_CHILD_SUBREAPER`).
    Ours(Adoption),
    /// Somebody else's: we have taken over from their supervisor.
    Elsewhere,
}

/// What a subreaper knows of its children.
#[derive(Debug)]
struct Adoption {
    /// Children that are no orphans: main processes, the guard, those from before the run, and
    /// orphans that were told of and left alone.
    known: HashSet<i32>,
    /// What is held as part of the tree of some worker.
    held: HashSet<i32>,
    /// Whether nobody but workers can have made an orphan of ours.
    certain: bool,
    /// The worker to which orphans without any sign are given.
    adopter: Option<WorkerNumber>,
    /// Children of which nothing is known, as of the last look.
    unclaimed: Option<Vec<Orphan>>,
}

/// A child of ours of which nothing is known, as it was when it was looked at.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    pub(super) pid: i32,
    pub(super) stat: Stat,
    /// The flag that it was given.
    pub(super) flag: Option<PathBuf>,
}

impl Orphan {
    fn look(pid: i32) -> Option<Self> {
        let (stat, flag) = (Stat::of(pid)?, census::flag_of(pid));
        Some(Self { pid, stat, flag })
    }
}

impl Search {
    /// For a subreaper. If it has children already, or is the first process of a pid namespace,
    /// orphans may come to it that are of no worker.
    #[must_use]
    pub fn of_subreaper() -> Self {
        let before: HashSet<i32> = children().into_iter().collect();
        let certain = before.is_empty() && getpid().as_raw() != 1;
        Self {
            orphans: Orphans::Ours(Adoption {
                known: before,
                held: HashSet::new(),
                certain,
                adopter: None,
                unclaimed: None,
            }),
            census: None,
            past: None,
        }
    }

    /// For whoever has taken over, and has not asked anybody yet: who leaves at once leaves nothing
    /// to go by.
    #[must_use]
    pub fn of_stranger() -> Self {
        Self {
            orphans: Orphans::Elsewhere,
            census: None,
            past: Some(Census::take()),
        }
    }

    pub(super) fn past(&self) -> Option<&Census> {
        self.past.as_ref()
    }

    /// Has everything looked at anew. `held` are those whose worker is known.
    pub fn restart(&mut self, held: impl Iterator<Item = i32>) {
        self.discard();
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.held = held.collect();
        }
    }

    /// The same, with nobody more or less held.
    pub fn discard(&mut self) {
        self.census = None;
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.unclaimed = None;
        }
    }

    /// This child of ours is no orphan, or is left alone.
    pub fn exclude(&mut self, pid: i32) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.known.insert(pid);
        }
    }

    /// This child of ours was reaped: its pid can be anybody's.
    pub fn forget(&mut self, pid: i32) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.known.remove(&pid);
            adoption.held.remove(&pid);
        }
    }

    /// Gives orphans without any sign to this worker: it is the only one, or the last.
    pub fn set_adopter(&mut self, worker: WorkerNumber) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.adopter = Some(worker);
        }
    }

    /// Whether whatever a worker leaves comes to us, and nobody else's orphan does: then it can be
    /// found at any time, and nothing has to be remembered.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        matches!(&self.orphans, Orphans::Ours(adoption) if adoption.certain)
    }

    /// The worker to which orphans without any sign are given. It is to look last, when every other
    /// one has taken what shows its own.
    #[must_use]
    pub fn adopter(&self) -> Option<WorkerNumber> {
        match &self.orphans {
            Orphans::Ours(adoption) if adoption.certain => adoption.adopter,
            Orphans::Ours(_) | Orphans::Elsewhere => None,
        }
    }

    /// The orphans of ours that nobody holds; `None` where orphans are not ours.
    pub(super) fn unclaimed(&mut self) -> Option<&[Orphan]> {
        let Orphans::Ours(adoption) = &mut self.orphans else {
            return None;
        };
        let (known, held) = (&adoption.known, &adoption.held);
        let unclaimed = adoption.unclaimed.get_or_insert_with(|| {
            let mut children = children();
            children.retain(|pid| !known.contains(pid) && !held.contains(pid));
            children.into_iter().filter_map(Orphan::look).collect()
        });
        Some(unclaimed)
    }

    /// Somebody is part of a worker's tree, and is offered to no other.
    pub(super) fn claim(&mut self, pid: i32) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.held.insert(pid);
            if let Some(unclaimed) = &mut adoption.unclaimed {
                unclaimed.retain(|orphan| orphan.pid != pid);
            }
        }
    }

    pub(super) fn census(&mut self) -> &Census {
        self.census.get_or_insert_with(Census::take)
    }

    /// The orphans that were of no worker by any sign, by pid and program: they are not ours to
    /// signal.
    #[must_use]
    pub fn unowned(&mut self) -> Vec<(i32, String)> {
        if self.is_certain() {
            return Vec::new();
        }
        self.discard();
        let orphans = self.unclaimed().unwrap_or_default().iter();
        let there = orphans.filter(|orphan| !orphan.stat.is_dead());
        there
            .map(|orphan| (orphan.pid, orphan.stat.program.clone()))
            .collect()
    }
}

/// Our children, those that have ended and were not reaped too. The list is complete: nobody but
/// us takes anybody from it while we read (`proc_pid_task(5)`).
fn children() -> Vec<i32> {
    // Nearly always there is none when a short run begins or ends.
    if !process::has_child() {
        return Vec::new();
    }
    // The numbers in another's list are those of other processes here.
    let is_ours = Proc::get() == Proc::Ours;
    let list = is_ours.then(|| fs::read_to_string("/proc/thread-self/children"));
    let Some(Ok(list)) = list else {
        // A kernel without CONFIG_PROC_CHILDREN.
        return Census::take().children(getpid().as_raw()).to_vec();
    };
    let pids = list.split_ascii_whitespace();
    pids.filter_map(|pid| pid.parse().ok()).collect()
}
