//! The workers whose programs may not run yet. Nobody waits for one: what becomes of each is an
//! event of the loop, and meanwhile others are started.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::run::spawn::{Newborn, SpawnError};
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How long the next worker waits until the program of the one before runs: usually less than a
/// millisecond, and then they begin one after the other.
const PATIENCE: Duration = Duration::from_millis(50);

/// How often one is continued that somebody has stopped. A Ctrl-Z at the wrong moment does it once;
/// whoever stops it again and again means it.
const CONTINUED: u8 = 20;

/// Those who are on the way, and those who will never be.
pub(super) struct Newborns {
    all: Vec<OnTheWay>,
    /// How many may be on the way at once.
    room: usize,
    /// Whether any program has run.
    pub(super) has_one_run: bool,
}

struct OnTheWay {
    worker: WorkerNumber,
    child: Newborn,
    since: Moment,
    /// Whether it has been told that it takes long.
    is_slow: bool,
    /// Whether there will be no program, and it only has to end.
    failed: bool,
    continued: u8,
}

impl Newborns {
    pub(super) const fn new(room: usize) -> Self {
        Self {
            all: Vec::new(),
            room,
            has_one_run: false,
        }
    }

    /// `worker` was forked.
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

    /// Whether there is nobody of whom nothing is known yet.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().next().is_none()
    }

    /// What to poll for reading.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.waiting().map(|one| one.child.as_fd())
    }

    /// When another one may be forked: `None` is when one of these is through.
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

    /// Those whose fate is known since the last call: their programs run, or cannot.
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

    /// Whether the child `pid`, which was stopped, is one of these and to be continued.
    pub(super) fn has_to_go_on(&mut self, pid: i32) -> bool {
        let mut of_pid = self.all.iter_mut().filter(|one| one.child.pid() == pid);
        let Some(one) = of_pid.next() else {
            return false;
        };
        one.continued = one.continued.saturating_add(1);
        one.continued <= CONTINUED
    }

    /// The one with this pid has ended.
    pub(super) fn forget(&mut self, pid: i32) {
        self.all.retain(|one| one.child.pid() != pid);
    }

    /// Somebody else asks them from now on.
    pub(super) fn let_go(&mut self) {
        self.all.clear();
    }

    fn waiting(&self) -> impl Iterator<Item = &OnTheWay> {
        self.all.iter().filter(|one| !one.failed)
    }
}
