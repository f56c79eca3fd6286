//! The number of a worker in its run.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::Serialize;

/// Which worker of a run: the first one is 0. The number stays the same, whatever process the worker
/// has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct WorkerNumber(u32);

impl WorkerNumber {
    /// The first worker of every run.
    pub const FIRST: Self = Self(0);

    /// The worker that a command line, a file name, a slot or a line of text means by `number`.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number itself, for a command line, a file name, a slot or a line of text.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Every worker of a run that has this many of them, in order.
    pub fn all_of(workers: u32) -> impl DoubleEndedIterator<Item = Self> {
        (0..workers).map(Self)
    }
}

impl fmt::Display for WorkerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WorkerNumber {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::WorkerNumber;

    #[test]
    fn a_number_reads_as_it_was_typed_and_keeps_the_order() {
        for number in [0, 1, 10, u32::MAX] {
            let worker = WorkerNumber::new(number);
            assert_eq!(worker.get(), number);
            assert_eq!(worker.to_string(), number.to_string());
            assert_eq!(number.to_string().parse(), Ok(worker));
            assert_eq!(format!("{worker:>4}"), format!("{number:>4}"));
        }
        assert!(WorkerNumber::new(2) < WorkerNumber::new(10));
    }

    #[test]
    fn a_run_numbers_its_workers_from_the_first_one_on() {
        let all: Vec<u32> = WorkerNumber::all_of(3).map(WorkerNumber::get).collect();
        assert_eq!(all, [0, 1, 2]);
        assert_eq!(WorkerNumber::all_of(1).next(), Some(WorkerNumber::FIRST));
        assert_eq!(WorkerNumber::all_of(0).next(), None);
    }
}
