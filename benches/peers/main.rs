//! What stopctl costs beside its peers: `cargo bench --bench peers`, or `-- --quick` for a first
//! look. What it prints last is the table in benches/README.md.
//!
//! Everything is measured in rounds in which each program has its turn, and told as ratios within
//! a round: what else the machine does slows all of them. The floor is a small static C program
//! that does just the job, `floor.c`. What is not on the machine is said, and left out; in Debian
//! the peers are the packages `tini`, `dumb-init` and `catatonit`, and for the counts
//! `valgrind` and `strace`.
//!
//! The static build is measured if it was built before: see "Build" in the README. The dynamic one
//! is built first.
#![expect(
    clippy::print_stdout,
    reason = "a program whose purpose is to print a table"
)]

use std::path::Path;
use std::process::Command;

use crate::machine::Machine;
use crate::table::Table;

#[path = "../../tests/counted/mod.rs"]
mod counted;
mod idle;
mod machine;
mod many;
mod scene;
mod short;
mod table;

/// How much is measured.
pub(crate) struct Extent {
    /// Of a short command.
    pub(crate) short: usize,
    /// Of a run with this many workers.
    pub(crate) rounds: fn(u32) -> usize,
    /// The largest run.
    pub(crate) most: u32,
    /// How long an idle run is watched, in seconds.
    pub(crate) idle: u64,
}

const WHOLE: Extent = Extent {
    short: 300,
    rounds: |workers| match workers {
        0..=10 => 40,
        11..=200 => 15,
        201..=2000 => 5,
        _ => 2,
    },
    most: 10_000,
    idle: 10,
};

const QUICK: Extent = Extent {
    short: 30,
    rounds: |workers| if workers > 10 { 3 } else { 7 },
    most: 1000,
    idle: 2,
};

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let extent = if quick { QUICK } else { WHOLE };
    let place = tempfile::tempdir_in("/dev/shm").expect("a directory in shared memory");
    let machine = Machine::found(place.path());
    let mut table = Table::default();
    println!("{}\n", described());
    short::measure(&machine, &extent, &mut table);
    idle::measure(&machine, &extent, &mut table);
    many::measure(&machine, &extent, &mut table);
    table.print();
}

/// The day and the class of the machine.
fn described() -> String {
    let said = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().expect(program);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = said("uname", &["-r"]);
    let kernel = kernel.split('-').next().unwrap_or_default();
    format!(
        "{}, Linux {kernel} {}, {} cores, load {load} at the beginning",
        said("date", &["-u", "+%F"]),
        said("uname", &["-m"]),
        cores
    )
}
