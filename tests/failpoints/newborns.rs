//! Row K5: what is on record before a program runs, and what must be true for it to run. Each check
//! is tried alone: the others would let the program run.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::killed::{NAME, check, check_nobody, each};
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::owner::{named, pid_of_owner};
use crate::support::processes;
use crate::support::scenario::Scenario;
use crate::support::started::{Started, send};
use crate::support::until::until;
use crate::{VARIABLE, WORKERS, births, lines_of, patient, points, stopped};

/// The points of a child at which it is stopped here.
const CHILD: (usize, &str) = (1, "child");
const BIRTH_WRITTEN: (usize, &str) = (3, "birth written");
const CONDITIONS_HOLD: (usize, &str) = (4, "conditions hold");

/// The child of a run's only worker, which waits at one of its points until it is let go.
struct Waiting<'b> {
    base: &'b Base,
    points: PathBuf,
    at: (usize, &'static str),
}

impl<'b> Waiting<'b> {
    fn at(base: &'b Base, at: (usize, &'static str)) -> Self {
        mkfifo(&base.file("gate"), Mode::S_IRWXU).expect("a FIFO");
        let points = base.file("child");
        Self { base, points, at }
    }

    /// Without a guard: nobody comes before whoever the test has take over.
    fn scenario(&self, supervisor: &str) -> Scenario<'b> {
        let (list, at) = (self.points.display(), self.at.0);
        self.base
            .scenario()
            .name(NAME)
            .times("1h", "1h")
            .options(&["--no-guard"])
            .zoo(&["polite"])
            .environment("STOPCTL_FAILPOINT_GATE", self.base.file("gate"))
            .environment(
                VARIABLE,
                format!("{supervisor}child:list:{list},child:await:{at}"),
            )
    }

    /// Waits until it is there.
    fn wait(&self) {
        let name = self.at.1;
        until(name, || {
            lines_of(&self.points)
                .last()
                .is_some_and(|last| last == name)
        });
    }

    fn let_go(&self) {
        let mut options = File::options();
        let options = options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
        until("it waits at the gate", || {
            options.open(self.base.file("gate")).is_ok()
        });
    }

    /// Whether it passed any point after this one.
    fn went_on(&self) -> bool {
        lines_of(&self.points)
            .last()
            .is_none_or(|last| last != self.at.1)
    }
}

/// The one child of `pid` that is to be a worker, and neither a guard nor a scribe: these have names of
/// their own, a moment after they were forked.
fn child_of(pid: i32) -> i32 {
    let mut children = Vec::new();
    until("one child is to be a worker", || {
        children = processes::children(pid);
        children.retain(|child| {
            let name = fs::read_to_string(format!("/proc/{child}/comm"));
            !name.is_ok_and(|name| name.starts_with("stopctl-"))
        });
        children.len() == 1
    });
    children[0]
}

fn has_ended(pid: i32) -> bool {
    processes::state(pid).is_none_or(|state| state == 'Z')
}

#[test]
fn k5h_a_child_that_is_stopped_anywhere_is_ended_as_any_worker() {
    each(
        &births(),
        |birth| format!("child {birth:?}"),
        |(guard, at)| {
            let base = Base::new();
            let run = patient(&base, *guard)
                .environment(VARIABLE, format!("child:hold:{at}"))
                .start();
            // All but the one that stops itself again and again.
            run.ready(2);
            until("a child is stopped", || !stopped(&base).is_empty());
            base.call(&["stop", NAME]).expect(0);
            check_nobody(&base);
            check(&base, &run.finish().lines);
        },
    );
}

#[test]
fn k5i_a_stop_before_its_look_keeps_a_program_from_running() {
    let base = Base::new();
    let waiting = Waiting::at(&base, BIRTH_WRITTEN);
    let run = waiting.scenario("").start();
    waiting.wait();
    let stop = base.begin(&["stop", NAME]);
    run.wait_for("asked");
    waiting.let_go();
    stop.finish().expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(!waiting.went_on(), "K5");
    // It left when it was asked, before any signal, and that is no failure.
    assert_eq!(end.events.signals(0), [""; 0], "K5: {}", end.err());
    let ended = end.events.ended(0);
    assert_eq!(
        (&ended["exit_code"], &ended["looked"]),
        (&0.into(), &true.into()),
        "K5"
    );
    assert_eq!(ended["outcome"], "flag", "K5");
}

#[test]
fn k12f_a_signal_to_the_group_reaches_no_child_that_is_about_to_leave_it() {
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGTSTP,
    ] {
        let base = Base::new();
        let waiting = Waiting::at(&base, CHILD);
        let run = waiting.scenario("").in_its_own_group().start();
        waiting.wait();
        send(-run.pid(), signal);
        if signal == Signal::SIGTSTP {
            until("it is suspended", || {
                processes::state(run.pid()) == Some('T')
            });
            send(run.pid(), Signal::SIGCONT);
            waiting.let_go();
            run.ready(1);
            base.call(&["stop", NAME]).expect(0);
        } else {
            run.wait_for("asked");
            waiting.let_go();
        }
        let end = run.finish();
        let ended = end.events.ended(0);
        assert_eq!(ended["outcome"], "flag", "{signal}: {}", end.err());
        assert_eq!(end.events.signals(0), [""; 0], "{signal}");
    }
}

#[test]
fn k4k_a_directory_that_is_deleted_just_before_a_flag_is_made_in_it_is_put_back_first() {
    const AT: &str = "flag to be made";
    let before = points(false).iter().position(|point| point == AT);
    let at = before.expect("a flag is made") + 1;
    let base = Base::new();
    let waiting = Waiting::at(&base, (at, AT));
    let (list, gate) = (waiting.points.display(), base.file("gate"));
    let run = patient(&base, false)
        .environment("STOPCTL_FAILPOINT_GATE", gate)
        .environment(
            VARIABLE,
            format!("supervisor:list:{list},supervisor:await:{at}"),
        )
        .start();
    waiting.wait();
    fs::remove_dir_all(base.runs().join(NAME)).expect("a directory");
    waiting.let_go();
    run.ready(WORKERS);
    base.call(&["stop", NAME]).expect(0);
    check_nobody(&base);
    check(&base, &run.finish().lines);
}

#[test]
fn k5j_a_worker_is_on_record_before_anything_else_lets_its_program_run() {
    let mut base = Base::new();
    base.leaves_something();
    let waiting = Waiting::at(&base, CONDITIONS_HOLD);
    let run = waiting.scenario("").start();
    waiting.wait();
    let child = child_of(run.pid());
    run.signal(Signal::SIGKILL);
    run.wait_for_exit();
    // Whoever takes over knows it, and ends it where it is.
    base.call(&["stop", "--kill", NAME]).expect(0);
    assert!(has_ended(child), "K5: {}", processes::describe(child));
    run.finish_unchecked();
}

#[test]
fn k5k_a_child_whose_parent_is_dead_runs_nothing_where_no_word_tells_of_it() {
    if lacks(Need::Trace) {
        return;
    }
    let mut base = Base::new();
    base.leaves_something();
    let waiting = Waiting::at(&base, BIRTH_WRITTEN);
    // The kernel marks no death in the owner word.
    let run = waiting
        .scenario("")
        .through(
            "exec strace -o /dev/null -e trace=set_robust_list \
             -e inject=set_robust_list:error=EPERM \"$@\"",
        )
        .start();
    waiting.wait();
    let supervisor = pid_of_owner(&base, NAME).expect("it is the owner");
    let child = child_of(supervisor);
    send(supervisor, Signal::SIGKILL);
    run.wait_for_exit();
    waiting.let_go();
    until("it is gone", || has_ended(child));
    assert!(!waiting.went_on(), "K5");
    base.call(&["stop", NAME]).expect(0);
    run.finish_unchecked();
}

#[test]
fn k5l_a_child_whose_supervisor_was_deposed_runs_nothing() {
    let started = points(false);
    let started = started.iter().position(|name| name == "worker started");
    let at = started.expect("workers were started") + 1;
    let mut base = Base::new();
    base.leaves_something();
    let waiting = Waiting::at(&base, BIRTH_WRITTEN);
    let run = waiting.scenario(&format!("supervisor:hold:{at},")).start();
    waiting.wait();
    processes::wait_for_state(run.pid(), 'T');
    let child = child_of(run.pid());
    // The one that takes over stops when it has the word, and has raised no flag yet.
    let stop = taker_that_stops(&base, "word taken");
    waiting.let_go();
    until("it is gone", || has_ended(child));
    assert!(!waiting.went_on(), "K5");
    for taker in named(&base, "stopctl-taker") {
        send(taker, Signal::SIGCONT);
    }
    stop.finish().expect(0);
    run.signal(Signal::SIGKILL);
    run.finish_unchecked();
}

/// A stop whose taker has stopped itself at this point.
fn taker_that_stops(base: &Base, name: &str) -> Started {
    let file = base.file("taker");
    let list = format!("taker:list:{}", file.display());
    let mut stop = base.stopctl(&["stop", NAME]);
    stop.env(
        VARIABLE,
        format!("{list},taker:stop:{}", point_of_taker(name)),
    );
    let stop = Started::begin(stop, base.root(), None);
    let is_there = || lines_of(&file).last().is_some_and(|last| last == name);
    until("it has taken over", is_there);
    until("it is stopped", || {
        let takers = named(base, "stopctl-taker");
        takers.iter().any(|pid| processes::state(*pid) == Some('T'))
    });
    stop
}

/// The number of a point that every taker passes.
fn point_of_taker(name: &str) -> usize {
    let mut base = Base::new();
    base.leaves_something();
    let file = base.file("points");
    let run = patient(&base, false).start();
    run.ready(3);
    run.signal(Signal::SIGKILL);
    run.wait_for_exit();
    let mut stop = base.stopctl(&["stop", NAME]);
    stop.env(VARIABLE, format!("taker:list:{}", file.display()));
    base.answer(stop).expect(0);
    run.finish_unchecked();
    let points = lines_of(&file);
    let place = points.iter().position(|point| point == name);
    place.unwrap_or_else(|| panic!("no {name}: {points:?}")) + 1
}
