//! At a real terminal, with the job control of a real shell.

#[path = "terminal/foreground.rs"]
mod foreground;
#[path = "terminal/keys.rs"]
mod keys;
#[path = "terminal/places.rs"]
mod places;
mod support;
#[path = "terminal/suspend.rs"]
mod suspend;

use std::fs;
use std::time::{Duration, Instant};

use support::base::Base;
use support::events::Events;

/// More than the half second within which two presses are one.
const NO_DOUBLE_TAP: Duration = Duration::from_millis(700);

/// The events of the run, once it is over: nobody is left to wait for.
#[track_caller]
fn over(base: &Base) -> Events {
    let since = Instant::now();
    loop {
        let events = Events::read(&base.file("e"));
        if !events.of("run_ended").is_empty()
            && fs::read_dir(base.runs()).is_ok_and(|mut runs| runs.next().is_none())
        {
            return events;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{events:#?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
