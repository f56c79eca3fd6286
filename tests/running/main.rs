//! A run, from its start to its verdict: where it is started, what it is given, what it hears and
//! says, and the status it ends with.
#![cfg(feature = "cli")]

mod ci;
#[path = "../committed/mod.rs"]
mod committed;
mod environment;
mod exit_status;
mod flag_memory;
mod idle;
mod messages;
mod notify;
mod one_loop;
mod shield;
mod signals;
mod startup;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod truth;
