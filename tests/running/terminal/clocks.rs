//! Clocks that stand still while a run is suspended.

use std::thread::sleep;
use std::time::Duration;

use super::suspend::{resume, suspend};
use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::processes::{self, wait_for_state};
use crate::support::pty::{Key, Pty};

/// Longer than the graces and timeouts that stand still meanwhile.
const LONG: Duration = Duration::from_millis(1500);

#[test]
fn g9_after_a_suspension_that_was_longer_than_the_grace_the_whole_grace_is_there() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name whole --grace 1s --kill-after 1s $ZOO deaf");
    terminal.ready(1);
    suspend(&mut terminal);
    sleep(LONG);
    resume(&mut terminal);
    let before = processes::now_ns();
    terminal.press(Key::CtrlC);
    let due = terminal.wait_for("flag 1   interrupt").deadline();
    assert!(due - before >= 1_000_000_000, "G9");
    let term = terminal.wait_for("signal 15 at").number(" at ");
    assert!(term >= due, "G9: SIGTERM {} ns early", due - term);
    terminal.wait_for("1 needed SIGKILL (worker 0)");
    terminal.exit();
}

#[test]
fn g9_a_suspension_on_any_rung_takes_nothing_of_its_time() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name rungs --grace 1s --kill-after 1s --events e $ZOO deaf");
    let worker = terminal.ready(1)[0];
    terminal.press(Key::CtrlC);
    let mut due = terminal.wait_for("flag 1   interrupt").deadline();
    for (level, signal) in [(1, "signal 15 at"), (2, "1 needed SIGKILL")] {
        suspend(&mut terminal);
        wait_for_state(worker, 'T');
        let stopped = processes::now_ns();
        sleep(LONG);
        let continued = processes::now_ns();
        resume(&mut terminal);
        // Written again, while the worker was not yet continued.
        let moved = terminal
            .wait_for(&format!("flag {level}   interrupt"))
            .deadline();
        assert!(moved - due >= continued - stopped, "G9 on level {level}");
        terminal.wait_for("still there: worker 0; SIG");
        terminal.wait_for(signal);
        assert!(processes::now_ns() >= moved, "G9 on level {level}: early");
        if level == 1 {
            due = terminal.wait_for("flag 2   interrupt").deadline();
        }
    }
    assert_eq!(terminal.status(), 130);
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert_eq!(events.signals(0), ["SIGTERM", "SIGKILL"]);
}

#[test]
fn t3_timeout_stands_still_too() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name timed --timeout 2s --events e $ZOO polite");
    let worker = terminal.ready(1)[0];
    suspend(&mut terminal);
    wait_for_state(worker, 'T');
    sleep(2 * LONG);
    terminal.line("fg");
    let resumed = terminal.wait_for("resumed after");
    let raised = terminal.wait_for("flag 1   timeout");
    assert!(
        raised.at - resumed.at >= Duration::from_millis(100),
        "no time was left"
    );
    terminal.wait_for("1 left when asked");
    assert_eq!(terminal.status(), 124);
    terminal.exit();
}

#[test]
fn k14d_a_suspension_takes_nothing_of_the_time_of_the_rest_of_a_tree() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    let worker = r#"sh -c '"$ZOO" deaf & exec "$ZOO" deaf'"#;
    terminal.line(&format!(
        "$STOPCTL run -v --name rest --grace 200ms --kill-after 6s {worker}"
    ));
    let main = terminal.ready(2)[0];
    terminal.press(Key::CtrlC);
    // The main process has it at once, the other one in the other half of the time to SIGKILL.
    terminal.wait_for("signal 15 at");
    terminal.wait_for_each("flag 2   interrupt", 2);
    suspend(&mut terminal);
    wait_for_state(main, 'T');
    sleep(LONG);
    resume(&mut terminal);
    let due = terminal.wait_for("flag 2   interrupt").deadline();
    let rest = terminal.wait_for("signal 15 at").number(" at ");
    assert!(
        rest >= due - 3_000_000_000,
        "{} ns early",
        due - 3_000_000_000 - rest
    );
    terminal.press(Key::CtrlC);
    terminal.wait_for("is over after");
    terminal.exit();
}

#[test]
fn k14e_a_suspension_is_no_part_of_the_time_that_a_worker_took() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name took --grace infinity --events e $ZOO handler 0");
    let worker = terminal.ready(1)[0];
    let before = processes::now_ns();
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 worker asked");
    suspend(&mut terminal);
    wait_for_state(worker, 'T');
    sleep(LONG);
    resume(&mut terminal);
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 needed SIGTERM (worker 0)");
    let whole = (processes::now_ns() - before) / 1_000_000;
    assert_eq!(terminal.status(), 130);
    terminal.exit();
    let events = Events::read(&base.file("e"));
    let milliseconds = |event: &serde_json::Value, key: &str| event[key].as_i64().expect("a time");
    let suspended = milliseconds(events.only("resumed"), "suspended_ms");
    let took = milliseconds(events.ended(0), "flag_to_end_ms");
    assert!(
        took <= whole - suspended,
        "{took} ms of {whole}, and {suspended} suspended"
    );
}
