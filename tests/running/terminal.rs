//! At a real terminal, with the job control of a real shell.

mod clocks;
mod foreground;
mod guests;
mod keys;
mod places;
mod start;
mod suspend;

use std::fs;
use std::time::Duration;

use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::until::until;

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
