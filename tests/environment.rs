//! Where the program may find itself: in containers and sandboxes, without `/proc`, on kernels that
//! refuse a call, beside flags that are not its own.

mod support;

#[path = "environment/clients.rs"]
mod clients;
#[path = "environment/first.rs"]
mod first;
#[path = "environment/kernel.rs"]
mod kernel;
#[path = "environment/memory.rs"]
mod memory;
#[path = "environment/namespaces.rs"]
mod namespaces;
#[path = "environment/places.rs"]
mod places;
#[path = "environment/rights.rs"]
mod rights;

use support::started::Started;
use support::until::until;

/// Waits until the supervisor has told of so many workers: they may be quicker than its telling.
#[track_caller]
fn told(run: &Started, workers: usize) {
    until("told", || {
        run.events_so_far().of("worker_started").len() >= workers
    });
}
