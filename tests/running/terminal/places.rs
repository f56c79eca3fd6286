//! Who has the terminal, and who only sees it: workers that read it, supervisors in the background,
//! in a pipeline, under `nohup`, without a terminal, and with one that is closed under them.

use std::fs;

use nix::sys::signal::Signal;

use super::{NO_DOUBLE_TAP, over};
use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::owner::pid_of_owner;
use crate::support::processes;
use crate::support::pty::{Key, Pty};
use crate::support::started::send;
use crate::support::until::until;

#[test]
fn t1_a_worker_that_reads_the_terminal_reads_nothing() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run --name reader sh -c 'read -r line; echo read $?; readlink /proc/self/fd/0'",
    );
    terminal.wait_for("read 1");
    terminal.wait_for("/dev/null");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}

#[test]
fn t1_a_worker_that_inherits_the_terminal_all_the_same_is_not_stopped_by_it() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    // In a session of its own it has no terminal, only a file to read.
    terminal.line(
        "$STOPCTL run --name reader --stdin inherit sh -c 'echo ready; read -r line; echo got $line'",
    );
    terminal.wait_for("ready");
    terminal.line("words");
    terminal.wait_for("got words");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}

#[test]
fn t2_in_the_background_with_tostop_it_speaks_and_is_not_stopped() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("stty tostop");
    terminal.line("$STOPCTL run -v --name aside --events e $ZOO polite &");
    terminal.ready(1);
    let supervisor = pid_of_owner(&base, "aside").expect("a run");
    send(supervisor, Signal::SIGTERM);
    // No key reaches it there, so none is spoken of.
    let asked = terminal.wait_for("1 worker asked");
    assert!(!asked.text.contains("Ctrl-C"), "T2: {asked:?}");
    terminal.wait_for("1 left when asked");
    terminal.line("wait; echo waited $?");
    terminal.wait_for("waited 0");
    terminal.line("stty -tostop");
    assert_eq!(terminal.status(), 0);
    let said = terminal.exit().out();
    assert!(!said.contains("Stopped"), "T2: {said}");
    assert!(
        Events::read(&base.file("e")).of("suspended").is_empty(),
        "T2"
    );
}

#[test]
fn t4_when_the_terminal_is_closed_the_run_is_stopped() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name closed --events e $ZOO polite");
    terminal.ready(1);
    terminal.wait_for("guard started");
    terminal.close();
    let events = over(&base);
    assert_eq!(events.outcomes(), ["flag"], "T4");
    assert_eq!(events.only("run_ended")["reason"], "hangup", "T4");
}

#[test]
fn t4_when_the_terminal_of_a_suspended_run_is_closed_it_is_stopped_too() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name closed --events e $ZOO polite");
    let worker = terminal.ready(1)[0];
    terminal.press(Key::CtrlZ);
    terminal.wait_for("Stopped");
    processes::wait_for_state(worker, 'T');
    terminal.close();
    let events = over(&base);
    // A shell that exits sends its stopped jobs SIGTERM, the kernel SIGHUP; both continue them.
    assert_eq!(events.outcomes(), ["flag"], "T4");
}

#[test]
fn t6_when_the_terminal_is_closed_while_stopping_the_ladder_goes_on() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run -v --name dropped --grace 400ms --kill-after 400ms --events e $ZOO deaf",
    );
    terminal.ready(1);
    terminal.press(Key::CtrlC);
    terminal.wait_for("flag 1   interrupt");
    terminal.close();
    let events = over(&base);
    assert_eq!(events.signals(0), ["SIGTERM", "SIGKILL"], "T6");
    assert_eq!(events.only("run_ended")["reason"], "interrupt", "T6");
}

#[test]
fn t5_an_interactive_shell_as_a_worker_does_not_take_the_terminal() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    for stdin in ["null", "inherit"] {
        terminal.line(&format!(
            "$STOPCTL run --name inner --stdin {stdin} bash --norc -ic true"
        ));
        assert_eq!(terminal.status(), 0, "T5 {stdin}");
    }
    terminal.wait_for_foreground(terminal.pid());
    let said = terminal.exit().out();
    assert!(!said.contains("Stopped"), "T5: {said}");
}

#[test]
fn t7_without_a_terminal_nothing_speaks_of_one() {
    for words in [
        r#"exec setsid "$@" </dev/null"#,
        r#"exec setsid "$@" 0<&-"#,
        r#"true | setsid "$@""#,
    ] {
        let base = Base::new();
        let run = base.scenario().through(words).sh("exit 3").start();
        let end = run.finish();
        end.expect(3);
        assert_eq!(end.err(), "", "T7: {words}");
    }
}

#[test]
fn t7_of_a_pipe_on_its_standard_input_one_worker_reads() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("echo words | $STOPCTL run --name piped sh -c 'read -r line; echo got $line'");
    terminal.wait_for("got words");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}

#[test]
fn under_nohup_it_survives_its_terminal() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("nohup $STOPCTL run -v --name kept --events e $ZOO polite >out 2>&1 &");
    let out = || fs::read_to_string(base.file("out")).unwrap_or_default();
    until("its guard and its worker are there", || {
        out().contains("guard started") && out().contains("ready worker=0")
    });
    let supervisor = pid_of_owner(&base, "kept").expect("a run");
    terminal.close();
    send(supervisor, Signal::SIGHUP);
    send(supervisor, Signal::SIGUSR1);
    until("the worker has the signal", || out().contains("look 0"));
    base.call(&["stop", "kept"]).expect(0);
    assert_eq!(over(&base).only("run_ended")["reason"], "user");
}

#[test]
fn in_the_background_of_a_script_ctrl_c_is_not_for_it() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    // A shell without job control has INT and QUIT ignored in what it starts in the background.
    fs::write(
        base.file("script"),
        "$STOPCTL run -v --name aside $ZOO polite & trap : INT; echo waits; wait; wait; echo over $?\n",
    )
    .expect("a script");
    terminal.line("sh script");
    terminal.wait_for("waits");
    terminal.ready(1);
    terminal.press(Key::CtrlC);
    let supervisor = pid_of_owner(&base, "aside").expect("a run");
    send(supervisor, Signal::SIGUSR1);
    terminal.wait_for("look 0");
    send(supervisor, Signal::SIGTERM);
    terminal.wait_for("1 left when asked");
    terminal.wait_for("over 0");
    terminal.exit();
}

#[test]
fn in_a_pipeline_ctrl_c_and_ctrl_z_are_for_all_of_it() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("set -o pipefail");
    // What reads the output of the workers is not to die before they have said their last.
    terminal.line("$STOPCTL run -v --name piped $ZOO polite | (trap '' INT; cat)");
    let worker = terminal.ready(1)[0];
    terminal.press(Key::CtrlZ);
    terminal.wait_for("Stopped");
    processes::wait_for_state(worker, 'T');
    terminal.line("fg");
    terminal.wait_for("resumed after");
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 left when asked");
    terminal.wait_for("left");
    assert_eq!(terminal.status(), 130);
    terminal.exit();
}

#[test]
fn the_settings_are_the_same_after_every_way_out() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run --name by-itself true");
    assert_eq!(terminal.status(), 0);
    terminal.check_settings();
    terminal.line("$STOPCTL run --name failed no-such-program");
    assert_eq!(terminal.status(), 127);
    terminal.check_settings();
    terminal.line("$STOPCTL run --name killed sh -c 'kill -9 $$'");
    assert_eq!(terminal.status(), 137);
    terminal.check_settings();
    terminal.line("$STOPCTL run --name hurried --grace 1h $ZOO deaf");
    terminal.ready(1);
    for _ in 0..3 {
        terminal.press(Key::CtrlC);
        std::thread::sleep(NO_DOUBLE_TAP);
    }
    assert_eq!(terminal.status(), 130);
    terminal.check_settings();
    terminal.line("$STOPCTL run -v --name orphaned --grace 0 $ZOO handler 0");
    terminal.ready(1);
    terminal.wait_for("guard started");
    send(
        pid_of_owner(&base, "orphaned").expect("a run"),
        Signal::SIGKILL,
    );
    terminal.wait_for("is over after");
    terminal.exit();
}
