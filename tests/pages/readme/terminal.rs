//! What README.md shows of a terminal is what a terminal shows, but for pids, counts and measured times.

use super::block;
use super::demo::{command, has_files, path};
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::pty::{Key, Pty};
use crate::support::started::End;
use crate::support::until::until;

/// `line` without the numbers that differ from one run to the next.
fn masked(line: &str) -> String {
    let mut before = "";
    let words = line.split(' ').map(|word| {
        let differs = word.starts_with('+') || ["pid", "after"].contains(&before);
        before = word;
        word.replace(|c: char| differs && c.is_ascii_digit(), "")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A shell in a terminal that finds the program under test, as after an installation.
fn terminal(base: &Base) -> Pty {
    let mut terminal = Pty::bash(base);
    terminal.line(&format!("PATH='{}'", path()));
    terminal
}

/// What was shown before Ctrl-C was pressed, and the lines after it.
fn around_ctrl_c(shown: &str) -> (&str, Vec<&str>) {
    let (before, after) = shown.split_once("^C").expect("Ctrl-C");
    (before, after.lines().collect())
}

/// Each of these lines came.
fn assert_shown(wanted: &[&str], end: &End) {
    let came = end.lines.iter().map(|line| masked(line.text.trim_end()));
    let came: Vec<String> = came.collect();
    for line in wanted {
        assert!(came.contains(&masked(line)), "{line}\nis not in {came:#?}");
    }
}

#[test]
fn the_first_command_shows_on_a_terminal_what_the_readme_shows() {
    if !has_files() || lacks(Need::Program("bash")) {
        return;
    }
    let base = Base::new();
    let mut terminal = terminal(&base);
    let shown = block("demo: output", "text");
    let (before, after) = around_ctrl_c(&shown);
    terminal.line(&command("stopctl run ", "120s"));
    for line in before.lines() {
        let _ = terminal.wait_for(line);
    }
    terminal.press(Key::CtrlC);
    assert_eq!(terminal.status(), 130);
    assert_shown(&after, &terminal.exit());
}

#[test]
fn a_stop_that_needs_force_shows_on_a_terminal_what_the_readme_shows() {
    if lacks(Need::Program("bash")) {
        return;
    }
    let base = Base::new();
    let mut terminal = terminal(&base);
    let shown = block("ladder", "text");
    let (typed, after) = around_ctrl_c(&shown);
    let (said, status) = after.split_at(after.len() - 2);
    let (typed, start) = typed.trim_end().rsplit_once('\n').expect("two lines");
    terminal.line(typed.trim_start_matches("$ "));
    terminal.wait_for(start);
    until("workers 0 and 1 look, and worker 2 waits", || {
        let listed = base.call(&["list", "--json"]).json();
        let workers = &listed["runs"][0]["workers"];
        workers[0]["looked"] == true
            && workers[1]["looked"] == true
            && workers[2]["state"] == "running"
    });
    terminal.press(Key::CtrlC);
    assert_eq!(status, ["$ echo $?", "130"]);
    assert_eq!(terminal.status(), 130);
    assert_shown(said, &terminal.exit());
}
