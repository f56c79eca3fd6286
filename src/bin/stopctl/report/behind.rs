//! Processes that outlive the main process of their worker, until something is said of them.
//!
//! Whoever is gone in a moment without having needed a signal was about to leave (a resource
//! tracker, say, that saw its pipe close): nobody has to know. Nothing else is delayed by it.

use std::collections::BTreeMap;
use std::time::Duration;

use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

/// Who is gone within this time needs no line.
const ABOUT_TO_LEAVE: Duration = Duration::from_secs(1);

/// Those of whom nothing was said yet.
#[derive(Default)]
pub(crate) struct Behind(Vec<One>);

struct One {
    worker: WorkerNumber,
    pid: i32,
    what: String,
    /// When it is said.
    at: Moment,
}

impl Behind {
    pub(crate) fn add(&mut self, now: Moment, worker: WorkerNumber, pid: i32, what: String) {
        self.0.push(One {
            worker,
            pid,
            what,
            at: now + ABOUT_TO_LEAVE,
        });
    }

    /// It left by itself, or what became of it was said.
    pub(crate) fn ended(&mut self, pid: i32) {
        self.0.retain(|one| one.pid != pid);
    }

    /// It was sent a signal, so it is said at once.
    pub(crate) fn signalled(&mut self, now: Moment, pid: i32) {
        for one in self.0.iter_mut().filter(|one| one.pid == pid) {
            one.at = now;
        }
    }

    /// When something has to be said.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.0.iter().map(|one| one.at).min()
    }

    /// What there is to say by now, for each worker.
    pub(crate) fn take(&mut self, now: Moment) -> BTreeMap<WorkerNumber, Vec<String>> {
        let (due, later) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<Vec<One>, _>(|one| one.at <= now);
        self.0 = later;
        let mut said: BTreeMap<WorkerNumber, Vec<String>> = BTreeMap::new();
        for one in due {
            said.entry(one.worker).or_default().push(one.what);
        }
        said
    }
}
