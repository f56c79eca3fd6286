//! The keys that the terminal makes signals of.

use std::thread::sleep;

use super::NO_DOUBLE_TAP;
use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::pty::{Key, Pty};
use crate::support::until::until;

#[test]
fn d16_ctrl_c_reaches_stopctl_only_and_each_message_says_what_the_next_press_does() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run --name keys --grace infinity --kill-after infinity --events e $ZOO deaf",
    );
    terminal.ready(1);
    terminal.press(Key::CtrlC);
    terminal.wait_for("(Ctrl-C): 1 worker asked; no SIGTERM by itself. Ctrl-C again: SIGTERM now");
    terminal.wait_for("flag 1   interrupt -");
    sleep(NO_DOUBLE_TAP);
    terminal.press(Key::CtrlC);
    terminal.wait_for("SIGTERM to worker 0; no SIGKILL by itself. Ctrl-C again: SIGKILL now");
    terminal.wait_for("flag 2   interrupt -");
    sleep(NO_DOUBLE_TAP);
    terminal.press(Key::CtrlC);
    terminal.wait_for("SIGKILL to worker 0");
    terminal.wait_for("1 needed SIGKILL (worker 0)");
    assert_eq!(terminal.status(), 130);
    let said = terminal.exit().out();
    assert!(!said.contains("signal 2 at"), "the worker got it: {said}");
    assert_eq!(said.matches("signal 15 at").count(), 1, "{said}");
    let events = Events::read(&base.file("e"));
    assert_eq!(events.signals(0), ["SIGTERM", "SIGKILL"]);
}

#[test]
fn of_a_stop_that_no_key_began_the_first_press_is_not_another_one() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run --name keys --grace infinity --kill-after infinity --events e $ZOO deaf",
    );
    terminal.ready(1);
    base.call(&["stop", "keys", "--no-wait"]).expect(0);
    terminal.wait_for("(stopctl stop): 1 worker asked; no SIGTERM by itself. Ctrl-C: SIGTERM now");
    terminal.press(Key::CtrlC);
    terminal.wait_for("SIGTERM to worker 0; no SIGKILL by itself. Ctrl-C: SIGKILL now");
    sleep(NO_DOUBLE_TAP);
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 needed SIGKILL (worker 0)");
    assert_eq!(terminal.status(), 130);
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert_eq!(events.signals(0), ["SIGTERM", "SIGKILL"]);
}

#[test]
fn g7_a_double_tap_at_the_terminal_is_one_rung() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run --name tap --grace 3s --events e $ZOO handler 0");
    terminal.ready(1);
    terminal.press(Key::CtrlC);
    let asked = terminal.wait_for("1 worker asked");
    terminal.press(Key::CtrlC);
    terminal.wait_for("Ctrl-C twice within half a second counts once");
    let term = terminal.wait_for("signal 15");
    assert!(
        term.at - asked.at >= std::time::Duration::from_secs(2),
        "G7"
    );
    terminal.wait_for("1 needed SIGTERM (worker 0)");
    assert_eq!(terminal.status(), 130);
    terminal.exit();
}

#[test]
fn ctrl_backslash_asks_and_again_is_sigkill() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run --name quit --grace infinity --events e $ZOO deaf");
    terminal.ready(1);
    terminal.press(Key::CtrlBackslash);
    terminal.wait_for("(SIGQUIT): 1 worker asked");
    terminal.wait_for("flag 1   term -");
    // What asks within half a second is the same request.
    std::thread::sleep(std::time::Duration::from_millis(600));
    terminal.press(Key::CtrlBackslash);
    terminal.wait_for("1 needed SIGKILL (worker 0)");
    assert_eq!(terminal.status(), 137);
    let said = terminal.exit().out();
    assert!(!said.contains("signal 3 at"), "the worker got it: {said}");
}

#[test]
fn after_ctrl_c_a_loop_of_the_shell_breaks() {
    for shell in [Pty::bash, Pty::dash] {
        let base = Base::new();
        let mut terminal = shell(&base);
        terminal.line("while :; do $STOPCTL run --name loop $ZOO polite; done; echo never here");
        terminal.ready(1);
        terminal.press(Key::CtrlC);
        terminal.wait_for("1 left when asked (worker 0)");
        assert_eq!(terminal.status(), 130);
        let said = terminal.exit().out();
        assert_eq!(said.matches("ready").count(), 1, "{said}");
        assert!(!said.contains("never here"), "{said}");
    }
}

#[test]
fn after_ctrl_c_a_script_breaks_too() {
    let base = Base::new();
    std::fs::write(
        base.file("script"),
        "for n in 1 2 3; do $STOPCTL run --name script $ZOO polite; done; echo never here\n",
    )
    .expect("a script");
    let mut terminal = Pty::bash(&base);
    terminal.line("bash script");
    terminal.ready(1);
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 left when asked (worker 0)");
    assert_eq!(terminal.status(), 130);
    let said = terminal.exit().out();
    assert_eq!(said.matches("ready").count(), 1, "{said}");
    assert!(!said.contains("never here"), "{said}");
}

#[test]
fn g15_a_terminal_after_ctrl_s_does_not_delay_the_ladder() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run --name held -v --grace 300ms --kill-after 300ms --events e \
         sh -c 'exec >/dev/null; trap \"\" TERM; echo ready >ready; while :; do sleep 0.1; done'",
    );
    until("ready", || base.file("ready").exists());
    terminal.press(Key::CtrlS);
    terminal.press(Key::CtrlC);
    // Nothing can be read of the terminal; the events are a file.
    until("G15: it ends", || {
        !Events::read(&base.file("e")).of("run_ended").is_empty()
    });
    terminal.press(Key::CtrlQ);
    assert_eq!(terminal.status(), 130);
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert_eq!(
        events.signals(0).last().map(String::as_str),
        Some("SIGKILL")
    );
}
