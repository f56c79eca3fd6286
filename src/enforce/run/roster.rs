//! The workers of a run that were started, found by their numbers, and what became of them.

use crate::decide::outcome::Final;
use crate::enforce::worker::Worker;
use crate::words::worker_number::WorkerNumber;

/// Every worker that was started, whether it is over or not.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// In the order of their numbers.
    workers: Vec<Worker>,
    /// In the order in which they were made.
    finals: Vec<Final>,
}

impl Roster {
    /// Takes in a worker that was started.
    pub(crate) fn add(&mut self, worker: Worker) {
        let place = self.end_of(Some(worker.number()));
        self.workers.insert(place, worker);
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter()
    }

    /// Those that are not over.
    pub(crate) fn there(&self) -> impl Iterator<Item = &Worker> {
        self.iter().filter(|worker| !worker.is_over())
    }

    /// Those whose numbers follow `last`; all of them if there is no such number.
    pub(crate) fn after(&self, last: Option<WorkerNumber>) -> impl Iterator<Item = &Worker> {
        self.workers[self.end_of(last)..].iter()
    }

    /// The worker that has this number, if it was started.
    pub(crate) fn get(&self, number: WorkerNumber) -> Option<&Worker> {
        self.workers.get(self.place_of(number)?)
    }

    /// How many were started.
    pub(crate) fn count(&self) -> usize {
        self.workers.len()
    }

    /// The final records, in the order in which they were made.
    pub(crate) fn finals(&self) -> &[Final] {
        &self.finals
    }

    /// Whether every worker has its final record.
    pub(crate) fn all_over(&self) -> bool {
        self.finals.len() == self.workers.len()
    }

    /// Has `act` do something to each worker that is not over, and keeps the final records of those
    /// whose end that was.
    pub(super) fn on_each(&mut self, mut act: impl FnMut(&mut Worker)) {
        for worker in &mut self.workers {
            act_on(worker, &mut self.finals, &mut act);
        }
    }

    /// The same for the worker that has this number. It may have none: a flag may be opened whose
    /// worker could not be started.
    pub(super) fn on(&mut self, number: WorkerNumber, act: impl FnOnce(&mut Worker)) {
        if let Some(place) = self.place_of(number) {
            act_on(&mut self.workers[place], &mut self.finals, act);
        }
    }

    /// All of them, for what also concerns those that are over, and ends none.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.workers.iter_mut()
    }

    fn place_of(&self, number: WorkerNumber) -> Option<usize> {
        self.workers
            .binary_search_by_key(&number, Worker::number)
            .ok()
    }

    fn end_of(&self, last: Option<WorkerNumber>) -> usize {
        self.workers
            .partition_point(|worker| Some(worker.number()) <= last)
    }
}

fn act_on(worker: &mut Worker, finals: &mut Vec<Final>, act: impl FnOnce(&mut Worker)) {
    if !worker.is_over() {
        act(worker);
        finals.extend(worker.last().cloned());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::{Roster, Worker, WorkerNumber};
    use crate::contract::flag::writer::FlagFile;
    use crate::decide::ladder::Ladder;
    use crate::decide::times::Times;
    use crate::words::duration::Limit;
    use crate::words::moment::Moment;
    use crate::words::pid::Pid;

    /// A roster of the workers that have these numbers.
    fn roster(numbers: &[u32]) -> Roster {
        let dir = tempfile::tempdir().unwrap();
        let mut roster = Roster::default();
        for number in numbers.iter().copied().map(WorkerNumber::new) {
            let opened = File::open(dir.path()).unwrap();
            let flag = FlagFile::create(opened, dir.path(), number).unwrap();
            let second = Duration::from_secs(1);
            let times = Times::plain(Limit::Never, Limit::Never, second);
            let began = Moment::from_nanos(0);
            let ladder = Ladder::new(times, began);
            roster.add(Worker::new(
                number,
                Pid::NOBODYS,
                flag,
                None,
                (began, ladder),
            ));
        }
        roster
    }

    fn numbers<'a>(workers: impl Iterator<Item = &'a Worker>) -> Vec<u32> {
        workers.map(|one| one.number().get()).collect()
    }

    #[test]
    fn a_worker_is_found_by_its_number_whenever_it_came() {
        let roster = roster(&[4, 0, 7]);
        assert_eq!(numbers(roster.iter()), [0, 4, 7]);
        for (number, is_there) in [(0, true), (1, false), (4, true), (7, true), (8, false)] {
            let number = WorkerNumber::new(number);
            let found = roster.get(number).map(Worker::number);
            assert_eq!(found, is_there.then_some(number));
        }
    }

    #[test]
    fn those_after_a_number_follow_it_whether_it_is_there_or_not() {
        let roster = roster(&[0, 4, 7]);
        let after = |last: Option<u32>| numbers(roster.after(last.map(WorkerNumber::new)));
        assert_eq!(after(None), [0, 4, 7]);
        assert_eq!(after(Some(0)), [4, 7]);
        assert_eq!(after(Some(5)), [7]);
        assert!(after(Some(7)).is_empty());
    }

    #[test]
    fn something_is_done_to_the_worker_of_that_number_and_to_no_other() {
        let mut roster = roster(&[0, 4]);
        let mut seen = Vec::new();
        for number in [4, 1] {
            roster.on(WorkerNumber::new(number), |worker| {
                seen.push(worker.number().get());
            });
        }
        assert_eq!(seen, [4]);
        assert_eq!(numbers(roster.there()), [0, 4]);
        assert!(!roster.all_over());
        assert!(Roster::default().all_over());
    }
}
