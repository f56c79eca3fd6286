//! Where the program may find itself: in containers and sandboxes, without `/proc`, on kernels that
//! refuse a call, beside flags that are not its own.

mod support;

#[path = "environment/clients.rs"]
mod clients;
#[path = "environment/kernel.rs"]
mod kernel;
#[path = "environment/memory.rs"]
mod memory;
#[path = "environment/places.rs"]
mod places;

use std::time::{Duration, Instant};

use support::started::Started;

/// Waits until the supervisor has told of so many workers: they may be quicker than its telling.
#[track_caller]
fn told(run: &Started, workers: usize) {
    let since = Instant::now();
    while run.events_so_far().of("worker_started").len() < workers {
        assert!(since.elapsed() < Duration::from_secs(30), "never told");
        std::thread::sleep(Duration::from_millis(1));
    }
}
