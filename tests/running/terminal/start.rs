//! The line at the start, which says how a run is stopped, and what a program is told that wants a terminal.

use crate::support::base::Base;
use crate::support::pty::{Key, Pty};

#[test]
fn at_the_start_a_terminal_shows_both_ways_to_stop_the_run_and_both_work() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    for (workers, line) in [
        (
            "1",
            "1 worker: Ctrl-C or \"stopctl stop told\" asks it to stop",
        ),
        (
            "2",
            "2 workers: Ctrl-C or \"stopctl stop told\" asks them to stop",
        ),
    ] {
        terminal.line(&format!(
            "$STOPCTL run --name told -n {workers} $ZOO polite"
        ));
        terminal.wait_for(&format!("stopctl: run told, {line}"));
        terminal.wait_for("ready");
        if workers == "1" {
            terminal.press(Key::CtrlC);
        } else {
            base.call(&["stop", "told"]).expect(0);
        }
        terminal.wait_for("told is over");
    }
    terminal.exit();
}

#[test]
fn of_a_program_that_cannot_be_run_there_is_nothing_to_stop() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -- no-such-program");
    assert_eq!(terminal.status(), 127);
    let said = terminal.exit().out();
    assert!(said.contains("cannot start"), "{said}");
    assert!(!said.contains("asks it to stop"), "{said}");
}

#[test]
fn a_key_that_is_not_for_us_is_not_named() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    for command in [
        "$STOPCTL run --name told -- $ZOO polite &",
        "$STOPCTL run --name told --foreground -- sh -c 'read -r line'",
    ] {
        terminal.line(command);
        terminal.wait_for("stopctl: run told, 1 worker: \"stopctl stop told\" asks it to stop");
        base.call(&["stop", "told"]).expect(0);
        terminal.wait_for("told is over");
    }
    terminal.exit();
}

#[test]
fn quiet_hides_it() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run --quiet --name told -- sh -c 'echo begun'");
    terminal.wait_for("begun");
    assert_eq!(terminal.status(), 0);
    let said = terminal.exit().out();
    assert!(!said.contains("stopctl:"), "{said}");
}

#[test]
fn a_shell_that_has_nothing_to_read_is_told_how_it_gets_the_terminal() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    let hint = "stopctl: bash ended at once, as it has no terminal to read: \"stopctl run --foreground\" \
                gives it this one";
    terminal.line("$STOPCTL run -- bash");
    terminal.wait_for(hint);
    for command in [
        "run --quiet -- bash",
        "run -- bash -c 'exit 0'",
        "run --foreground -- bash -c 'exit 0'",
        "run -n 2 -- bash",
    ] {
        terminal.line(&format!("$STOPCTL {command}"));
        assert_eq!(terminal.status(), 0, "{command}");
    }
    let said = terminal.exit().out();
    assert_eq!(said.matches("ended at once").count(), 1, "{said}");
}
