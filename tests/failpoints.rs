//! Rows A4, C2, C3, C4, C6, C8, C20 and K5: a process of stopctl dies at each of its steps, and the promises
//! hold. Built and run by `cargo test --features failpoints --test failpoints`.

mod killed;
mod support;

#[path = "failpoints/deposed.rs"]
mod deposed;
#[path = "failpoints/newborns.rs"]
mod newborns;
#[path = "failpoints/orphans.rs"]
mod orphans;
#[path = "failpoints/takeover.rs"]
mod takeover;

use std::fs;
use std::path::Path;

use killed::{NAME, check, check_nobody, check_workers, each, trio};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use support::base::Base;
use support::owner::Flags;
use support::processes;
use support::scenario::Scenario;
use support::started::{Started, send};
use support::transcript::Lines;
use support::until::until;

const WORKERS: usize = 3;

const VARIABLE: &str = "STOPCTL_FAILPOINT";

/// More or fewer wake-ups than when they were listed: some points come later.
const MARGIN: usize = 4;

fn scenario(base: &Base, guard: bool) -> Scenario<'_> {
    let run = trio(base, WORKERS);
    if guard {
        run
    } else {
        run.options(&["--no-guard"])
    }
}

/// The same, with workers that wait until somebody else asks.
fn patient(base: &Base, guard: bool) -> Scenario<'_> {
    scenario(base, guard).zoo(&["polite"])
}

/// The points that a supervisor passes which nothing happens to.
fn points(guard: bool) -> Vec<String> {
    let base = Base::new();
    let file = base.file("points");
    let list = format!("supervisor:list:{}", file.display());
    scenario(&base, guard)
        .environment(VARIABLE, list)
        .start()
        .finish();
    lines_of(&file)
}

fn lines_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Ends what is left of the run, if anything is: whatever died before.
fn stop(base: &Base) {
    base.call(&["stop", "--if-running", NAME]).expect(0);
    check_workers(base);
}

/// What happens at each of these points to a supervisor, with a guard and without.
fn sweep(action: &str, guard: bool, step: usize) {
    let points = points(guard);
    // From here on nobody else has to do anything.
    let guarded = points.iter().position(|name| name == "guard forked");
    let cases: Vec<usize> = (1..=points.len() + MARGIN).step_by(step).collect();
    let told = |at: &usize| {
        let before = points.get(at - 1).map_or("the end", String::as_str);
        format!("{action} {at} ({before}), guard: {guard}")
    };
    each(&cases, told, |&at| {
        let mut base = Base::new();
        base.leaves_something();
        let run = scenario(&base, guard)
            .environment(VARIABLE, format!("supervisor:{action}:{at}"))
            .start();
        run.wait_for_exit();
        let lines = if guarded.is_some_and(|forked| at > forked) {
            let lines = run.finish().lines;
            check_nobody(&base);
            // The guard is ended before the names are removed: only they can be left.
            stop(&base);
            lines
        } else {
            stop(&base);
            run.finish().lines
        };
        check(&base, &lines);
    });
}

#[test]
fn c2_every_step_is_a_point() {
    let points = points(true);
    for name in [
        "start",
        "base directory made",
        "directory built",
        "owner word set",
        "control opened",
        "record made",
        "published",
        "guard forked",
        "flag made",
        "flag watched",
        "to be forked",
        "worker noted",
        "request read",
        "flag's text written",
        "flag's level written",
        "flag raised",
        "record written",
        "main process signalled",
        "continued",
        "rung used",
        "end seen",
        "tree swept",
        "reaped",
        "final record made",
        "last word written",
        "guard ended",
        "renamed away",
        "file removed",
        "directory removed",
        "removed",
    ] {
        assert!(
            points.iter().any(|point| point == name),
            "{name}: {points:#?}"
        );
    }
}

#[test]
fn c2_c4_a_supervisor_is_killed_at_each_step_and_the_guard_ends_the_run() {
    sweep("kill", true, 1);
}

#[test]
fn c2_c4_a_supervisor_without_a_guard_is_killed_at_each_step_and_a_stop_ends_the_run() {
    sweep("kill", false, 1);
}

#[test]
fn c2_a_flag_whose_maker_died_before_it_was_written_is_raised() {
    let points = points(false);
    let made = points.iter().position(|name| name == "flag file made");
    let mut base = Base::new();
    base.leaves_something();
    let run = orphaned(&base, made.expect("workers were started") + 1);
    let flags = Flags::of(&base, NAME);
    let unwritten = flags.texts().into_values().collect::<Vec<_>>();
    assert_eq!(unwritten, ["\0".repeat(64)]);
    stop(&base);
    let raised = flags.wait_until_raised();
    assert_eq!(raised.len(), 1);
    assert!(raised[0].starts_with("1   lost "), "{raised:?}");
    check(&base, &run.finish().lines);
}

#[test]
fn c6_a_supervisor_crashes_or_panics() {
    for guard in [true, false] {
        sweep("segv", guard, 7);
        sweep("panic", guard, 3);
    }
}

/// Every point of every child, with a guard and without. They are numbered from a thousand times
/// the worker's number on.
fn births() -> Vec<(bool, usize)> {
    let points = |worker: usize| (1..=5).map(move |at| worker * 1000 + at);
    let places = (0..WORKERS).flat_map(points);
    places.flat_map(|at| [(true, at), (false, at)]).collect()
}

#[test]
fn c3_a_worker_is_killed_before_its_program_runs() {
    each(
        &births(),
        |birth| format!("child {birth:?}"),
        |(guard, at)| {
            let mut base = Base::new();
            base.leaves_something();
            let run = scenario(&base, *guard)
                .environment(VARIABLE, format!("child:kill:{at}"))
                .start();
            // The one that asks for the stop may be the one that was never there.
            run.wait_for_each("ready", WORKERS - 1);
            stop(&base);
            check(&base, &run.finish().lines);
        },
    );
}

#[test]
fn c3_a_supervisor_is_killed_before_the_program_of_its_worker_runs() {
    each(
        &births(),
        |birth| format!("child {birth:?}"),
        |(guard, at)| {
            let mut base = Base::new();
            base.leaves_something();
            // None of them asks for a stop: that would end the one that is held, too.
            let run = patient(&base, *guard)
                .environment(VARIABLE, format!("child:hold:{at}"))
                .start();
            until("a child is stopped", || !stopped(&base).is_empty());
            run.signal(Signal::SIGKILL);
            run.wait_for_exit();
            stop(&base);
            // Whom nobody could know of yet was left: it must find by itself that it must not run.
            for pid in stopped(&base) {
                send(pid, Signal::SIGCONT);
            }
            check(&base, &run.finish().lines);
        },
    );
}

#[test]
fn a5_a_worker_that_is_stopped_before_its_program_runs_hangs_nobody() {
    each(
        &births(),
        |birth| format!("child {birth:?}"),
        |(guard, at)| {
            let base = Base::new();
            // Nobody asks for a stop before the one that was stopped is ready.
            let run = patient(&base, *guard)
                .environment(VARIABLE, format!("child:stop:{at}"))
                .start();
            run.ready(WORKERS);
            stop(&base);
            run.finish();
        },
    );
}

fn stopped(base: &Base) -> Vec<i32> {
    let all = processes::with_in_environment(base.root()).into_iter();
    all.filter(|pid| processes::state(*pid) == Some('T'))
        .collect()
}

/// A run whose supervisor died at this point and had no guard.
fn orphaned(base: &Base, died: usize) -> Started {
    let run = scenario(base, false)
        .environment(VARIABLE, format!("supervisor:kill:{died}"))
        .start();
    run.wait_for_exit();
    run
}

#[test]
fn a4_a_stop_between_the_flag_and_the_fork_starts_no_other_worker() {
    let points = points(true);
    let first = points.iter().position(|name| name == "to be forked");
    let at = first.expect("workers were started") + 1;
    let base = Base::new();
    let run = scenario(&base, true)
        .environment(VARIABLE, format!("supervisor:stop:{at}"))
        .start();
    assert!(is_stopped(&run));
    run.signal(Signal::SIGTERM);
    run.signal(Signal::SIGCONT);
    let lines = run.finish().lines;
    let ready = lines.iter().filter(|line| line.text.starts_with("ready"));
    assert!(ready.count() <= 1, "{}", Lines(&lines));
    check(&base, &lines);
}

#[test]
fn c8_a_supervisor_that_is_stopped_at_any_step_is_continued_by_a_stop() {
    let points = points(true);
    let cases: Vec<usize> = (1..=points.len()).step_by(3).collect();
    let told = |at: &usize| format!("stopped {at} ({})", points[at - 1]);
    each(&cases, told, |at| {
        let mut base = Base::new();
        base.leaves_something();
        let run = scenario(&base, true)
            .environment(VARIABLE, format!("supervisor:stop:{at}"))
            .start();
        if is_stopped(&run) {
            stop(&base);
            // Where it had no name yet, nobody could know of it.
            run.signal(Signal::SIGCONT);
        }
        check(&base, &run.finish().lines);
    });
}

/// Waits until the process is stopped, or has ended.
fn is_stopped(run: &Started) -> bool {
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    let status = waitid(Id::Pid(Pid::from_raw(run.pid())), flags).expect("our own child");
    matches!(status, WaitStatus::Stopped(..))
}

#[test]
fn k24j_no_reader_takes_half_a_change_of_the_record_for_a_whole_one() {
    for (at, is_whole) in [
        ("record: odd", false),
        ("record: a place written", false),
        ("record: even", true),
    ] {
        let mut base = Base::new();
        base.leaves_something();
        let run = scenario(&base, false)
            .environment(VARIABLE, format!("supervisor:kill:{at}"))
            .start();
        run.wait_for_exit();
        let record = fs::read(base.runs().join(NAME).join("record")).expect("a record");
        let generation = u32::from_ne_bytes(*record.first_chunk().expect("its generation"));
        assert_eq!(generation % 2 == 0, is_whole, "{at}: {generation}");
        stop(&base);
        check(&base, &run.finish().lines);
    }
}
