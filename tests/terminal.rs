//! At a real terminal, with the job control of a real shell.

#[path = "terminal/clocks.rs"]
mod clocks;
#[path = "terminal/foreground.rs"]
mod foreground;
#[path = "terminal/guests.rs"]
mod guests;
#[path = "terminal/keys.rs"]
mod keys;
#[path = "terminal/places.rs"]
mod places;
mod support;
#[path = "terminal/suspend.rs"]
mod suspend;

use std::fs;
use std::time::Duration;

use support::base::Base;
use support::events::Events;
use support::until::until;

/// More than the half second within which two presses are one.
const NO_DOUBLE_TAP: Duration = Duration::from_millis(700);

/// The events of the run, once it is over: nobody is left to wait for.
#[track_caller]
fn over(base: &Base) -> Events {
    let read = || Events::read(&base.file("e"));
    until("it is over", || {
        !read().of("run_ended").is_empty()
            && fs::read_dir(base.runs()).is_ok_and(|mut runs| runs.next().is_none())
    });
    read()
}
