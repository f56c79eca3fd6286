//! What a look costs in each language, and how long a wake takes: `cargo bench --bench looks`.
//!
//! A look is timed over many of them, by the lines that a program of the language writes before
//! and after; so a turn of its loop is part of it. A wake is the time from the moment before the
//! flag is raised until a line arrives here that the worker wrote when it was awake; so two hops
//! from process to process are part of it. What is not on the machine is left out.
//!
//! It fails if a look from Rust costs more than 1.2 times a bare load with acquire order.
#![expect(
    clippy::print_stdout,
    reason = "a program whose purpose is to print a table"
)]

mod languages;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stopctl::StopFlag;
use stopctl::contract::flag::format::{Request, running};
use stopctl::contract::flag::writer::FlagFile;
use tempfile::TempDir;

use languages::languages;

/// How often each thing is measured.
const ROUNDS: usize = 15;
/// For what compiles while it runs: the first rounds are not counted.
const WARM_UP: usize = 3;
/// How many looks a round has, by what one costs: some tens of milliseconds together.
const LOADS: u32 = 50_000_000;
const CALLS: u32 = 1_000_000;
const SYSTEM_CALLS: u32 = 50_000;
const SHELL_READS: u32 = 10_000;
const PROCESSES: u32 = 50;
/// How long a worker that said it is ready gets to fall asleep.
const FALLS_ASLEEP: Duration = Duration::from_millis(20);
/// The most that `is_set` may cost, in bare loads.
const AT_MOST: f64 = 1.2;

fn main() {
    if StopFlag::from_env().is_ok_and(|stop| stop.is_supervised()) {
        return wait_as_a_worker();
    }
    let place = tempfile::tempdir().expect("a temporary directory");
    println!("look, ns                            min      median         max");
    let (bare, is_set) = rust();
    let bare = row("Rust, a bare load with acquire", &bare);
    let is_set = row("Rust, StopFlag::is_set", &is_set);
    let languages = languages(place.path());
    for language in &languages {
        for (name, looks, command) in &language.looks {
            row(name, &language.looks(*looks, command));
        }
    }
    println!("\nwake, µs                            min      median         max");
    for language in &languages {
        if let Some((name, command)) = &language.wake {
            row(name, &language.wakes(command));
        }
    }
    let ratio = is_set / bare;
    println!("\nStopFlag::is_set costs {ratio:.2} bare loads (at most {AT_MOST})");
    assert!(ratio <= AT_MOST, "a look is more than a load");
}

/// This program itself is the worker in Rust whose wake is timed.
fn wait_as_a_worker() {
    let stop = StopFlag::from_env().expect("a flag");
    println!("ready");
    assert!(stop.wait_timeout(Duration::from_secs(60)), "it was raised");
    println!("awake");
}

/// Prints one line of the table; answers the least.
fn row(name: &str, measured: &[f64]) -> f64 {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, median, max) = (
        sorted[0],
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
    );
    println!("{name:<30} {min:>9.2}   {median:>9.2}   {max:>9.2}");
    min
}

/// Bare loads and looks, in turns: what else the machine does slows both.
fn rust() -> (Vec<f64>, Vec<f64>) {
    let bytes = running();
    let word = AtomicU32::new(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let word = black_box(&word);
    let flag = Flag::new();
    let stop = StopFlag::open(flag.file.path()).expect("a flag");
    let stop = black_box(&stop);
    let both = |_| {
        let bare = round(|| word.load(Ordering::Acquire).to_ne_bytes()[0] != b'0');
        (bare, round(|| stop.is_set()))
    };
    (0..ROUNDS).map(both).unzip()
}

fn round(look: impl Fn() -> bool) -> f64 {
    let since = Instant::now();
    let seen = (0..LOADS).filter(|_| look()).count();
    let took = since.elapsed();
    assert_eq!(seen, 0, "the flag is down");
    nanoseconds(took) / f64::from(LOADS)
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// A flag of its own for each measurement: it can be raised once.
struct Flag {
    file: FlagFile,
    _dir: TempDir,
}

impl Flag {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a directory in shared memory");
        let handle = File::open(dir.path()).expect("the directory");
        let file = FlagFile::create(
            &handle,
            dir.path(),
            stopctl::words::worker_number::WorkerNumber::FIRST,
        )
        .expect("a flag");
        Self { file, _dir: dir }
    }
}

/// One program, and the ways to start it.
struct Language {
    environment: Vec<(&'static str, PathBuf)>,
    /// A name, how many looks in a round, and the command, which gets that number.
    looks: Vec<(&'static str, u32, Vec<String>)>,
    wake: Option<(&'static str, Vec<String>)>,
}

impl Language {
    fn looks(&self, looks: u32, command: &[String]) -> Vec<f64> {
        let flag = Flag::new();
        let all = (ROUNDS + WARM_UP).to_string();
        let mut started = self.start(command, &flag, &[&looks.to_string(), &all]);
        let mut measured = Vec::new();
        for _ in 0..ROUNDS + WARM_UP {
            let begin = started.next("begin");
            let took = started.next("end").duration_since(begin);
            measured.push(nanoseconds(took) / f64::from(looks));
        }
        started.end();
        measured.split_off(WARM_UP)
    }

    /// In microseconds.
    fn wakes(&self, command: &[String]) -> Vec<f64> {
        let wake = |_| {
            let mut flag = Flag::new();
            let mut started = self.start(command, &flag, &["0", "1"]);
            started.next("ready");
            thread::sleep(FALLS_ASLEEP);
            let since = Instant::now();
            let request = Request {
                level: b'1',
                reason: None,
                deadline: None,
                deadline_unix: None,
            };
            flag.file.raise(&request).expect("the flag is raised");
            let awake = started.next("awake");
            started.end();
            nanoseconds(awake.duration_since(since)) / 1e3
        };
        (0..ROUNDS).map(wake).collect()
    }

    fn start(&self, command: &[String], flag: &Flag, words: &[&str]) -> Started {
        // The number of looks and of rounds come before what a shell is to do for a look.
        let (program, rest) = command.split_first().expect("a program");
        let fixed = rest.iter().position(|word| word == "--");
        let (before, after) = rest.split_at(fixed.unwrap_or(rest.len()));
        let mut child = Command::new(program)
            .args(before)
            .args(words)
            .args(after.iter().skip(1))
            .env("STOPCTL_FLAG", flag.file.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Started { child, lines }
    }
}

/// A program that measures, until its end.
struct Started {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Started {
    /// When this line arrived.
    fn next(&mut self, expected: &str) -> Instant {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        let at = Instant::now();
        assert_eq!(line.trim_end(), expected);
        at
    }

    fn end(mut self) {
        let status = self.child.wait().expect("our own child");
        assert!(status.success(), "{status}");
    }
}
