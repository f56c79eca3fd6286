//! `stopctl signal`: signals for workers, through the owner of their run.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::scene::wait_for_record;
use crate::support::base::Base;
use crate::support::owner::{guard_of, pid_of_owner};
use crate::support::processes;
use crate::support::started::{Started, send};

/// Says each SIGUSR1.
const HEARS: &str = r#"trap 'echo "worker $STOPCTL_WORKER got it"' USR1
    echo "ready worker=$STOPCTL_WORKER pid=$$"
    while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.02; done"#;

fn hearing(base: &Base, workers: usize, options: &[&str]) -> Started {
    let run = base.scenario().name("hears").workers(workers);
    let run = run.options(options).sh(HEARS).start();
    run.ready(workers);
    run
}

/// The same with one worker, and with nobody who takes over if the supervisor dies.
fn alone(base: &Base) -> Started {
    let run = base.scenario().name("hears").options(&["--no-guard"]);
    let run = run.without_events().sh(HEARS).start();
    run.ready(1);
    run
}

fn over(base: &Base, run: Started) -> String {
    base.call(&["stop", "hears"]).expect(0);
    let end = run.finish();
    end.expect(0);
    end.out()
}

#[test]
fn k16g_a_signal_reaches_every_worker_or_those_that_are_named_once() {
    let base = Base::new();
    let run = hearing(&base, 3, &[]);
    let answer = base.call(&["signal", "hears", "USR1"]);
    answer.expect(0).says("SIGUSR1 to all workers of hears");
    run.wait_for_each("got it", 3);
    let answer = base.call(&[
        "signal", "hears", "sigusr1", "-w", "2", "-w", "0", "-w", "2",
    ]);
    answer.expect(0).says("SIGUSR1 to workers 0, 2 of hears");
    run.wait_for_each("got it", 2);
    let out = over(&base, run);
    for (worker, times) in [(0, 2), (1, 1), (2, 2)] {
        let got = format!("worker {worker} got it");
        assert_eq!(out.matches(&got).count(), times, "{out}");
    }
}

#[test]
fn k16h_what_was_not_delivered_is_said() {
    let base = Base::new();
    base.call(&["signal", "hears", "USR1"])
        .expect(3)
        .says("nothing was signalled");
    let script = format!("[ $STOPCTL_WORKER = 1 ] && exit 0\n{HEARS}");
    let run = base.scenario().name("hears").workers(2).sh(&script).start();
    run.ready(1);
    run.wait_for_events("worker_ended", 1);
    for (words, status, says) in [
        (&["hears", "USR1", "-w", "1"][..], 1, "nobody was signalled"),
        (
            &["hears", "USR1", "-w", "0", "-w", "1"],
            1,
            "hears: worker 1 had ended",
        ),
        (&["hears", "USR1", "-w", "2"], 2, "has no worker 2"),
        (&["hears", "USR1", "-w", "x"], 2, "has no worker x"),
        (&["hears", "KILL"], 2, "stopctl stop --kill"),
        (&["hears", "NOSUCH"], 2, "NOSUCH"),
        (&["hears", "0"], 2, "0"),
        (&["hears"], 2, "SIGNAL"),
    ] {
        let answer = base.call(&[&["signal"], words].concat());
        answer.expect(status).says(says);
    }
    let out = over(&base, run);
    assert_eq!(out.matches("got it").count(), 1, "{out}");
}

#[test]
fn k16i_an_owner_that_does_not_answer_does_not_send_it_later() {
    let base = Base::new();
    let run = hearing(&base, 1, &[]);
    let owner = pid_of_owner(&base, "hears").expect("a run");
    send(owner, Signal::SIGSTOP);
    processes::wait_for_state(owner, 'T');
    let answer = base.call(&["signal", "hears", "USR1"]);
    send(owner, Signal::SIGCONT);
    answer
        .expect(1)
        .says("did not answer within 5 s, and will not send it later");
    base.call(&["signal", "hears", "USR1"]).expect(0);
    run.wait_for("got it");
    let out = over(&base, run);
    assert_eq!(out.matches("got it").count(), 1, "{out}");
}

#[test]
fn k16j_the_same_line_twice_is_one_signal_and_a_late_one_is_none() {
    let base = Base::new();
    let run = hearing(&base, 1, &[]);
    let control = base.runs().join("hears/control");
    let mut control = OpenOptions::new()
        .write(true)
        .open(control)
        .expect("the FIFO");
    let until = processes::now_ns() + 60_000_000_000;
    let line = |id: u32, until: i64| format!("1 signal signal=10 id={id} until_ns={until}\n");
    let lines = line(1, until) + &line(1, until) + &line(2, 1) + "1 signal signal=9 id=3\n";
    control.write_all(lines.as_bytes()).expect("room for it");
    run.wait_for("got it");
    base.call(&["signal", "hears", "USR1"]).expect(0);
    run.wait_for("got it");
    let out = over(&base, run);
    assert_eq!(out.matches("got it").count(), 2, "{out}");
}

#[test]
fn k16k_who_has_taken_over_sends_it_and_a_dead_supervisor_does_not() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("hears")
        .options(&["-v", "--grace", "1h"]);
    let run = run
        .sh(r#"trap 'echo got it; exit 0' USR1
        echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done"#)
        .start();
    guard_of(&run);
    run.ready(1);
    wait_for_record(&base, "hears");
    run.signal(Signal::SIGKILL);
    run.wait_for("its guard (pid");
    base.call(&["signal", "hears", "USR1"]).expect(0);
    run.wait_for("got it");
    run.finish().expect_signal(9);

    let base = Base::new();
    let run = alone(&base);
    run.signal(Signal::SIGKILL);
    run.wait_for_exit();
    let dead = base.call(&["signal", "hears", "USR1"]);
    base.call(&["stop", "hears"]).expect(0);
    dead.expect(1).says("died: SIGUSR1 was not sent");
    let end = run.finish();
    end.expect_signal(9);
    assert!(!end.out().contains("got it"), "{}", end.out());
}

#[test]
fn k16n_of_a_supervisor_that_dies_before_it_answers_nobody_knows_whether_it_sent_it() {
    let base = Base::new();
    let run = alone(&base);
    wait_for_record(&base, "hears");
    run.signal(Signal::SIGSTOP);
    let asking = base.begin(&["signal", "hears", "USR1"]);
    // Only looked at: what it is asked stays there.
    let control = File::open(base.runs().join("hears/control")).expect("a FIFO");
    let mut asked = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
    poll(&mut asked, PollTimeout::from(60_000_u16)).expect("a request");
    run.signal(Signal::SIGKILL);
    asking
        .finish()
        .expect(1)
        .says("died before it answered: SIGUSR1 may have been sent or not");
    base.call(&["stop", "hears"]).expect(0);
    run.finish().expect_signal(9);
}

#[test]
fn k16l_a_run_of_a_version_that_sends_no_signals_is_said_to_be_one() {
    let base = Base::new();
    let run = hearing(&base, 1, &[]);
    let record = base.runs().join("hears/record");
    let mut text = std::fs::read(&record).expect("a record");
    let known = b"\"takes_signals\":true";
    let at = text.windows(known.len()).position(|part| part == known);
    let at = at.expect("it says so");
    text[at + 1] = b'X';
    std::fs::write(&record, text).expect("written");
    let answer = base.call(&["signal", "hears", "USR1"]);
    answer.expect(1).says("another version of stopctl");
    over(&base, run);
}

#[test]
fn k16m_a_death_by_what_was_asked_for_is_nobody_elses() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("hears")
        .command(&["sleep", "1000"])
        .start();
    run.wait_for_events("worker_started", 1);
    base.call(&["signal", "hears", "TERM"]).expect(0);
    let end = run.finish();
    end.expect_signal(15)
        .says("worker 0 was killed by SIGTERM, which was passed on to it");
    assert!(!end.err().contains("not by stopctl"), "{}", end.err());
}
