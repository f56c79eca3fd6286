//! At a real terminal, with the job control of a real shell.

#[path = "terminal/keys.rs"]
mod keys;
#[path = "terminal/places.rs"]
mod places;
mod support;
#[path = "terminal/suspend.rs"]
mod suspend;

use std::time::Duration;

/// More than the half second within which two presses are one.
const NO_DOUBLE_TAP: Duration = Duration::from_millis(700);
