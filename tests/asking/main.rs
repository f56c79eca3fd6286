//! The commands that look at a run or ask something of it, from outside.
#![cfg(feature = "cli")]

mod cleaning;
mod control;
mod display;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod users;
mod watch;
