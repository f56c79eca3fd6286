//! Ctrl-Z: the workers and the clocks stand still with the supervisor.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::need::rounds;
use crate::support::owner::pid_of_owner;
use crate::support::processes::{self, wait_for_state};
use crate::support::pty::{Key, Pty};
use crate::support::started::send;
use crate::support::until::until;

fn supervisor(base: &Base, run: &str) -> i32 {
    pid_of_owner(base, run).expect("a run")
}

/// Presses Ctrl-Z, and waits until the shell has noticed.
pub(crate) fn suspend(terminal: &mut Pty) {
    terminal.press(Key::CtrlZ);
    terminal.wait_for("Stopped");
}

/// Continues it in the foreground, and waits until it knows: what is pressed before is nobody's.
pub(crate) fn resume(terminal: &mut Pty) {
    terminal.line("fg");
    terminal.wait_for("resumed after");
}

#[track_caller]
fn wait_for_events(base: &Base, name: &str, number: usize) {
    let name = format!("\"event\":\"{name}\"");
    let count = || fs::read_to_string(base.file("e")).map_or(0, |text| text.matches(&name).count());
    until(&format!("{number} {name}"), || count() >= number);
}

#[test]
fn t3_ctrl_z_stops_supervisor_and_workers_and_fg_continues_them() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v -n 3 --name both --events e $ZOO polite");
    let workers = terminal.ready(3);
    let supervisor = supervisor(&base, "both");
    suspend(&mut terminal);
    wait_for_state(supervisor, 'T');
    for &worker in &workers {
        wait_for_state(worker, 'T');
    }
    terminal.check_settings();
    resume(&mut terminal);
    for &worker in &workers {
        wait_for_state(worker, 'S');
    }
    assert_eq!(pid_of_owner(&base, "both"), Some(supervisor), "T3");
    terminal.press(Key::CtrlC);
    terminal.wait_for("3 left when asked");
    assert_eq!(terminal.status(), 130);
    let said = terminal.exit().out();
    // They have heard of a SIGCONT, and of nothing else.
    assert!(!said.contains("signal 20 at"), "{said}");
    let events = Events::read(&base.file("e"));
    assert_eq!(
        (events.of("suspended").len(), events.of("resumed").len()),
        (1, 1)
    );
    assert!(events.of("signal_sent").is_empty(), "{events:#?}");
}

#[test]
fn t3_whatever_a_worker_started_is_suspended_with_it_wherever_it_is() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    // Workers of an inner run are in sessions of their own.
    terminal.line("$STOPCTL run -v --name outer -- $STOPCTL run -q --name inner -n 2 $ZOO polite");
    let workers = terminal.ready(2);
    suspend(&mut terminal);
    for &worker in &workers {
        wait_for_state(worker, 'T');
    }
    resume(&mut terminal);
    for &worker in &workers {
        wait_for_state(worker, 'S');
    }
    terminal.press(Key::CtrlC);
    terminal.wait_for("outer is over");
    assert_eq!(terminal.status(), 130);
    let said = terminal.exit().out();
    assert!(!said.contains("signal 15"), "{said}");
}

#[test]
fn t3_the_supervisor_goes_on_in_the_background_too() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name bg $ZOO polite");
    let worker = terminal.ready(1)[0];
    suspend(&mut terminal);
    wait_for_state(worker, 'T');
    terminal.line("bg");
    terminal.wait_for("resumed after");
    wait_for_state(worker, 'S');
    terminal.line("fg");
    terminal.wait_for_foreground(supervisor(&base, "bg"));
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 left when asked");
    terminal.exit();
}

#[test]
fn a6_a_storm_of_ctrl_z_and_fg_while_fifty_workers_start_never_hangs() {
    for _ in 0..rounds(1) {
        let base = Base::new();
        let mut terminal = Pty::bash(&base);
        terminal.line("$STOPCTL run -v -n 50 --name storm --events e $ZOO polite");
        terminal.wait_for("worker 0 started");
        // Of what is said at a terminal that is full of others' lines some is dropped, but not of
        // what goes into a file.
        for round in 1..=50 {
            suspend(&mut terminal);
            terminal.line("fg");
            wait_for_events(&base, "resumed", round);
        }
        wait_for_events(&base, "flag_first_read", 50);
        terminal.press(Key::CtrlC);
        assert_eq!(terminal.status(), 130);
        terminal.exit();
        let events = Events::read(&base.file("e"));
        assert_eq!(events.of("suspended").len(), 50, "A6");
        assert_eq!(events.outcomes(), vec!["flag"; 50], "A6");
    }
}

#[test]
fn a_stop_of_a_suspended_run_continues_it_and_it_ends() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name slept --events e $ZOO polite");
    let worker = terminal.ready(1)[0];
    suspend(&mut terminal);
    wait_for_state(worker, 'T');
    let stop = base.call(&["stop", "slept"]);
    stop.expect(0).says("is stopped: continuing it");
    terminal.wait_for("resumed after");
    terminal.wait_for("1 left when asked");
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert_eq!(events.outcomes(), ["flag"]);
    assert!(events.of("deposed").is_empty(), "nobody had to take over");
}

#[test]
fn a_supervisor_that_is_killed_while_suspended_leaves_no_worker_stopped() {
    // Once with workers that run, once on SIGTERM: they got that while they could.
    for keys in [0, 1] {
        let base = Base::new();
        let mut terminal = Pty::bash(&base);
        terminal.line("$STOPCTL run -v --name dead --grace 0 --kill-after 60s $ZOO deaf");
        let worker = terminal.ready(1)[0];
        terminal.wait_for("guard started");
        if keys == 1 {
            terminal.press(Key::CtrlC);
            terminal.wait_for("flag 2   interrupt");
        }
        let supervisor = supervisor(&base, "dead");
        suspend(&mut terminal);
        wait_for_state(worker, 'T');
        send(supervisor, Signal::SIGKILL);
        terminal.wait_for("its guard");
        wait_for_state(worker, 'S');
        if keys == 0 {
            terminal.wait_for("flag 2   lost");
        }
        terminal.wait_for("signal 15");
        base.call(&["stop", "--kill", "dead"]).expect(0);
        // A shell does not leave while it takes a job for stopped.
        until("the shell knows that it died", || {
            processes::state(supervisor).is_none()
        });
        terminal.exit();
    }
}

#[test]
fn a_worker_that_somebody_else_stopped_stays_stopped() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v -n 2 --name theirs $ZOO polite");
    let workers = terminal.ready(2);
    send(workers[0], Signal::SIGSTOP);
    wait_for_state(workers[0], 'T');
    suspend(&mut terminal);
    wait_for_state(workers[1], 'T');
    resume(&mut terminal);
    wait_for_state(workers[1], 'S');
    assert_eq!(processes::state(workers[0]), Some('T'));
    // Unless it has to look at its flag.
    terminal.press(Key::CtrlC);
    terminal.wait_for("2 left when asked");
    terminal.exit();
}

#[test]
fn what_a_worker_left_behind_stands_still_too() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --name behind --grace 300ms --kill-after 1h $ZOO forker 1");
    let pids = terminal.wait_for_each("ready", 2);
    let pids = pids
        .iter()
        .map(|line| i32::try_from(line.number("pid=")).expect("a pid"));
    let pids: Vec<i32> = pids.collect();
    terminal.press(Key::CtrlC);
    terminal.wait_for("left a process behind");
    terminal.wait_for("signal 15");
    let alive = pids
        .into_iter()
        .find(|&pid| processes::state(pid).is_some());
    let straggler = alive.expect("a straggler");
    suspend(&mut terminal);
    wait_for_state(straggler, 'T');
    resume(&mut terminal);
    wait_for_state(straggler, 'S');
    // What asks within half a second is the same request.
    std::thread::sleep(std::time::Duration::from_millis(600));
    terminal.press(Key::CtrlBackslash);
    terminal.wait_for("is over after");
    terminal.exit();
}

#[test]
fn where_no_shell_could_continue_it_ctrl_z_changes_nothing() {
    let base = Base::new();
    let mut terminal = Pty::without_shell(
        &base,
        &[
            "run",
            "-v",
            "--name",
            "alone",
            "sh",
            "-c",
            "exec $ZOO polite",
        ],
    );
    let worker = terminal.ready(1)[0];
    terminal.press(Key::CtrlZ);
    terminal.wait_for("resumed after");
    wait_for_state(worker, 'S');
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 left when asked");
    terminal.finish();
}

#[test]
fn suspended_by_any_of_the_three_signals_the_shell_names_it() {
    for (signal, words) in [
        (Signal::SIGTSTP, "Stopped"),
        (Signal::SIGTTIN, "Stopped (tty input)"),
        (Signal::SIGTTOU, "Stopped (tty output)"),
    ] {
        let base = Base::new();
        let mut terminal = Pty::bash(&base);
        terminal.line("$STOPCTL run -v --name any $ZOO polite");
        let worker = terminal.ready(1)[0];
        send(supervisor(&base, "any"), signal);
        terminal.wait_for("Stopped");
        terminal.line("jobs -l");
        terminal.wait_for(words);
        wait_for_state(worker, 'T');
        resume(&mut terminal);
        terminal.press(Key::CtrlC);
        terminal.wait_for("1 left when asked");
        terminal.exit();
    }
}

#[test]
fn ignored_at_the_start_they_stay_ignored() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("(trap '' TSTP; exec $STOPCTL run -v --name deaf $ZOO polite)");
    let worker = terminal.ready(1)[0];
    terminal.press(Key::CtrlZ);
    send(supervisor(&base, "deaf"), Signal::SIGUSR1);
    terminal.wait_for("look 0");
    assert_ne!(processes::state(worker), Some('T'));
    terminal.press(Key::CtrlC);
    terminal.wait_for("1 left when asked");
    let said = terminal.exit().out();
    assert!(!said.contains("suspended"), "{said}");
}
