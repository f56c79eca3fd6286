//! The main processes of workers that are not reaped yet.

use std::collections::HashMap;

use crate::linux::process;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// Which pid is whose. The kernel gives none of these to another process before it is reaped.
#[derive(Debug, Default)]
pub(super) struct Mains {
    workers: HashMap<Pid, WorkerNumber>,
}

impl Mains {
    /// The main process of a worker was forked.
    pub(super) fn add(&mut self, pid: Pid, worker: WorkerNumber) {
        self.workers.insert(pid, worker);
    }

    /// The worker whose main process this is.
    pub(super) fn worker(&self, pid: Pid) -> Option<WorkerNumber> {
        self.workers.get(&pid).copied()
    }

    /// The same, and forgets the process: it is reaped now.
    pub(super) fn take(&mut self, pid: Pid) -> Option<WorkerNumber> {
        self.workers.remove(&pid)
    }

    /// Forgets those that are no longer our children: somebody else has reaped them.
    pub(super) fn take_lost(&mut self) -> Vec<(Pid, WorkerNumber)> {
        let all = self.workers.iter().map(|(&pid, &worker)| (pid, worker));
        let lost: Vec<_> = all.filter(|&(pid, _)| !process::is_child(pid)).collect();
        for (pid, _) in &lost {
            self.workers.remove(pid);
        }
        lost
    }

    /// One of them; where there is one worker at most, this is its main process.
    pub(super) fn any(&self) -> Option<Pid> {
        self.workers.keys().copied().next()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Mains, Pid, WorkerNumber, process};

    #[test]
    fn a_main_process_is_its_workers_until_it_is_taken() {
        let (first, second) = (WorkerNumber::new(4), WorkerNumber::new(7));
        let [one, other] = [40, 70].map(|number| Pid::new(number).unwrap());
        let mut mains = Mains::default();
        assert_eq!(mains.any(), None);
        mains.add(one, first);
        mains.add(other, second);
        assert_eq!(mains.worker(one), Some(first));
        assert_eq!(mains.take(one), Some(first));
        assert_eq!(mains.take(one), None);
        assert_eq!(mains.worker(one), None);
        assert_eq!(mains.any(), Some(other));
    }

    #[test]
    fn a_main_process_is_lost_once_somebody_else_has_reaped_it() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = process::pid_of(&child);
        let mut mains = Mains::default();
        mains.add(pid, WorkerNumber::FIRST);
        assert_eq!(mains.take_lost(), []);
        child.wait().unwrap();
        assert_eq!(mains.take_lost(), [(pid, WorkerNumber::FIRST)]);
        assert_eq!(mains.any(), None);
    }
}
