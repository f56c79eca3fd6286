//! Wrapping one short command, and the end of a worker.

use std::process::Stdio;
use std::time::Instant;

use crate::Extent;
use crate::counted;
use crate::machine::{Machine, Peer, is_here};
use crate::scene::{Scene, command};
use crate::table::Table;

/// The most that a short run may take, whatever else the machine does.
const CALLS: f64 = 150.0;

/// How often a thing is counted.
const COUNTS: usize = 7;

pub(crate) fn measure(machine: &Machine, extent: &Extent, table: &mut Table) {
    let peers = machine.wrappers();
    let reference = peers[0].name;

    let times = rounds(extent.short, &peers, |peer| {
        let since = Instant::now();
        let status = command(&with(peer, &["/bin/true"]), &machine.place)
            .stdout(Stdio::null())
            .status();
        assert!(status.expect(peer.name).success());
        since.elapsed().as_secs_f64() * 1e3
    });
    for (peer, measured) in peers.iter().zip(&times) {
        let reference = (reference, &times[0][..]);
        table.row("`true`", (peer.name, "ms"), measured, reference, peer.goal);
    }

    let ends = rounds(extent.short, &peers, |peer| {
        let words = with(peer, &[&machine.floor, "brief"]);
        let (told, over) = Scene::start(&words, &machine.place).end();
        assert_eq!(told[0].what, b'e');
        nanoseconds(over - told[0].at) / 1e3
    });
    for (peer, measured) in peers.iter().zip(&ends) {
        let reference = (reference, &ends[0][..]);
        let goal = peer.goal.map(|_| 1.2);
        table.row(
            "worker's end to ours",
            (peer.name, "µs"),
            measured,
            reference,
            goal,
        );
    }

    if is_here("valgrind") {
        for peer in &peers {
            let mut command = command(&with(peer, &["/bin/true"]), &machine.place);
            let count = least(|| counted::instructions(&mut command, &machine.place));
            let goal = match (peer.goal, peer.name.ends_with("static")) {
                (None, _) => None,
                (Some(_), true) => Some(250.0),
                (Some(_), false) => Some(480.0),
            };
            let thousands = nanoseconds(count) / 1e3;
            table.count("instructions", (peer.name, "k"), thousands, goal);
        }
    }
    if is_here("strace") {
        for peer in &peers {
            let mut command = command(&with(peer, &["/bin/true"]), &machine.place);
            let count = least(|| counted::system_calls(&mut command, &machine.place));
            let goal = peer.goal.map(|_| CALLS);
            let count = nanoseconds(count);
            table.count("system calls", (peer.name, ""), count, goal);
        }
    }
}

/// Counting slows a run: one that took long enough for a guard is counted again.
fn least(count: impl FnMut() -> u64) -> u64 {
    let counts = std::iter::repeat_with(count).take(COUNTS);
    counts.min().unwrap_or(0)
}

fn with(peer: &Peer, command: &[&str]) -> Vec<String> {
    let rest = command.iter().map(|word| (*word).to_owned());
    peer.words.iter().cloned().chain(rest).collect()
}

/// What each of `peers` cost in each round.
pub(crate) fn rounds<T>(
    count: usize,
    peers: &[T],
    mut one: impl FnMut(&T) -> f64,
) -> Vec<Vec<f64>> {
    let mut measured = vec![Vec::new(); peers.len()];
    for _ in 0..count {
        for (peer, measured) in peers.iter().zip(&mut measured) {
            measured.push(one(peer));
        }
    }
    measured
}

/// A count as a number with a fraction: exact to far beyond what is measured here.
#[expect(clippy::cast_precision_loss, reason = "less than 2^52")]
pub(crate) fn nanoseconds(count: u64) -> f64 {
    count as f64
}
