//! stopctl: a process supervisor that asks before it shoots. See stopctl(1).

mod cli;

use clap::Parser as _;

fn main() {
    // What was typed is read; what it asks for comes next.
    let _ = cli::Cli::parse();
}
