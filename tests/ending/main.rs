//! How a run ends: the ladder, for each kind of worker, and for everything a worker has started.
#![cfg(feature = "cli")]

mod stopping;
#[path = "../support/mod.rs"]
mod support;
mod tree;
