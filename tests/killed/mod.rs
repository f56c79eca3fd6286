//! What must be true of a run whose supervisor died at any moment, once somebody else has ended
//! it; and trying many such moments at once.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::processes;
use crate::support::scenario::Scenario;
use crate::support::transcript::Line;

/// The run of every such test.
pub(crate) const NAME: &str = "x";

/// As many at once: most of the time all of them wait for a rung.
const AT_ONCE: usize = 4;

/// How long a process may take to end that was killed, or that found it must not run.
const CLEARED: Duration = Duration::from_secs(2);

/// Workers that leave at different rungs; the last one asks for the stop of all.
pub(crate) fn trio(base: &Base, workers: usize) -> Scenario<'_> {
    base.scenario()
        .name(NAME)
        .workers(workers)
        .times("60ms", "60ms")
        .zoo(&["trio"])
        .without_events()
}

/// The promises: nobody is left, each flag was raised before any signal, no level fell, and the
/// name is free. What remains of a directory that had no name yet, or none any more, is a
/// dot-directory.
pub(crate) fn check(base: &Base, lines: &[Line]) {
    check_nobody(base);
    check_order(lines);
    base.call(&["run", "--name", NAME, "--", "true"]).expect(0);
    for entry in fs::read_dir(base.runs()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_dot = name.as_encoded_bytes().starts_with(b".");
        assert!(
            is_dot,
            "left in the base directory: {}",
            name.to_string_lossy()
        );
    }
}

/// No process of the run is left: all of them carry the base directory in their environment.
pub(crate) fn check_nobody(base: &Base) {
    let since = Instant::now();
    loop {
        let left = processes::with_in_environment(base.root());
        if left.is_empty() {
            return;
        }
        let told: Vec<String> = left.iter().map(|pid| processes::describe(*pid)).collect();
        assert!(since.elapsed() < CLEARED, "left: {told:?}");
        thread::yield_now();
    }
}

/// No worker is left, not even for a moment: who has stopped a run has seen all of them end.
pub(crate) fn check_workers(base: &Base) {
    let worker = format!(") {} trio", zoo().display());
    let found = processes::with_in_environment(base.root()).into_iter();
    let told: Vec<String> = found
        .map(processes::describe)
        .filter(|told| told.contains(&worker))
        .collect();
    assert!(told.is_empty(), "left after the stop: {told:?}");
}

/// What the workers saw: a level that only rises, and that was there before the signal.
fn check_order(lines: &[Line]) {
    let mut levels: BTreeMap<String, char> = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let (worker, signal, text) = match words[..] {
            // SIGPIPE: it asked for a stop that nobody reads any more.
            ["worker", _, "signal", "13", ..] => continue,
            ["worker", worker, "flag", text, ..] => (worker, None, text),
            ["worker", worker, "signal", number, "saw", text, ..] => (worker, Some(number), text),
            _ => continue,
        };
        let level = text.chars().next().unwrap_or('0');
        if let Some(number) = signal {
            let least = if number == "15" { '2' } else { '1' };
            assert!(level >= least, "a signal before the flag: {}", line.text);
        }
        let before = levels.insert(worker.to_owned(), level).unwrap_or('0');
        assert!(before <= level, "the level fell: {}", line.text);
    }
}

/// Tries every one of `cases`, some at once. A failure says which case it was.
pub(crate) fn each<C: Sync>(
    cases: &[C],
    told: impl Fn(&C) -> String + Sync,
    act: impl Fn(&C) + Sync,
) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _told = Told(told(case));
            act(case);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
}

/// Says which case it was that failed.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            use std::io::Write as _;
            // Past the test harness, which has the words of the test's own thread alone.
            let _ = writeln!(std::io::stderr(), "failed: {}", self.0);
        }
    }
}
