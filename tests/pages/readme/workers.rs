//! The workers that README.md prints, with the clients that they name, leave when they are asked to.

use super::block;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};

/// The most lines that one of them may need.
const LINES: usize = 6;

/// A worker of README.md in its own directory, built and supervised as a reader would.
struct Printed {
    language: &'static str,
    file: &'static str,
    tool: &'static str,
    build: Option<&'static str>,
    command: &'static [&'static str],
}

const PRINTED: [Printed; 3] = [
    Printed {
        language: "python",
        file: "worker.py",
        tool: "python3",
        build: None,
        command: &["python3", "worker.py"],
    },
    Printed {
        language: "sh",
        file: "worker.sh",
        tool: "sha256sum",
        build: None,
        command: &["sh", "worker.sh"],
    },
    Printed {
        language: "c",
        file: "worker.c",
        tool: "cc",
        build: Some("cc -Wall -Wextra -Werror -o worker worker.c"),
        command: &["./worker"],
    },
];

#[test]
fn each_printed_worker_leaves_when_it_is_asked_to() {
    for printed in PRINTED {
        if lacks(Need::Program(printed.tool)) {
            continue;
        }
        let base = Base::new();
        let worker = block(&format!("worker: {}", printed.language), printed.language);
        assert!(worker.lines().count() <= LINES, "{worker}");
        std::fs::write(base.file(printed.file), &worker).expect("write the worker");
        base.sh(&format!("\"$STOPCTL\" {}", client(&worker)))
            .expect(0);
        if let Some(build) = printed.build {
            let built = base.sh(build);
            built.expect(0);
        }
        // There is no SIGTERM that could end it.
        let run = base
            .scenario()
            .name("worker")
            .times("infinity", "10s")
            .command(printed.command)
            .start();
        run.wait_for_events("flag_first_read", 1);
        base.call(&["stop", "worker", "--strict"]).expect(0);
        let end = run.finish();
        assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
        end.expect(0);
        assert!(!end.out().is_empty(), "{} did no work", printed.file);
    }
}

/// The arguments of the command that a worker names in its first line, which prints its client.
fn client(worker: &str) -> &str {
    let line = worker.lines().next().expect("a line");
    let (_, arguments) = line.rsplit_once("stopctl ").expect("its client");
    arguments.trim_end_matches("*/").trim()
}
