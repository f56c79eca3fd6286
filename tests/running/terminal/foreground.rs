//! `--foreground`: the worker has the terminal, as if a shell had started it.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::over;
use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::owner::pid_of_owner;
use crate::support::processes::{self, wait_for_state};
use crate::support::pty::{Key, Pty};
use crate::support::started::send;

/// A worker that says its pid, and then waits for a signal. It starts nothing meanwhile: a shell
/// whose child is stopped before its exec is not stopped itself (vfork(2)).
const LOOP: &str =
    "sh -c '[ -p fifo ] || mkfifo fifo; exec 3<>fifo; echo loops pid=$$; read -r line <&3'";

fn looping(terminal: &mut Pty, options: &str) -> (i32, i32) {
    terminal.line(&format!("$STOPCTL run -v --foreground {options} {LOOP}"));
    let started = terminal.wait_for("worker 0 started").number("pid ");
    terminal.wait_for("loops");
    let worker = i32::try_from(started).expect("a pid");
    (processes::parent(worker).expect("its supervisor"), worker)
}

#[test]
fn t3_its_ctrl_z_suspends_us_too_and_fg_continues_both() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    let (supervisor, worker) = looping(&mut terminal, "--name both --events e");
    for _ in 0..3 {
        terminal.press(Key::CtrlZ);
        terminal.wait_for("Stopped");
        wait_for_state(supervisor, 'T');
        wait_for_state(worker, 'T');
        terminal.wait_for_foreground(terminal.pid());
        terminal.line("fg");
        terminal.wait_for("resumed after");
        terminal.wait_for_foreground(worker);
    }
    terminal.press(Key::CtrlC);
    assert_eq!(terminal.status(), 130);
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert_eq!(events.of("suspended").len(), 3);
    assert_eq!(events.ended(0)["signal"], 2);
}

#[test]
fn t3_a_signal_to_the_supervisor_suspends_both_too() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    let (supervisor, worker) = looping(&mut terminal, "--name both");
    send(supervisor, Signal::SIGTSTP);
    terminal.wait_for("Stopped");
    wait_for_state(worker, 'T');
    terminal.line("fg");
    terminal.wait_for("resumed after");
    terminal.wait_for_foreground(worker);
    terminal.press(Key::CtrlC);
    assert_eq!(terminal.status(), 130);
    terminal.exit();
}

#[test]
fn after_its_ctrl_c_a_loop_of_the_shell_breaks() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(&format!(
        "while :; do $STOPCTL run --foreground --name loop {LOOP}; done; echo never here"
    ));
    terminal.wait_for("loops");
    terminal.press(Key::CtrlC);
    assert_eq!(terminal.status(), 130);
    let said = terminal.exit().out();
    assert!(!said.contains("never here"), "{said}");
}

#[test]
fn one_terminal_is_for_one_worker() {
    let base = Base::new();
    let answer = base.call(&["run", "-n", "2", "--foreground", "true"]);
    answer.expect(125).says("2 workers cannot share a terminal");
}

#[test]
fn t7_without_a_terminal_it_is_a_worker_as_any() {
    for words in [
        r#"exec setsid "$@" </dev/null"#,
        r#"true | setsid "$@""#,
        r#"exec "$@""#,
    ] {
        let base = Base::new();
        let run = base
            .scenario()
            .options(&["--foreground"])
            .through(words)
            .sh("exit 3")
            .start();
        let end = run.finish();
        end.expect(3);
        assert_eq!(end.err(), "", "T7: {words}");
    }
}

#[test]
fn in_the_background_it_waits_for_the_terminal_as_any_program() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("set -b");
    terminal
        .line("$STOPCTL run -v --foreground --name aside sh -c 'read -r line; echo got $line' &");
    terminal.wait_for("Stopped");
    terminal.line("jobs -l");
    terminal.wait_for("Stopped (tty input)");
    terminal.line("fg");
    terminal.wait_for("resumed after");
    terminal.line("words");
    terminal.wait_for("got words");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}

#[test]
fn t2_with_tostop_in_the_background_it_waits_to_write() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("set -b; stty tostop");
    terminal.line("$STOPCTL run -v --foreground --name aside sh -c 'echo written' &");
    terminal.wait_for("Stopped");
    terminal.line("fg");
    terminal.wait_for("written");
    assert_eq!(terminal.status(), 0);
    terminal.line("stty -tostop");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}

#[test]
fn m4_after_a_sigstop_of_the_supervisor_the_worker_gets_the_terminal_again() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run -v --foreground --name apart --events e sh -c \
         'trap \"read -r line; echo got \\$line\" USR1; echo loops; while :; do sleep 0.05; done'",
    );
    let worker = terminal.wait_for("worker 0 started").number("pid ");
    let worker = i32::try_from(worker).expect("a pid");
    terminal.wait_for("loops");
    send(
        pid_of_owner(&base, "apart").expect("a run"),
        Signal::SIGSTOP,
    );
    terminal.wait_for("Stopped");
    terminal.line("fg");
    terminal.wait_for_foreground(pid_of_owner(&base, "apart").expect("a run"));
    // It reads from the background, and is not stopped for it, for the foreground is lent to it.
    send(worker, Signal::SIGUSR1);
    terminal.wait_for_foreground(worker);
    terminal.line("words");
    terminal.wait_for("got words");
    terminal.press(Key::CtrlC);
    assert_eq!(terminal.status(), 130);
    terminal.exit();
    assert!(Events::read(&base.file("e")).of("suspended").is_empty());
}

#[test]
fn a_stop_climbs_its_ladder_and_the_shell_has_the_terminal_again() {
    for stopped in [false, true] {
        let base = Base::new();
        let mut terminal = Pty::bash(&base);
        let (_, worker) = looping(&mut terminal, "--name asked --grace 300ms --events e");
        if stopped {
            terminal.press(Key::CtrlZ);
            terminal.wait_for("Stopped");
            wait_for_state(worker, 'T');
        }
        base.call(&["stop", "asked"]).expect(0);
        terminal.wait_for("1 needed SIGTERM (worker 0)");
        terminal.line("");
        terminal.wait_for_foreground(terminal.pid());
        terminal.exit();
        let events = Events::read(&base.file("e"));
        assert_eq!(events.outcomes(), ["term"]);
        assert!(events.of("deposed").is_empty(), "nobody had to take over");
    }
}

#[test]
fn a_ctrl_z_while_it_is_stopped_suspends_its_ladder_too() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    let (supervisor, worker) = looping(&mut terminal, "--name both --grace 2s --events e");
    send(supervisor, Signal::SIGTERM);
    terminal.wait_for("1 worker asked");
    terminal.press(Key::CtrlZ);
    terminal.wait_for("Stopped");
    wait_for_state(worker, 'T');
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(processes::state(worker), Some('T'), "it had SIGTERM");
    terminal.line("fg");
    terminal.wait_for("resumed after");
    terminal.wait_for("1 needed SIGTERM (worker 0)");
    terminal.status();
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert_eq!(events.outcomes(), ["term"]);
}

#[test]
fn when_the_supervisor_is_killed_its_guard_ends_the_worker() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    let (supervisor, _) = looping(&mut terminal, "--name dead --grace 300ms");
    terminal.wait_for("guard started");
    send(supervisor, Signal::SIGKILL);
    terminal.wait_for("its guard");
    terminal.wait_for("SIGTERM to worker 0");
    terminal.wait_for("dead is over after");
    terminal.wait_for_foreground(terminal.pid());
    terminal.exit();
}

#[test]
fn t4_when_the_terminal_is_closed_it_is_over() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    looping(&mut terminal, "--name closed --events e");
    terminal.close();
    over(&base);
}

#[test]
fn a_command_that_cannot_be_run_leaves_the_terminal_to_the_shell() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run --foreground no-such-program; read -r line; echo got $line");
    terminal.wait_for("cannot start");
    terminal.line("words");
    terminal.wait_for("got words");
    terminal.exit();
}

/// A script of which one line is a run, and another comes after it.
fn script(base: &Base, options: &str) {
    let line = format!("$STOPCTL run -v --foreground {options} {LOOP}\necho next line\n");
    std::fs::write(base.file("script"), line).expect("a script");
}

#[test]
fn k9b_its_ctrl_c_ends_the_script_that_it_is_a_line_of() {
    // A script in bash ignores SIGQUIT.
    for (shell, key, status) in [
        ("bash", Key::CtrlC, 130),
        ("dash", Key::CtrlC, 130),
        ("dash", Key::CtrlBackslash, 131),
    ] {
        let base = Base::new();
        let mut terminal = Pty::bash(&base);
        script(&base, "--name line");
        terminal.line(&format!("{shell} script"));
        terminal.wait_for("loops");
        terminal.press(key);
        assert_eq!(terminal.status(), status, "{shell} {key:?}");
        let said = terminal.exit().out();
        assert!(!said.contains("next line"), "{shell} {key:?}: {said}");
    }
}

#[test]
fn k9c_one_ctrl_z_stops_the_script_too_and_fg_continues_all() {
    for around in ["bash script", "bash script | cat"] {
        let base = Base::new();
        let mut terminal = Pty::bash(&base);
        script(&base, "--name line");
        terminal.line(around);
        let started = terminal.wait_for("worker 0 started").number("pid ");
        terminal.wait_for("loops");
        let worker = i32::try_from(started).expect("a pid");
        let supervisor = processes::parent(worker).expect("its supervisor");
        let script = processes::parent(supervisor).expect("the script");
        for _ in 0..2 {
            terminal.press(Key::CtrlZ);
            terminal.wait_for("Stopped");
            for pid in [worker, supervisor, script] {
                wait_for_state(pid, 'T');
            }
            terminal.wait_for_foreground(terminal.pid());
            terminal.line("fg");
            terminal.wait_for("resumed after");
            terminal.wait_for_foreground(worker);
        }
        terminal.press(Key::CtrlC);
        terminal.status();
        let said = terminal.exit().out();
        assert!(!said.contains("next line"), "{around}: {said}");
    }
}

#[test]
fn k9d_a_death_by_our_own_sigint_is_no_key() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    script(&base, "--name line --grace 0 --signal INT");
    terminal.line("bash script");
    terminal.wait_for("loops");
    base.call(&["stop", "line"]).expect(0);
    terminal.wait_for("next line");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}
