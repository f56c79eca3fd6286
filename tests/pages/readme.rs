//! README.md is true: its first command does real work and ends between two files, and it and the
//! man pages name every exit status.

mod demo;

use std::fs;
use std::process::ExitStatus;

use serde_json::Value;

use demo::{Demo, PROGRAM, WORKERS, run_ended};

use crate::committed;

/// The first command of README.md as it is printed.
fn printed() -> String {
    let readme = committed::read("README.md");
    let (_, rest) = readme
        .split_once("<!-- demo -->\n```sh\n")
        .expect("README.md has no demo");
    let (command, _) = rest.split_once("```\n").expect("the demo has no end");
    command.to_owned()
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
