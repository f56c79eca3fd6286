//! stopctl: a process supervisor that asks before it shoots. See stopctl(1).
#![cfg_attr(not(test), no_main)]

mod cli;
mod commands;
mod exit;
mod parse;
mod report;
mod say;
mod show;

use std::ffi::OsString;

use stopctl::linux::process::Borrowed;

use crate::cli::Command;
use crate::commands::{
    clean, client, completions, keep_going, list, notify, run, signal, sleep, status, stop, unit,
    wait,
};
use crate::exit::Leave;

stopctl::main!(leave);

/// Does what was typed, and returns the exit status.
fn leave(words: &[OsString]) -> u8 {
    if let Some(borrowed) = Borrowed::get() {
        return Leave::FAILED.saying(&borrowed).now();
    }
    let leave = parse::read(words).map_or_else(
        |error| Leave::from_usage(error, words),
        |typed| match typed.command {
            Command::Run(args) => run::run(&args, &typed.variables),
            Command::Stop(args) => stop::stop(&args),
            Command::Signal(args) => signal::signal(&args),
            Command::Status(args) => status::status(&args),
            Command::List(args) => list::list(&args),
            Command::Wait(args) => wait::wait(&args),
            Command::KeepGoing(_) => keep_going::keep_going(),
            Command::Sleep(args) => sleep::sleep(&args),
            Command::Clean(args) => clean::clean(&args),
            Command::Client(args) => client::client(&args),
            Command::Notify(args) => notify::notify(&args),
            Command::Unit(args) => unit::unit(&args),
            Command::Completions(args) => completions::completions(&args),
        },
    );
    leave.now()
}
