//! What a command costs, counted in instructions and system calls, so that no other work of the
//! machine is in it: against limits that are committed, in `tests/counts/limits`.
//!
//! The static release is counted, as .ci/run builds it. What races with something else (a guard,
//! how often a wait is woken) is left out, and of several tries the least is taken. After a change
//! that is worth more, `STOPCTL_UPDATE=1 cargo test --test counts` writes the limits anew.

mod committed;
mod counted;
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::base::Base;
use support::need::{Need, lacks, missing};

/// How much more than its limit a count may be, in percent.
const SLACK: u64 = 3;
/// How often it is counted, at most.
const TRIES: usize = 5;
const LIMITS: &str = "tests/counts/limits";
/// Where .ci/run builds it.
const STATIC: &str = "target/x86_64-unknown-linux-gnu/release/stopctl";

/// What is counted, without the program in front. All of them find the same run.
const COMMANDS: [(&str, &[&str]); 4] = [
    // Longer than a guard, or a watch, is put off.
    ("run", &["run", "--no-guard", "--", "/bin/sleep", "0.03"]),
    ("status", &["status", "counted"]),
    ("keep-going", &["keep-going"]),
    ("stop", &["stop", "--no-wait", "counted"]),
];

#[test]
fn no_command_does_more_than_its_limit() {
    // What a worker leaves behind is searched in /proc, where valgrind knows no pidfd: in a
    // namespace of its own there is nobody else.
    let needs = [Need::Program("valgrind"), Need::Trace, Need::PidNamespace];
    if needs.into_iter().any(lacks) {
        return;
    }
    let program = committed::path(STATIC);
    if !program.exists() {
        return missing(&format!("the static release, {STATIC}"));
    }
    let limits = Limits::read();
    let mut found = Limits::default();
    for (name, words) in COMMANDS {
        for (unit, count) in [("instructions", INSTRUCTIONS), ("calls", CALLS)] {
            let limit = limits.of(name, unit).filter(|_| !is_update());
            let most = limit.map_or(0, |limit| limit + limit * SLACK / 100);
            let mut least = u64::MAX;
            for _ in 0..TRIES {
                least = least.min(counted_once(&program, words, count));
                if least <= most {
                    break;
                }
            }
            found.0.push((name.to_owned(), unit.to_owned(), least));
        }
    }
    if is_update() {
        fs::write(committed::path(LIMITS), found.text()).expect("the limits are written");
        return;
    }
    let over = |(name, unit, count): &&(String, String, u64)| {
        let limit = limits.of(name, unit).unwrap_or(0);
        *count > limit + limit * SLACK / 100
    };
    let over = Limits(found.0.iter().filter(over).cloned().collect());
    assert!(over.0.is_empty(), "more than in {LIMITS}:\n{}", over.text());
}

fn is_update() -> bool {
    std::env::var_os("STOPCTL_UPDATE").is_some()
}

type Count = fn(&mut Command, &Path) -> u64;
const INSTRUCTIONS: Count = counted::instructions;
const CALLS: Count = counted::system_calls;

/// One count, beside a run of one worker that waits to be asked.
fn counted_once(program: &Path, words: &[&str], count: Count) -> u64 {
    let base = Base::new();
    let run = base.scenario().name("counted").zoo(&["polite"]).start();
    run.ready(1);
    let mut command = base.command(program);
    command.args(words).env("PATH", "/usr/bin:/bin");
    if words[0] == "keep-going" {
        command.env("STOPCTL_FLAG", flag(&base));
    }
    let count = count(&mut command, base.root());
    base.call(&["stop", "--if-running", "counted"]).expect(0);
    run.finish().expect(0);
    count
}

/// The flag of the run's worker.
fn flag(base: &Base) -> PathBuf {
    let directory = base.runs().join("counted");
    let names = fs::read_dir(directory).expect("the run").flatten();
    let mut flags = names.filter(|name| name.file_name().as_encoded_bytes().starts_with(b"0."));
    flags.next().expect("a flag").path()
}

/// Lines of a command, what is counted, and how many.
#[derive(Default)]
struct Limits(Vec<(String, String, u64)>);

impl Limits {
    fn read() -> Self {
        let text = committed::read(LIMITS);
        let line = |line: &str| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (name, unit) = (words.next()?, words.next()?);
            Some((name, unit, words.next()?.parse().ok()?))
        };
        Self(text.lines().filter_map(line).collect())
    }

    fn of(&self, name: &str, unit: &str) -> Option<u64> {
        let mut lines = self.0.iter();
        let line = lines.find(|line| line.0 == name && line.1 == unit);
        line.map(|line| line.2)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, unit, count) in &self.0 {
            // UNWRAP: writing to a String cannot fail.
            let _ = writeln!(text, "{name:<12}{unit:<14}{count:>8}");
        }
        text
    }
}
