//! The workers whose programs may not run yet, and what became of the others. Nobody waits for one:
//! its fate is an event of the loop, and meanwhile others are started.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::run::spawn::{Newborn, SpawnError};
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How long the next worker waits until the program of the one before runs: usually less than a
/// millisecond, and then they begin one after the other.
const PATIENCE: Duration = Duration::from_millis(50);

/// How often a child that somebody has stopped is continued. A Ctrl-Z at the wrong moment stops it
/// once; whoever stops it again and again means it.
const CONTINUED: u8 = 20;

/// The workers that are on the way to their programs, and those that will never have one.
#[derive(Debug)]
pub(super) struct Newborns {
    all: Vec<OnTheWay>,
    /// How many may be on the way at once.
    room: usize,
    /// Whether any program has run.
    has_one_run: bool,
    /// Why the first worker that could not be started could not.
    refusal: Option<SpawnError>,
    /// Whether a worker could not be started when there were others.
    has_failed: bool,
}

#[derive(Debug)]
struct OnTheWay {
    worker: WorkerNumber,
    child: Newborn,
    since: Moment,
    /// Whether we have said that it takes long.
    is_slow: bool,
    /// Whether its program cannot run: it only has to end.
    failed: bool,
    continued: u8,
}

impl Newborns {
    pub(super) const fn new(room: usize) -> Self {
        Self {
            all: Vec::new(),
            room,
            has_one_run: false,
            refusal: None,
            has_failed: false,
        }
    }

    /// A worker was forked.
    pub(super) fn add(&mut self, worker: WorkerNumber, child: Newborn, now: Moment) {
        self.all.push(OnTheWay {
            worker,
            child,
            since: now,
            is_slow: false,
            failed: false,
            continued: 0,
        });
    }

    /// Whether the fate of each is known.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().next().is_none()
    }

    /// What to poll for reading.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.waiting().map(|one| one.child.as_fd())
    }

    /// When another one may be forked; `None` if that has to wait for one of these.
    pub(super) fn next_at(&self) -> Option<Moment> {
        let has_room = self.waiting().count() < self.room;
        let patience = self.waiting().map(|one| one.since + PATIENCE);
        has_room.then(|| patience.max().unwrap_or(Moment::from_nanos(0)))
    }

    /// When the next one begins to be slow.
    pub(super) fn slow_at(&self) -> Option<Moment> {
        let quick = self.waiting().filter(|one| !one.is_slow);
        quick.map(|one| one.since + PATIENCE).min()
    }

    /// Those that have become slow.
    pub(super) fn slow(&mut self, now: Moment) -> Vec<WorkerNumber> {
        let waiting = self.all.iter_mut().filter(|one| !one.failed);
        let slow = waiting.filter(|one| !one.is_slow && one.since + PATIENCE <= now);
        slow.map(|one| {
            one.is_slow = true;
            one.worker
        })
        .collect()
    }

    /// Those whose fate has become known since the last call: their programs run, or cannot.
    pub(super) fn take_fates(&mut self) -> Vec<(WorkerNumber, Result<(), SpawnError>)> {
        let mut fates = Vec::new();
        self.all.retain_mut(|one| {
            let fate = if one.failed { None } else { one.child.fate() };
            let runs = matches!(fate, Some(Ok(())));
            self.has_one_run |= runs;
            one.failed |= matches!(fate, Some(Err(_)));
            fates.extend(fate.map(|fate| (one.worker, fate)));
            !runs
        });
        fates
    }

    /// Whether the child `pid`, which was stopped, is one of these and is to be continued.
    pub(super) fn has_to_go_on(&mut self, pid: Pid) -> bool {
        let mut of_pid = self.all.iter_mut().filter(|one| one.child.pid() == pid);
        let Some(one) = of_pid.next() else {
            return false;
        };
        one.continued = one.continued.saturating_add(1);
        one.continued <= CONTINUED
    }

    /// The child `pid` has ended.
    pub(super) fn forget(&mut self, pid: Pid) {
        self.all.retain(|one| one.child.pid() != pid);
    }

    /// A worker could not be started. Answers whether there are others, which are to be stopped.
    pub(super) fn refuse(&mut self, error: SpawnError) -> bool {
        let are_others = self.has_one_run || !self.is_empty();
        self.has_failed |= are_others;
        self.refusal.get_or_insert(error);
        are_others
    }

    /// Whether a worker could not be started.
    pub(super) fn has_refusal(&self) -> bool {
        self.refusal.is_some()
    }

    /// Whether a worker could not be started when there were others: the run was not what it was to
    /// be.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Why the run never began, if no program has run.
    pub(super) fn take_refusal(&mut self) -> Option<SpawnError> {
        self.refusal.take().filter(|_| !self.has_one_run)
    }

    fn waiting(&self) -> impl Iterator<Item = &OnTheWay> {
        self.all.iter().filter(|one| !one.failed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CONTINUED, Newborn, Newborns, PATIENCE, Pid, SpawnError, WorkerNumber};
    use crate::run::spawn::{Telling, newborn_pipe};
    use crate::words::moment::Moment;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);

    /// A child that is on the way until its end of the pipe is dropped.
    fn child(pid: Pid) -> (Newborn, Telling) {
        let (told, telling) = newborn_pipe().unwrap();
        (Newborn::new(pid, told), telling)
    }

    fn refusal() -> SpawnError {
        SpawnError::NotFound(std::io::ErrorKind::NotFound.into())
    }

    #[test]
    fn the_next_worker_waits_for_the_one_before_but_not_for_long() {
        let mut newborns = Newborns::new(2);
        assert!(newborns.next_at() <= Some(NOW));
        let (first, _first) = child(Pid::FIRST);
        newborns.add(WorkerNumber::new(0), first, NOW);
        assert_eq!(newborns.next_at(), Some(NOW + PATIENCE));
        let (second, end) = child(Pid::NOBODYS);
        newborns.add(WorkerNumber::new(1), second, NOW + PATIENCE);
        assert_eq!(newborns.next_at(), None, "there is no room");
        drop(end);
        let fates = newborns.take_fates();
        assert!(matches!(fates[..], [(worker, Ok(()))] if worker == WorkerNumber::new(1)));
        assert_eq!(newborns.next_at(), Some(NOW + PATIENCE));
    }

    #[test]
    fn whoever_takes_long_is_told_of_once() {
        let mut newborns = Newborns::new(2);
        let (first, _end) = child(Pid::FIRST);
        newborns.add(WorkerNumber::FIRST, first, NOW);
        assert_eq!(newborns.slow_at(), Some(NOW + PATIENCE));
        assert_eq!(newborns.slow(NOW + PATIENCE / 2), []);
        assert_eq!(newborns.slow(NOW + PATIENCE), [WorkerNumber::FIRST]);
        assert_eq!(newborns.slow(NOW + PATIENCE * 2), []);
        assert_eq!(newborns.slow_at(), None);
        assert!(!newborns.is_empty());
        newborns.forget(Pid::FIRST);
        assert!(newborns.is_empty());
    }

    #[test]
    fn whoever_is_stopped_on_the_way_is_continued_so_often() {
        let mut newborns = Newborns::new(2);
        let (first, _end) = child(Pid::FIRST);
        newborns.add(WorkerNumber::FIRST, first, NOW + Duration::from_secs(1));
        assert!(!newborns.has_to_go_on(Pid::NOBODYS));
        for _ in 0..CONTINUED {
            assert!(newborns.has_to_go_on(Pid::FIRST));
        }
        assert!(!newborns.has_to_go_on(Pid::FIRST));
    }

    #[test]
    fn the_first_that_cannot_be_started_is_why_the_run_never_began() {
        let mut newborns = Newborns::new(2);
        assert!(!newborns.refuse(refusal()));
        assert!(newborns.has_refusal() && !newborns.has_failed());
        assert!(newborns.take_refusal().is_some());
    }

    #[test]
    fn a_later_one_that_cannot_be_started_has_the_run_fail() {
        let mut newborns = Newborns::new(2);
        let (first, end) = child(Pid::FIRST);
        newborns.add(WorkerNumber::FIRST, first, NOW);
        assert!(newborns.refuse(refusal()), "one is on the way");
        drop(end);
        newborns.take_fates();
        assert!(newborns.refuse(refusal()), "one runs");
        assert!(newborns.has_failed());
        assert!(newborns.take_refusal().is_none());
    }
}
