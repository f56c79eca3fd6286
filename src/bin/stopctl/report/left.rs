//! What `run` says of processes that are still there when it does not wait for them any longer.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use stopctl::enforce::event::Event;
use stopctl::linux::proc::Proc;
use stopctl::linux::process::Stat;
use stopctl::words::escape::escaped;

use crate::show::NAMES;
use crate::voice::Weight;

/// The lines for an event that tells of some, if it does.
pub(super) fn lines(event: &Event<'_>) -> Vec<(Weight, String)> {
    if let Event::NotEnded { worker, pids } = event {
        let line = |&pid: &i32| {
            let what = circumstances(pid);
            let line = format!(
                "worker {worker}: pid {pid}{what} is still there after SIGKILL; not waiting any \
                 longer"
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
    } else if let Event::StragglerLeft { worker, straggler } = event {
        let (program, pid) = (escaped(&straggler.program), straggler.pid);
        let line = format!("worker {worker} left {program} (pid {pid}) running; it is not stopped");
        vec![(Weight::Notice, line)]
    } else if let Event::Nobodys { pid, program } = event {
        let program = escaped(program);
        let line = format!("{program} (pid {pid}) is of no worker that can be told: left running");
        vec![(Weight::Notice, line)]
    } else {
        Vec::new()
    }
}

/// Why a process does not end, as far as the kernel tells: whose it is, its state, and where in
/// the kernel it waits.
fn circumstances(pid: i32) -> String {
    let Some(stat) = Stat::of(pid) else {
        return String::new();
    };
    let owner = Proc::of(pid, "").and_then(|path| fs::metadata(path).ok());
    let owner = owner.map_or_else(|| "?".to_owned(), |data| data.uid().to_string());
    let place = Proc::of(pid, "wchan").and_then(|path| fs::read_to_string(path).ok());
    let place = place.unwrap_or_default();
    let place = match place.as_str() {
        // It runs, or we may not know.
        "" | "0" => String::new(),
        place => format!(", in {}", escaped(place)),
    };
    let (program, state) = (escaped(&stat.program), stat.state);
    format!(" ({program}, uid {owner}, state {state}{place})")
}
