//! What a short run does, counted: instructions, system calls and page faults.

use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

use crate::counted;
use crate::extent::Extent;
use crate::machine::Machine;
use crate::numbers::float;
use crate::scene::command;
use crate::table::Table;

pub(crate) fn measure(machine: &mut Machine, extent: &Extent, table: &mut Table) {
    let counts_instructions = machine.has("valgrind");
    let counts_calls = machine.has("strace");
    for wrapper in machine.wrappers() {
        let mut run = command(&wrapper.with(&["/bin/true"]), &machine.place);
        // Counting slows a run: one that took long enough for a guard is counted again.
        let mut least = |count: &dyn Fn(&mut Command) -> u64| {
            let counts = (0..extent.counts).map(|_| count(&mut run));
            float(counts.min().unwrap_or(0))
        };
        let name = wrapper.name;
        if counts_instructions {
            let count = least(&|run| counted::instructions(run, &machine.place));
            table.count("instructions", "k", name, count / 1e3);
        }
        if counts_calls {
            let count = least(&|run| counted::system_calls(run, &machine.place));
            table.count("system calls", "", name, count);
        }
        table.count("page faults", "", name, least(&page_faults));
    }
}

/// Those of a program and of all that it starts and waits for.
fn page_faults(command: &mut Command) -> u64 {
    let so_far = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage");
        u64::try_from(usage.minor_page_faults()).expect("a count")
    };
    let before = so_far();
    let status = command.stdout(Stdio::null()).status();
    assert!(status.expect("a run").success(), "{command:?}");
    so_far() - before
}
