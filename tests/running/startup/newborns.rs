//! Workers that do not come to their programs: an exec that does not come back holds up nobody else.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks};
use crate::support::owner::{Flags, guard_of, reason_and_deadline};
use crate::support::preload::before_exec_of;
use crate::support::processes;
use crate::support::scenario::Scenario;
use crate::support::started::Started;
use crate::support::until::until;

/// A run in which some workers are held up at their exec.
struct Slow<'b> {
    base: &'b Base,
    library: PathBuf,
    program: PathBuf,
}

impl<'b> Slow<'b> {
    /// `None` where that cannot be made.
    fn new(base: &'b Base, workers: &str) -> Option<Self> {
        if lacks(Need::Program("gcc")) {
            return None;
        }
        mkfifo(&base.file("gate"), Mode::S_IRWXU).expect("a FIFO");
        let program = base.file("animal");
        Base::copy_program(zoo(), &program);
        Some(Self {
            base,
            library: before_exec_of(base, workers),
            program,
        })
    }

    fn scenario(&self) -> Scenario<'b> {
        self.scenario_of("300ms")
    }

    /// With this grace, and the same kill-after.
    fn scenario_of(&self, time: &str) -> Scenario<'b> {
        let program = self.program.to_str().expect("a path in UTF-8");
        self.base
            .scenario()
            .name("slow")
            .times(time, time)
            .through(r#"LD_PRELOAD=$LIBRARY exec "$@""#)
            .environment("LIBRARY", &self.library)
            .command(&[program, "polite"])
    }

    /// The pids of those that are held, once there are so many.
    fn held(&self, number: usize) -> Vec<i32> {
        let file = self.base.file("held");
        let read = || fs::read_to_string(&file).unwrap_or_default();
        until("they are held", || read().lines().count() == number);
        let told = read();
        told.lines()
            .map(|pid| pid.parse().expect("a pid"))
            .collect()
    }

    /// Lets everybody go who is held.
    fn let_go(&self) {
        let mut options = File::options();
        let options = options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
        until("somebody waits at the gate", || {
            options.open(self.base.file("gate")).is_ok()
        });
    }
}

fn is_gone(pid: i32) -> bool {
    processes::state(pid).is_none_or(|state| state == 'Z')
}

fn outcomes(run: Started) -> Vec<String> {
    let end = run.finish();
    let outcome = |worker| end.events.ended(worker)["outcome"].to_string();
    (0..3).map(outcome).collect()
}

#[test]
fn k5a_a_program_that_does_not_begin_holds_up_neither_other_starts_nor_a_stop() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "1") else {
        return;
    };
    let run = slow.scenario().workers(3).start();
    run.ready(2);
    let held = slow.held(1);
    let status = base.call(&["status", "slow", "--json"]).json();
    let worker = &status["runs"][0]["workers"][1];
    assert_eq!(worker["state"], "starting", "K5: {status}");
    assert_eq!(worker["pid"], held[0], "K5: {status}");
    base.call(&["stop", "slow"]).expect(0);
    assert!(is_gone(held[0]), "K5");
    // It had its flag and its grace as the others, and could not look.
    assert_eq!(outcomes(run), [r#""flag""#, r#""term""#, r#""flag""#], "K5");
}

#[test]
fn k5b_others_begin_before_the_first_one_and_then_it_does() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "0") else {
        return;
    };
    let run = slow.scenario().workers(3).start();
    run.ready(2);
    slow.held(1);
    slow.let_go();
    run.ready(1);
    base.call(&["stop", "slow"]).expect(0);
    assert_eq!(outcomes(run), [r#""flag""#; 3], "K5");
}

#[test]
fn k5c_a_supervisor_that_dies_while_a_worker_is_held_up_is_missed_at_once() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "2") else {
        return;
    };
    let run = slow.scenario().workers(3).options(&["-v"]).start();
    guard_of(&run);
    let ready = run.ready(2);
    let held = slow.held(1);
    run.signal(Signal::SIGKILL);
    run.wait_for("its guard");
    let all = ready.iter().chain(&held);
    until("nobody is left", || all.clone().all(|pid| is_gone(*pid)));
    run.finish_unchecked();
}

#[test]
fn k5d_one_that_is_held_up_is_stopped_alone() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "1") else {
        return;
    };
    let run = slow.scenario().workers(3).start();
    let ready = run.ready(2);
    let held = slow.held(1);
    base.call(&["stop", "slow", "--worker", "1"]).expect(0);
    assert!(is_gone(held[0]), "K5");
    assert!(ready.iter().all(|pid| !is_gone(*pid)), "K5");
    base.call(&["stop", "slow"]).expect(0);
    assert_eq!(outcomes(run), [r#""flag""#, r#""term""#, r#""flag""#], "K5");
}

#[test]
fn k5e_a_program_that_cannot_be_run_after_all_stops_the_others() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "1") else {
        return;
    };
    let run = slow.scenario().workers(3).start();
    run.ready(2);
    slow.held(1);
    fs::remove_file(&slow.program).expect("it is there");
    slow.let_go();
    let end = run.finish();
    end.expect(125)
        .says("worker 1 could not be started: No such file");
    // It was no worker: nothing of it began, and nothing ended.
    assert_eq!(end.events.of("worker_started").len(), 2, "K5");
    assert_eq!(end.events.outcomes(), ["flag", "flag"], "K5");
}

#[test]
fn k5f_if_no_program_can_be_run_the_first_error_is_that_of_the_run() {
    for workers in ["0", "012"] {
        let base = Base::new();
        let Some(slow) = Slow::new(&base, workers) else {
            return;
        };
        let run = slow.scenario().workers(workers.len()).start();
        slow.held(workers.len());
        fs::remove_file(&slow.program).expect("it is there");
        slow.let_go();
        let end = run.finish();
        end.expect(127).says("cannot start ");
        assert!(end.events.of("worker_started").len() < workers.len(), "K5");
    }
}

#[test]
fn k5g_more_than_may_be_held_up_at_once_wait_for_one_another() {
    let base = Base::new();
    let Some(slow) = Slow::new(
        &base,
        "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 \
         23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39",
    ) else {
        return;
    };
    let run = slow
        .scenario()
        .workers(40)
        .through(r#"ulimit -n 100; LD_PRELOAD=$LIBRARY exec "$@""#)
        .start();
    slow.held(32);
    base.call(&["stop", "slow"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["term"; 32], "K5: {}", end.err());
}

#[test]
fn k5m_a_signal_that_is_passed_on_does_not_end_one_that_is_held_up() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "1") else {
        return;
    };
    let run = slow.scenario().workers(2).options(&["-v"]).start();
    run.ready(1);
    slow.held(1);
    run.signal(Signal::SIGUSR1);
    run.wait_for("SIGUSR1 passed on to worker 0");
    slow.let_go();
    run.ready(1);
    base.call(&["stop", "slow"]).expect(0);
    assert_eq!(run.finish().events.outcomes(), ["flag"; 2], "K5");
}

#[test]
fn k5n_the_time_on_the_way_is_none_in_which_a_worker_could_have_looked() {
    let base = Base::new();
    let Some(slow) = Slow::new(&base, "0") else {
        return;
    };
    // Without ever looking it has an hour, from its start on.
    let run = slow
        .scenario_of("1h")
        .options(&["--unaware-grace", "auto"])
        .zoo(&["handler"])
        .start();
    slow.held(1);
    let opened = processes::now_ns();
    slow.let_go();
    run.ready(1);
    let flags = Flags::of(&base, "slow");
    base.call(&["stop", "--no-wait", "slow"]).expect(0);
    let raised = flags.wait_until_raised();
    let (_, deadline) = reason_and_deadline(&raised[0]);
    assert!(deadline - 3_600_000_000_000 >= opened, "K5: {raised:?}");
    base.call(&["stop", "--term", "slow"]).expect(0);
    run.finish();
}
