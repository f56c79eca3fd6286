//! The workers of a run that are still to be started. If one is asked to stop before, it is not
//! started at all.

use crate::words::worker_number::WorkerNumber;
use std::collections::BTreeSet;

/// Their numbers.
#[derive(Debug, Default)]
pub(crate) struct Unstarted {
    numbers: BTreeSet<WorkerNumber>,
}

impl Unstarted {
    /// All of so many.
    pub(crate) fn all(workers: u32) -> Self {
        let numbers = WorkerNumber::all_of(workers).collect();
        Self { numbers }
    }

    pub(crate) fn count(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = WorkerNumber> {
        self.numbers.iter().copied()
    }

    /// Takes out the one to be started now.
    pub(crate) fn next(&mut self) -> Option<WorkerNumber> {
        self.numbers.pop_first()
    }

    /// Sees to it that this one is not started; answers whether it would have been.
    pub(crate) fn call_off(&mut self, number: WorkerNumber) -> bool {
        self.numbers.remove(&number)
    }
}
