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

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stopctl::StopFlag;
use stopctl::flag::format::{Request, running};
use stopctl::flag::writer::FlagFile;
use tempfile::TempDir;

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
        let file = FlagFile::create(&handle, dir.path(), 0).expect("a flag");
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

/// The languages whose tools are here, built below `place`.
fn languages(place: &Path) -> Vec<Language> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = |name: &str| here.join("benches/looks").join(name).display().to_string();
    let client = |name: &str| here.join("clients").join(name);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let built = |name: &str| place.join(name).display().to_string();
    let own = std::env::current_exe().expect("this program");
    let mut found = vec![Language {
        environment: Vec::new(),
        looks: Vec::new(),
        wake: Some(("Rust, wait_timeout", vec![own.display().to_string()])),
    }];
    let mut add = |look: &'static str, looks: u32, wake: &'static str, command: Vec<String>| {
        found.push(Language {
            environment: vec![("PYTHONPATH", client("python"))],
            looks: vec![(look, looks, command.clone())],
            wake: Some((wake, command)),
        });
    };

    let include = format!("-I{}", client("c").display());
    let options = [
        "-std=c11",
        "-O2",
        &include,
        &source("looks.c"),
        "-o",
        &built("c"),
    ];
    if build(here, "gcc", &options) {
        add(
            "C, stopctl_is_set",
            LOADS,
            "C, stopctl_wait",
            vec![built("c")],
        );
    }
    if go(place, here) {
        add("Go, IsSet", LOADS, "Go, Done", vec![built("go/looks")]);
    }
    let files = [
        client("java/Stopctl.java"),
        here.join("benches/looks/Looks.java"),
    ];
    let files = files.map(|file| file.display().to_string());
    if build(here, "javac", &["-d", &built("java"), &files[0], &files[1]]) {
        let command = words(&["java", "-cp", &built("java"), "Looks"]);
        add("Java, isSet", LOADS, "Java, awaitStop (50 ms)", command);
    }
    if is_here("node") {
        let command = words(&["node", &source("looks.mjs")]);
        add("Node, isSet", SYSTEM_CALLS, "Node, wait", command);
    }
    if client("python/stopctl").exists() && is_here("python3") {
        let command = words(&["python3", &source("looks.py")]);
        add("Python, is_set", CALLS, "Python, wait", command);
    }
    for (shell, start) in [
        ("dash", &["dash"][..]),
        ("bash", &["bash"]),
        ("busybox sh", &["busybox", "sh"]),
    ] {
        if is_here(start[0]) {
            found.push(in_shell(
                shell,
                start,
                &source("looks.sh"),
                &client("sh/stopctl.sh"),
            ));
        }
    }
    found
}

/// The client, and the two programs that do the same.
fn in_shell(name: &str, start: &[&str], script: &str, client: &Path) -> Language {
    let command = |look: &str| {
        let words = [start, &[script, "--", look]].concat();
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let program = env!("CARGO_BIN_EXE_stopctl");
    let mut looks = Vec::new();
    let mut wake = None;
    let keep_going = command("keep_going");
    match name {
        "dash" => {
            looks.push(("dash, keep_going", SHELL_READS, keep_going.clone()));
            let (look, sleep) = (
                format!("{program} keep-going"),
                format!("{program} sleep 0"),
            );
            looks.push(("stopctl keep-going", PROCESSES, command(&look)));
            looks.push(("stopctl sleep 0", PROCESSES, command(&sleep)));
            wake = Some(("stopctl sleep", keep_going));
        }
        "bash" => looks.push(("bash, keep_going", SHELL_READS, keep_going)),
        _ => looks.push(("busybox sh, keep_going", SHELL_READS, keep_going)),
    }
    // So that keep_sleeping finds this program, and not one that happens to be installed.
    let first = Path::new(program).parent().expect("a directory");
    let path = format!(
        "{}:{}",
        first.display(),
        std::env::var("PATH").expect("a PATH")
    );
    Language {
        environment: vec![("STOPCTL_SH", client.to_owned()), ("PATH", path.into())],
        looks,
        wake,
    }
}

/// The program as a package of the client's module, because it imports it by its name.
fn go(place: &Path, here: &Path) -> bool {
    let module = place.join("go");
    let put = |from: &str, to: &str| {
        let to = module.join(to);
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("make a directory");
        std::fs::copy(here.join(from), to).expect("copy a source");
    };
    put("clients/go/go.mod", "go.mod");
    put("clients/go/stopctl.go", "stopctl.go");
    put("benches/looks/looks.go", "program/main.go");
    build(&module, "go", &["build", "-o", "looks", "./program"])
}

/// Runs a compiler, if it is here. What it builds must be right.
fn build(directory: &Path, tool: &str, words: &[&str]) -> bool {
    if !is_here(tool) {
        return false;
    }
    let status = Command::new(tool)
        .args(words)
        .current_dir(directory)
        .status();
    assert!(status.expect(tool).success(), "{tool} {words:?}");
    true
}

fn is_here(tool: &str) -> bool {
    let mut look = Command::new("sh");
    let look = look.args(["-c", "command -v \"$0\"", tool]);
    let found = look.stdout(Stdio::null()).status();
    let found = found.expect("a shell").success();
    if !found {
        println!("({tool} is not here)");
    }
    found
}
