//! README.md is true: its first command does real work and ends between two files, and it and the
//! man pages name every exit status.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

mod committed;
mod skipped;

const WORKERS: usize = 3;
const PROGRAM: &str = env!("CARGO_BIN_EXE_stopctl");

/// How long a worker may take to write its first lines; a machine under load is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first command of README.md as it is printed.
fn printed() -> String {
    let readme = committed::read("README.md");
    let (_, rest) = readme
        .split_once("<!-- demo -->\n```sh\n")
        .expect("README.md has no demo");
    let (command, _) = rest.split_once("```\n").expect("the demo has no end");
    command.to_owned()
}

/// `from`, with the one `old` in it replaced.
fn replaced(from: &str, old: &str, new: &str) -> String {
    assert_eq!(from.matches(old).count(), 1, "{old:?} in:\n{from}");
    from.replace(old, new)
}

/// The demonstration in a directory of its own.
struct Demo {
    dir: TempDir,
}

impl Demo {
    /// Nothing if this machine lacks the files that are read.
    fn new() -> Option<Self> {
        let files = Command::new("find")
            .args(["/usr/share/doc", "-type", "f"])
            .output();
        let enough = files.is_ok_and(|found| found.stdout.split(|&b| b == b'\n').count() > 100);
        if !enough {
            skipped::skipped("no files below /usr/share/doc");
            return None;
        }
        Some(Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn shell(&self, script: &str) -> Command {
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
        command.env("STOPCTL_DIR", self.path().join("runs"));
        command
    }

    /// The command of README.md with another `--timeout`, by the program that was just built.
    fn start(&self, timeout: &str) -> Child {
        let run = format!("exec '{PROGRAM}' run --events events.jsonl ");
        let script = replaced(&printed(), "cargo run --release -- run ", &run);
        let script = replaced(&script, "--timeout 10s", &format!("--timeout {timeout}"));
        self.shell(&script)
            .spawn()
            .expect("start the demonstration")
    }

    fn sums(&self, worker: usize) -> String {
        fs::read_to_string(self.path().join(format!("sums.{worker}"))).unwrap_or_default()
    }

    /// Waits until every worker has written some lines.
    fn wait_for_work(&self, demo: &mut Child) {
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
    fn assert_nothing_was_lost(&self) {
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

    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join("events.jsonl")).expect("the events");
        text.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// Every worker left when asked, and no signal was sent.
    fn assert_only_the_flag_was_used(&self, reason: &str) {
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

    fn assert_nothing_is_left(&self) {
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
        printed().contains(&format!("-n {WORKERS} ")),
        "{}",
        printed()
    );
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
    let stop = demo
        .shell(&format!("'{PROGRAM}' stop demo --strict"))
        .status();
    assert_eq!(code(stop.expect("stopctl stop")), 0);
    let status = running.wait().expect("wait");
    assert_eq!(code(status), 0);
    demo.assert_nothing_was_lost();
    demo.assert_only_the_flag_was_used("user");
    assert_eq!(run_ended(&demo.events())["status"], 0);
    demo.assert_nothing_is_left();
}

/// The part of `text` from the line `begin` to the next line that starts with `end`.
fn section<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end).map_or(rest, |(section, _)| section)
}

#[test]
fn every_exit_status_of_run_is_in_the_readme_and_in_its_page() {
    let readme = committed::read("README.md");
    let table = section(&readme, "\n## Exit statuses\n", "\nThe other commands:");
    let page = committed::read("man/stopctl-run.1");
    let page = section(&page, ".SH \"EXIT STATUS\"\n", ".SH SIGNALS");
    for status in ["120", "124", "125", "126", "127", "130", "137"] {
        assert!(
            table.contains(&format!("\n| {status} | ")),
            "README.md: {status}"
        );
        assert!(
            page.contains(&format!("\n.B {status}\n")),
            "stopctl-run(1): {status}"
        );
    }
    assert!(table.contains("\n| 128+n | ") && page.contains("\n128+\\fIn\\fR\n"));
    assert!(table.contains("\n| the worker's own | ") && page.contains("\nthe worker's own\n"));
    assert!(table.contains("`--stopped-status`") && page.contains("\\-\\-stopped\\-status"));
}

#[test]
fn every_exit_status_of_the_other_commands_is_in_the_readme_and_in_their_pages() {
    let readme = committed::read("README.md");
    let table = section(&readme, "\nThe other commands:\n", "\n## ");
    for (command, statuses) in [
        ("stop", &["0", "1", "2", "3", "4", "5", "125"][..]),
        ("status", &["0", "3", "2", "125"]),
        ("list", &["0", "2", "125"]),
        ("notify", &["0", "1", "2", "3", "125"]),
        ("unit", &["0", "2", "125"]),
        ("wait", &["124", "125", "127"]),
        ("keep-going", &["0", "1", "125"]),
        ("sleep", &["0", "1", "125"]),
    ] {
        let page = committed::read(&format!("man/stopctl-{command}.1"));
        let page = section(&page, ".SH \"EXIT STATUS\"\n", ".SH ");
        let row = table.lines().find(|row| {
            row.split('|')
                .nth(1)
                .is_some_and(|cell| cell.contains(&format!("`{command}`")))
        });
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {command}"));
        let words: Vec<&str> = row.split(|c: char| !c.is_ascii_digit()).collect();
        for status in statuses {
            assert!(words.contains(status), "README.md: {status} of {command}");
            assert!(
                page.contains(&format!(".B {status}\n")),
                "stopctl-{command}(1): {status}"
            );
        }
    }
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = committed::read("README.md");
    let links: Vec<&str> = readme
        .split("](")
        .skip(1)
        .filter_map(|l| l.split(')').next())
        .collect();
    assert!(links.len() > 10, "{links:?}");
    for link in links.into_iter().filter(|link| !link.contains("://")) {
        assert!(committed::path(link).is_file(), "README.md names {link}");
    }
}

#[test]
fn every_json_that_is_printed_is_json() {
    let readme = committed::read("README.md");
    let event = section(&readme, "```json\n", "```\n");
    let event: Value = serde_json::from_str(event).expect("the event in README.md");
    assert_eq!(event["event"], "worker_ended");
    let page = committed::read("man/stopctl-status.1");
    let status = section(section(&page, ".SH JSON\n", ".SH "), ".EX\n", ".EE\n");
    let status: Value = serde_json::from_str(&status.replace("\\-", "-")).expect("the status");
    assert_eq!(status["runs"][0]["workers"][1]["state"], "stopping");
    for json in [&event, &status] {
        assert_eq!(json["schema"], 1);
    }
}

/// A row of the table of clients: what a look is, and the file that it is from.
fn rows(readme: &str) -> Vec<(&str, &str)> {
    let (_, table) = readme
        .split_once("<!-- clients -->\n")
        .expect("README.md has no table of clients");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let look = row.split('`').nth(1).expect("a look");
        let file = row.split_once("](").expect("a link").1;
        (look, file.split_once(')').expect("the end of a link").0)
    })
    .collect()
}

#[test]
fn the_look_of_each_language_stands_in_the_tested_file_that_it_is_from() {
    let readme = committed::read("README.md");
    let rows = rows(&readme);
    for (look, file) in &rows {
        // In a page for man, the hyphens of a command are escaped.
        let text = committed::read(file).replace("\\-", "-");
        assert!(text.contains(look), "{file} has no {look}");
    }
    let languages = fs::read_dir(committed::path("clients")).expect("clients/");
    for language in languages {
        let name = language.expect("clients/").file_name();
        let folder = format!("clients/{}/", name.display());
        assert!(
            rows.iter().any(|(_, file)| file.starts_with(&folder)),
            "README.md says nothing of {folder}"
        );
    }
}
