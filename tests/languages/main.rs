//! Workers in every language, with the clients that the repository has for them.
#![cfg(feature = "cli")]

mod clients;
#[path = "../committed/mod.rs"]
mod committed;
mod conformance;
mod python;
mod python_package;
mod python_recipes;
mod real_work;
#[path = "../support/mod.rs"]
mod support;
