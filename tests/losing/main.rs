//! What is lost, and what must hold all the same: supervisors, guards, files and directories.
#![cfg(feature = "cli")]

mod chaos;
#[path = "../killed/mod.rs"]
mod killed;
mod lost;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod vanishing;
