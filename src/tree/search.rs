//! Where an owner looks for the processes of its workers: among its own children, and in `/proc`.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::census::{self, Census};
use crate::linux::proc::Proc;
use crate::linux::process::{self, Stat};
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// What was found at one wake-up, shared by all workers: a walk through `/proc` is expensive, and is
/// made only if there is a process to find.
#[derive(Debug)]
pub struct Search {
    orphans: Orphans,
    census: Option<Census>,
    /// The state before a takeover has done anything: it tells the parents of processes that are
    /// orphans now.
    past: Option<Census>,
}

/// Which process the orphans of workers become children of.
#[derive(Debug)]
enum Orphans {
    /// They become our children: we are a subreaper (`PR_SET_CHILD_SUBREAPER`).
    Ours(Adoption),
    /// They do not become our children: we have taken over from their supervisor.
    Elsewhere,
}

/// What a subreaper knows of its children.
#[derive(Debug)]
struct Adoption {
    /// Children that no worker is searched for: main processes, the guard, children from before the
    /// run, and orphans that were reported and left alone.
    known: HashSet<Pid>,
    /// Processes that are held as part of the tree of some worker.
    held: HashSet<Pid>,
    /// Whether all our orphans must come from workers.
    certain: bool,
    /// The worker that gets the orphans without any sign of where they belong.
    adopter: Option<WorkerNumber>,
    /// Children of which nothing is known, when they were last listed.
    unclaimed: Option<Vec<Orphan>>,
}

/// A child of ours of which nothing is known, as it was when we found it.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    pub(super) pid: Pid,
    pub(super) stat: Stat,
    /// The flag that it was given.
    pub(super) flag: Option<PathBuf>,
}

impl Orphan {
    fn look(pid: Pid) -> Option<Self> {
        let (stat, flag) = (Stat::of(pid)?, census::flag_of(pid));
        Some(Self { pid, stat, flag })
    }
}

impl Search {
    /// For a subreaper. If it already has children, or is the first process of a pid namespace, it
    /// may get orphans that belong to no worker.
    #[must_use]
    pub fn of_subreaper() -> Self {
        let before: HashSet<Pid> = children().into_iter().collect();
        let certain = before.is_empty() && process::own_pid() != Pid::FIRST;
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

    /// For a process that has taken over a run, before it asks any worker to stop: a worker that
    /// leaves at once would leave no trace of which processes were its own.
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

    /// Discards what was found, at the beginning of a new search. `held` are the processes whose
    /// worker is known.
    pub fn restart(&mut self, held: impl Iterator<Item = Pid>) {
        self.discard();
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.held = held.collect();
        }
    }

    /// Discards what was found; the same processes stay held.
    pub fn discard(&mut self) {
        self.census = None;
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.unclaimed = None;
        }
    }

    /// Excludes a child of ours from the search: it is not an orphan, or it is left alone.
    pub fn exclude(&mut self, pid: Pid) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.known.insert(pid);
        }
    }

    /// Forgets a child of ours that was reaped: any process can have its pid now.
    pub fn forget(&mut self, pid: Pid) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.known.remove(&pid);
            adoption.held.remove(&pid);
        }
    }

    /// Lets this worker adopt the orphans without any sign: it is the only worker, or the last.
    pub fn set_adopter(&mut self, worker: WorkerNumber) {
        if let Orphans::Ours(adoption) = &mut self.orphans {
            adoption.adopter = Some(worker);
        }
    }

    /// Whether every process that a worker leaves behind becomes our child, and no other orphan does:
    /// then it can be found at any time, and nothing has to be remembered.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        matches!(&self.orphans, Orphans::Ours(adoption) if adoption.certain)
    }

    /// The worker that adopts the orphans without any sign. It has to search last, when every other
    /// worker has taken the orphans that carry its own signs.
    #[must_use]
    pub fn adopter(&self) -> Option<WorkerNumber> {
        match &self.orphans {
            Orphans::Ours(adoption) if adoption.certain => adoption.adopter,
            Orphans::Ours(_) | Orphans::Elsewhere => None,
        }
    }

    /// Our orphans that no worker holds; `None` if orphans do not become our children.
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

    /// Notes that a process is part of a worker's tree, so that no other worker takes it.
    pub(super) fn claim(&mut self, pid: Pid) {
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

    /// The orphans that no sign assigns to a worker, with pid and program: we must not signal them.
    #[must_use]
    pub fn unowned(&mut self) -> Vec<(Pid, String)> {
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

/// Our children, including those that have ended and were not reaped. The list is complete: only we
/// remove children from it, and not while we read (`proc_pid_task(5)`).
fn children() -> Vec<Pid> {
    // When a short run begins or ends, there are nearly always none.
    if !process::has_child() {
        return Vec::new();
    }
    // In the list of another pid namespace, the numbers are those of other processes.
    let is_ours = Proc::get() == Proc::Ours;
    let list = is_ours.then(|| fs::read_to_string("/proc/thread-self/children"));
    let Some(Ok(list)) = list else {
        // A kernel without CONFIG_PROC_CHILDREN.
        return Census::take().children(process::own_pid()).to_vec();
    };
    let pids = list.split_ascii_whitespace();
    pids.filter_map(Pid::parse).collect()
}
