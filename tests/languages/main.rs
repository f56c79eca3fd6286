//! Workers in every language, with the clients that the repository has for them; and programs of others.
#![cfg(feature = "cli")]

mod clients;
#[path = "../committed/mod.rs"]
mod committed;
mod conformance;
mod programs;
mod python;
mod python_package;
mod python_recipes;
mod real_work;
#[path = "../support/mod.rs"]
mod support;
