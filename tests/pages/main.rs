//! What is committed for people and for shells: pages, completions, units, and the readers in them.
#![cfg(feature = "cli")]

#[path = "../../src/bin/stopctl/cli.rs"]
mod cli;
#[path = "../committed/mod.rs"]
mod committed;
mod completions;
#[path = "../generated/mod.rs"]
mod generated;
mod man;
mod packages;
mod printed;
mod readers;
mod readme;
#[path = "../support/mod.rs"]
mod support;
mod unit;
