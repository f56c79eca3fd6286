//! The workers of a run that were started, found by their numbers, and what became of them.

use crate::decide::outcome::Final;
use crate::enforce::worker::Worker;
use crate::words::worker_number::WorkerNumber;

/// Every worker that was started, whether it is over or not.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// In the order of their numbers.
    workers: Vec<Worker>,
    /// Which of them are astir, in the same order. A byte for each: a turn that passes over thousands
    /// of quiet workers need not touch them.
    astir: Vec<bool>,
    /// In the order in which they were made.
    finals: Vec<Final>,
}

impl Roster {
    /// Takes in a worker that was started.
    pub(crate) fn add(&mut self, worker: Worker) {
        let place = self.end_of(Some(worker.number()));
        self.astir.insert(place, worker.is_astir());
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

    /// Those that a turn has to look at; see [`Worker::is_astir`].
    pub(crate) fn astir(&self) -> impl Iterator<Item = &Worker> {
        let all = self.workers.iter().zip(&self.astir);
        all.filter(|(_, is_astir)| **is_astir)
            .map(|(worker, _)| worker)
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
        self.each(|worker, finals| act_on(worker, finals, &mut act));
    }

    /// The same for the worker that has this number. It may have none: a flag may be opened whose
    /// worker could not be started.
    pub(super) fn on(&mut self, number: WorkerNumber, act: impl FnOnce(&mut Worker)) {
        if let Some(place) = self.place_of(number) {
            let worker = &mut self.workers[place];
            act_on(worker, &mut self.finals, act);
            self.astir[place] = worker.is_astir();
        }
    }

    /// Has `act` do something to each worker, also to those that are over. It ends none.
    pub(super) fn on_all(&mut self, mut act: impl FnMut(&mut Worker)) {
        self.each(|worker, _| act(worker));
    }

    /// Has `act` do something to each worker that is astir, also to those that are over. It ends none.
    pub(super) fn on_astir(&mut self, mut act: impl FnMut(&mut Worker)) {
        let all = self.workers.iter_mut().zip(&mut self.astir);
        for (worker, is_astir) in all.filter(|(_, is_astir)| **is_astir) {
            act(worker);
            *is_astir = worker.is_astir();
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut Worker, &mut Vec<Final>)) {
        for (worker, is_astir) in self.workers.iter_mut().zip(&mut self.astir) {
            act(worker, &mut self.finals);
            *is_astir = worker.is_astir();
        }
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
    fn a_worker_is_astir_until_there_is_nothing_to_do_about_it() {
        let mut roster = roster(&[0, 4, 7]);
        assert!(numbers(roster.astir()).is_empty());
        roster.on(WorkerNumber::new(4), Worker::forget);
        assert_eq!(numbers(roster.astir()), [4], "the record is to tell of it");
        let mut told = Vec::new();
        roster.on_astir(|worker| {
            told.push(worker.number().get());
            let _ = worker.take_changes();
        });
        assert_eq!(told, [4]);
        assert!(numbers(roster.astir()).is_empty());
        roster.on_all(Worker::forget);
        assert_eq!(numbers(roster.astir()), [0, 4, 7]);
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
