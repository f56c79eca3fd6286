//! Where the program may find itself: in containers and sandboxes, without `/proc`, on kernels that
//! refuse a call, beside flags that are not its own.

mod clients;
mod first;
mod kernel;
mod memory;
mod namespaces;
mod places;
mod rights;

use crate::support::started::Started;
use crate::support::until::until;

/// Waits until the supervisor has told of so many workers: they may be quicker than its telling.
#[track_caller]
fn told(run: &Started, workers: usize) {
    until("told", || {
        run.events_so_far().of("worker_started").len() >= workers
    });
}
