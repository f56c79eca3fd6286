//! Processes that outlive the main process of their worker, and have not been reported yet.
//!
//! A process that ends a moment later without a signal was about to leave anyway, as a resource tracker
//! does when its pipe closes: nobody has to know of it. So only this report waits a moment.

use std::collections::BTreeMap;
use std::time::Duration;

use stopctl::words::moment::Moment;
use stopctl::words::pid::Pid;
use stopctl::words::worker_number::WorkerNumber;

/// A process that ends within this time needs no line.
const ABOUT_TO_LEAVE: Duration = Duration::from_secs(1);

/// The processes that nothing was said of yet.
#[derive(Default)]
pub(crate) struct Behind(Vec<One>);

struct One {
    worker: WorkerNumber,
    pid: Pid,
    what: String,
    /// When to report it.
    at: Moment,
}

impl Behind {
    pub(crate) fn add(&mut self, now: Moment, worker: WorkerNumber, pid: Pid, what: String) {
        self.0.push(One {
            worker,
            pid,
            what,
            at: now + ABOUT_TO_LEAVE,
        });
    }

    /// It ended by itself, or its end was reported.
    pub(crate) fn ended(&mut self, pid: Pid) {
        self.0.retain(|one| one.pid != pid);
    }

    /// It was sent a signal, so it is reported at once.
    pub(crate) fn signalled(&mut self, now: Moment, pid: Pid) {
        for one in self.0.iter_mut().filter(|one| one.pid == pid) {
            one.at = now;
        }
    }

    /// When the next report is due.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.0.iter().map(|one| one.at).min()
    }

    /// What is due by now, for each worker.
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
