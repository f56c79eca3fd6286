//! The README's first command, as it stands there, and what it has written.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;
use tempfile::TempDir;

use super::block;
use crate::committed;

pub(crate) const WORKERS: usize = 2;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stopctl");

/// The worker, as the command names it in a clone of the repository.
const WORKER: &str = "clients/sh/examples/sums.sh";

/// How long a worker may take to write its first lines; a machine under load is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// `from`, with the one `old` in it replaced.
fn replaced(from: &str, old: &str, new: &str) -> String {
    assert_eq!(from.matches(old).count(), 1, "{old:?} in:\n{from}");
    from.replace(old, new)
}

/// The first command of README.md as it is printed, but with this program in front, another
/// `--timeout`, and the worker of this repository.
pub(crate) fn command(run: &str, timeout: &str) -> String {
    let worker = committed::path(WORKER);
    let worker = worker.to_str().expect("UTF-8");
    let command = replaced(&block("demo", "sh"), "cargo run --release -- run ", run);
    let command = replaced(&command, "--timeout 10s", &format!("--timeout {timeout}"));
    let command = replaced(&command, WORKER, &format!("'{worker}'"));
    assert!(command.contains(&format!("-n {WORKERS} ")), "{command}");
    command.trim_end().to_owned()
}

/// A PATH on which `stopctl` is the program under test.
pub(crate) fn path() -> String {
    let folder = Path::new(PROGRAM).parent().expect("a folder").display();
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

/// Whether this machine has the files that are read.
pub(crate) fn has_files() -> bool {
    let files = Command::new("find")
        .args(["/usr/share/doc", "-type", "f"])
        .output();
    let enough = files.is_ok_and(|found| found.stdout.split(|&b| b == b'\n').count() > 100);
    if !enough {
        crate::support::need::missing("files below /usr/share/doc");
    }
    enough
}

/// The demonstration in a directory of its own.
pub(crate) struct Demo {
    dir: TempDir,
}

impl Demo {
    /// Nothing if this machine lacks the files that are read.
    pub(crate) fn new() -> Option<Self> {
        if !has_files() {
            return None;
        }
        Some(Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .current_dir(self.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STOPCTL_") {
                command.env_remove(name);
            }
        }
        command
            .env("STOPCTL_DIR", self.path().join("runs"))
            .env("PATH", path());
        command
    }

    /// The command of README.md with another `--timeout`, by the program that was just built.
    pub(crate) fn start(&self, timeout: &str) -> Child {
        self.shell(&command("exec stopctl run --events events.jsonl ", timeout))
            .spawn()
            .expect("start the demonstration")
    }

    pub(crate) fn sums(&self, worker: usize) -> String {
        fs::read_to_string(self.path().join(format!("sums.{worker}"))).unwrap_or_default()
    }

    /// Waits until every worker has written some lines.
    pub(crate) fn wait_for_work(&self, demo: &mut Child) {
        let start = Instant::now();
        while (0..WORKERS).any(|worker| self.sums(worker).lines().count() < 5) {
            let ended = demo.try_wait().expect("wait");
            assert!(ended.is_none(), "it ended before it worked: {ended:?}");
            assert!(start.elapsed() < PATIENCE, "no work after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What worker `worker` writes in one round, computed again.
    fn right(&self, worker: usize) -> Vec<String> {
        let script = format!(
            "find /usr/share/doc -type f | sort | awk 'NR % {WORKERS} == {worker}' |
             tr '\\n' '\\0' | xargs -0 sha256sum"
        );
        let output = self.shell(&script).output().expect("sha256sum");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        lines.lines().map(str::to_owned).collect()
    }

    /// Every line that was written is complete and right, none is missing, none comes twice.
    pub(crate) fn assert_nothing_was_lost(&self) {
        for worker in 0..WORKERS {
            let sums = self.sums(worker);
            assert!(
                sums.ends_with('\n'),
                "worker {worker} was ended within a line"
            );
            let right = self.right(worker);
            let mut round = right.iter().cycle();
            for (number, line) in sums.lines().enumerate() {
                let wanted = round.next().map(String::as_str);
                assert_eq!(Some(line), wanted, "worker {worker}, line {}", number + 1);
            }
        }
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join("events.jsonl")).expect("the events");
        text.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// Every worker left when asked, and no signal was sent.
    pub(crate) fn assert_only_the_flag_was_used(&self, reason: &str) {
        let events = self.events();
        let named = |name: &str| -> Vec<&Value> {
            events
                .iter()
                .filter(|event| event["event"] == name)
                .collect()
        };
        assert_eq!(named("signal_sent"), Vec::<&Value>::new());
        assert_eq!(named("straggler"), Vec::<&Value>::new());
        assert_eq!(named("flag_first_read").len(), WORKERS, "{events:?}");
        assert_eq!(named("stop_requested").len(), 1, "{events:?}");
        assert_eq!(named("stop_requested")[0]["reason"], reason);
        let ended = named("worker_ended");
        assert_eq!(ended.len(), WORKERS, "{events:?}");
        for record in ended {
            assert_eq!(record["outcome"], "flag", "{record}");
            assert_eq!(record["exit_code"], 0, "{record}");
            assert_eq!(record["looked"], true, "{record}");
        }
    }

    pub(crate) fn assert_nothing_is_left(&self) {
        let runs = self.path().join("runs");
        let left = fs::read_dir(&runs).map_or(0, Iterator::count);
        assert_eq!(left, 0, "something is left in {}", runs.display());
    }
}

fn run_ended(events: &[Value]) -> &Value {
    let last = events.last().expect("events");
    assert_eq!(last["event"], "run_ended");
    last
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn the_first_command_ends_between_two_files_when_its_time_is_over() {
    let Some(demo) = Demo::new() else { return };
    let status = demo.start("3s").wait().expect("wait");
    assert_eq!(code(status), 124);
    demo.assert_nothing_was_lost();
    demo.assert_only_the_flag_was_used("timeout");
    assert_eq!(run_ended(&demo.events())["status"], 124);
    demo.assert_nothing_is_left();
    assert!(
        (0..WORKERS).all(|worker| !demo.sums(worker).is_empty()),
        "a worker did nothing"
    );
}

#[test]
fn the_first_command_ends_between_two_files_when_it_is_stopped() {
    let Some(demo) = Demo::new() else { return };
    // The timeout is only what ends a test that went wrong.
    let mut running = demo.start("120s");
    demo.wait_for_work(&mut running);
    let stop = demo.shell("stopctl stop demo --strict").status();
    assert_eq!(code(stop.expect("stopctl stop")), 0);
    let status = running.wait().expect("wait");
    assert_eq!(code(status), 0);
    demo.assert_nothing_was_lost();
    demo.assert_only_the_flag_was_used("user");
    assert_eq!(run_ended(&demo.events())["status"], 0);
    demo.assert_nothing_is_left();
}
