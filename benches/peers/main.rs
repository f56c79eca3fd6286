//! What stopctl costs beside its peers, and whether the goals hold: `cargo bench --bench peers`.
//!
//! Everything is measured in rounds in which each program has its turn, and told as ratios within
//! a round: what else the machine does slows all of them. `benches/README.md` explains each goal,
//! and has the tables that this program prints last; with `STOPCTL_UPDATE` set they are written
//! there. `STOPCTL_BENCH=once` runs one small round of each, to see that all of it works.
//!
//! The floor is a small static C program that does just the job, `floor.c`. The peers are Debian's
//! packages `tini`, `dumb-init`, `catatonit`, `s6`, `runit` and `supervisor`; `valgrind` and
//! `strace` count. What is not on the machine is skipped, and named.
#![expect(
    clippy::print_stdout,
    reason = "a program whose purpose is to print a table"
)]

mod block;
#[path = "../../tests/counted/mod.rs"]
mod counted;
mod counts;
mod deaths;
mod extent;
mod goals;
mod idle;
mod machine;
mod managers;
mod many;
mod memory;
mod numbers;
mod processes;
mod program;
mod scene;
mod short;
mod stops;
mod table;

use crate::extent::Extent;
use crate::machine::Machine;
use crate::table::Table;

fn main() {
    let extent = Extent::asked();
    let place = tempfile::tempdir_in("/dev/shm").expect("a directory in shared memory");
    let mut machine = Machine::found(place.path(), &extent);
    let mut table = Table::default();
    let head = machine::described();
    println!("{head}\n");
    short::measure(&mut machine, &extent, &mut table);
    counts::measure(&mut machine, &extent, &mut table);
    memory::measure(&mut machine, &extent, &mut table);
    idle::measure(&mut machine, &extent, &mut table);
    many::measure(&mut machine, &extent, &mut table);
    stops::measure(&machine, &extent, &mut table);
    deaths::measure(&machine, &extent, &mut table);
    let told = format!("{head}\n{}\n{table}", machine.skipped());
    println!("\n{told}");
    if extent.is_whole && std::env::var_os("STOPCTL_UPDATE").is_some() {
        block::write(&told);
    }
}
