//! The sentences about processes that are still there when `run` does not wait for them any longer.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use stopctl::linux::proc::Proc;
use stopctl::linux::process::Stat;
use stopctl::tree::Straggler;
use stopctl::words::pid::Pid;
use stopctl::words::worker_number::WorkerNumber;

use super::workers::NAMES;
use crate::say::letters::escaped;
use crate::say::voice::Weight;

/// The first of the processes that SIGKILL did not end, and how many others there are.
pub(super) fn not_ended(worker: WorkerNumber, pids: &[Pid]) -> Vec<(Weight, String)> {
    let line = |&pid: &Pid| {
        let what = circumstances(pid);
        let line = format!(
            "worker {worker}: pid {pid}{what} is still there after SIGKILL; not waiting any longer"
        );
        (Weight::Error, line)
    };
    let mut lines: Vec<(Weight, String)> = pids.iter().take(NAMES).map(line).collect();
    if pids.len() > NAMES {
        let more = pids.len() - NAMES;
        let line = format!("worker {worker}: {more} more processes are still there");
        lines.push((Weight::Error, line));
    }
    lines
}

/// That `--stragglers leave` leaves this one alone.
pub(super) fn straggler(worker: WorkerNumber, straggler: &Straggler) -> String {
    let (program, pid) = (escaped(&straggler.program), straggler.pid);
    format!("worker {worker} left {program} (pid {pid}) running; it is not stopped")
}

/// That nobody can tell which worker left this one.
pub(super) fn nobodys(pid: Pid, program: &str) -> String {
    let program = escaped(program);
    format!("{program} (pid {pid}) belongs to no worker that is known: left running")
}

/// Why a process does not end, as far as the kernel tells: its owner, its state, and where in the kernel
/// it waits.
fn circumstances(pid: Pid) -> String {
    let Some(stat) = Stat::of(pid) else {
        return String::new();
    };
    let owner = Proc::of(pid, "").and_then(|path| fs::metadata(path).ok());
    let owner = owner.map_or_else(|| "?".to_owned(), |data| data.uid().to_string());
    let place = Proc::of(pid, "wchan").and_then(|path| fs::read_to_string(path).ok());
    let place = place.unwrap_or_default();
    let place = match place.as_str() {
        // It runs, or the kernel does not tell us.
        "" | "0" => String::new(),
        place => format!(", in {}", escaped(place)),
    };
    let (program, state) = (escaped(&stat.program), stat.state);
    format!(" ({program}, uid {owner}, state {state}{place})")
}

#[cfg(test)]
mod tests {
    use super::{Pid, WorkerNumber, not_ended};

    #[test]
    fn of_many_processes_the_first_have_a_line_each_and_the_rest_one() {
        // There are no such processes, so nothing is told of them.
        let pids: Vec<Pid> = (0..25).filter_map(|n| Pid::new(i32::MAX - n)).collect();
        let lines = |count| not_ended(WorkerNumber::FIRST, &pids[..count]);
        assert_eq!(
            lines(1)[0].1,
            "worker 0: pid 2147483647 is still there after SIGKILL; not waiting any longer"
        );
        assert_eq!(lines(10).len(), 10);
        let many = lines(25);
        assert_eq!(many.len(), 11);
        assert_eq!(many[10].1, "worker 0: 15 more processes are still there");
    }
}
