//! Workers in Python under the real supervisor: each situation they must serve is an example in
//! clients/python/examples, and a test here.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::events::number;
use crate::support::need::{Need, lacks};
use crate::support::python::{client, example, python, with};
use crate::support::scenario::Scenario;
use crate::support::started::{End, Started, send};
use crate::support::until::until;

/// How the processes of a program are started.
const METHODS: [&str; 3] = ["fork", "spawn", "forkserver"];

/// Not at once on a busy machine, and far below any wait of the examples.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An example as the worker of a run.
fn worker<'b>(base: &'b Base, python: &str, arguments: &[&str]) -> Scenario<'b> {
    let path = example(arguments[0]);
    let mut command = vec![python, &path];
    command.extend(&arguments[1..]);
    with_client(base.scenario().name("snake").command(&command))
}

fn with_client(scenario: Scenario<'_>) -> Scenario<'_> {
    scenario
        .environment("PYTHONPATH", client())
        .environment("PYTHONDONTWRITEBYTECODE", "1")
}

/// Asks the run to stop, and checks that everybody left by the flag, without a complaint.
#[track_caller]
fn stop(base: &Base, run: Started) -> End {
    base.call(&["stop", "snake"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(!end.err().contains("Traceback"), "{}", end.err());
    for outcome in end.events.outcomes() {
        assert_eq!(outcome, "flag", "{}", end.err());
    }
    end
}

#[track_caller]
fn flag_to_end(end: &End, worker: u64) -> Duration {
    Duration::from_millis(number(end.events.ended(worker), "flag_to_end_ms"))
}

#[test]
fn a_loop_that_looks_leaves_by_its_own_door() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["loop.py"]).start();
    run.wait_for("working");
    let end = stop(&base, run);
    assert!(end.out().contains("because of user"), "{}", end.out());
}

#[test]
fn an_object_that_holds_its_flag_stops_deep_in_its_methods() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["own_flag.py"]).start();
    run.wait_for("importing");
    let end = stop(&base, run);
    assert!(end.out().contains("rows until user"), "{}", end.out());
}

#[test]
fn an_idle_worker_that_waits_30_seconds_leaves_at_once() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["idle.py"]).start();
    run.wait_for("waiting");
    let end = stop(&base, run);
    assert!(flag_to_end(&end, 0) < AT_ONCE, "{:?}", end.events);
}

#[test]
fn the_status_of_a_worker_that_raised_is_kept_and_a_later_stop_is_no_error() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["fails.py"]).workers(2).start();
    run.wait_for("worker 0 failed");
    base.call(&["stop", "snake", "--worker", "0"]).expect(0);
    base.call(&["stop", "snake"]).expect(0);
    let end = run.finish();
    end.expect(1).says("a row that nobody can read");
    assert_eq!(end.events.outcomes(), ["by_itself", "flag"]);
    assert_eq!(number(end.events.ended(0), "exit_code"), 1);
}

#[test]
fn one_stop_reaches_all_processes_of_a_program() {
    let Some(python) = python() else { return };
    for method in METHODS {
        let base = Base::new();
        let run = worker(&base, &python, &["many_processes.py", method]).start();
        run.wait_for_each("works", 4);
        let end = stop(&base, run);
        assert!(end.out().contains("exit codes: 0 0 0 0"), "{}", end.out());
    }
}

#[test]
fn one_stop_reaches_all_workers() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["loop.py"]).workers(4).start();
    run.wait_for_each("working", 4);
    stop(&base, run);
}

#[test]
fn each_worker_can_be_stopped_separately() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["separately.py"])
        .workers(3)
        .start();
    run.wait_for_each("has the shards", 3);
    base.call(&["stop", "snake", "--worker", "1"]).expect(0);
    run.wait_for("worker 1 left before shard");
    let left = |line: &crate::support::transcript::Line| line.text.contains("left before shard");
    assert_eq!(run.so_far().into_iter().filter(left).count(), 1);
    let end = stop(&base, run);
    assert_eq!(end.out().matches("left before shard").count(), 3);
}

#[test]
fn g6_tasks_of_a_pool_stop_in_the_middle_and_return_what_they_have() {
    let Some(python) = python() else { return };
    for method in METHODS {
        let base = Base::new();
        let run = worker(&base, &python, &["pool.py", method]).start();
        run.wait_for_each("begins", 2);
        let end = stop(&base, run);
        let out = end.out();
        assert!(
            out.contains("6 results, partial: True"),
            "G6 {method}: {out}"
        );
        let took = flag_to_end(&end, 0);
        assert!(took < AT_ONCE, "G6 {method}: {took:?}");
    }
}

#[test]
fn asyncio_cancels_its_tasks_and_waits_for_them() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["asyncio_worker.py"]).start();
    run.wait_for("serving");
    let end = stop(&base, run);
    assert_eq!(end.out().matches("cleaned up").count(), 2, "{}", end.out());
}

#[test]
fn a_long_call_into_c_is_interrupted() {
    let Some(python) = with("sqlite3") else {
        return;
    };
    let base = Base::new();
    let run = worker(&base, &python, &["long_query.py"]).start();
    run.wait_for("asking");
    let end = stop(&base, run);
    assert!(end.out().contains("the query ended"), "{}", end.out());
}

#[test]
fn pytest_stops_between_two_tests_with_its_fixtures_torn_down() {
    let Some(python) = with("pytest") else { return };
    let base = Base::new();
    let tests = example("test_between.py");
    let module = ["-m", "pytest", "-s", "-p", "stopctl_pytest"];
    let mut command = vec![python.as_str()];
    command.extend(module);
    command.extend(["-p", "no:cacheprovider", &tests]);
    let run = with_client(base.scenario().name("snake").command(&command)).start();
    run.wait_for("test 0 runs");
    base.call(&["stop", "snake"]).expect(0);
    let end = run.finish();
    // Its status for an interruption.
    end.expect(2);
    let out = end.out();
    for told in [
        "test 0 is finished",
        "table dropped",
        "database down",
        "1 passed",
    ] {
        assert!(out.contains(told), "{told}:\n{out}");
    }
    assert!(!out.contains("test 1 runs"), "{out}");
    assert!(out.contains("a stop was asked for (user)"), "{out}");
}

#[test]
fn a_loop_of_its_own_waits_for_the_descriptor() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["selecting.py"]).start();
    run.wait_for("serving");
    let end = stop(&base, run);
    assert!(flag_to_end(&end, 0) < AT_ONCE, "{:?}", end.events);
    assert!(end.out().contains("because of user"), "{}", end.out());
}

#[test]
fn make_does_not_take_a_part_for_the_whole() {
    let Some(python) = python() else { return };
    if lacks(Need::Program("make")) {
        return;
    }
    let base = Base::new();
    let table = || fs::read_to_string(base.file("table")).unwrap_or_default();
    let rule = format!(
        ".DELETE_ON_ERROR:\ntable:\n\t{python} {} $(ROWS) >$@\n",
        example("whole.py")
    );
    fs::write(base.file("Makefile"), rule).expect("a Makefile");
    let make = |rows| {
        let command = ["make", rows];
        with_client(base.scenario().name("snake").command(&command)).start()
    };
    let run = make("ROWS=1000000");
    until("a part is written", || !table().is_empty());
    base.call(&["stop", "snake"]).expect(0);
    // make's own status: its rule failed.
    run.finish().expect(2).says("Error 75");
    assert_eq!(table(), "");
    make("ROWS=10").finish().expect(0);
    assert_eq!(table().lines().count(), 10);
}

#[test]
fn g4_a_waiter_that_was_killed_keeps_nobody_from_stopping() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let run = worker(&base, &python, &["idle.py"]).workers(4).start();
    let waiting = run.wait_for_each("waiting pid=", 4);
    let victim = i32::try_from(waiting[0].number("pid=")).expect("a pid");
    send(victim, Signal::SIGKILL);
    run.wait_for("SIGKILL");
    let asked = Instant::now();
    base.call(&["stop", "snake", "--no-wait"]).expect(0);
    assert!(asked.elapsed() < AT_ONCE, "G4: stop hangs");
    let end = run.finish();
    end.expect(137);
    let mut outcomes = end.events.outcomes();
    outcomes.sort();
    assert_eq!(outcomes, ["by_others", "flag", "flag", "flag"], "G4");
}

#[test]
fn g5_a_handler_of_sigterm_that_sets_the_flag_never_hangs() {
    let Some(python) = python() else { return };
    let base = Base::new();
    // Blind to the file, so that only its own handler lets it leave when SIGTERM comes.
    let script = "
import signal, stopctl
stop = stopctl.flag()
stop.also_on(signal.SIGTERM)
print('ready', flush=True)
while stop.reason != 'term':
    stop.wait(0.001)
print('left', flush=True)
";
    // An outside SIGTERM to each worker, in the middle of what wait() does.
    for _ in 0..3 {
        let command = [python.as_str(), "-c", script];
        let scenario = with_client(base.scenario().name("snake").command(&command));
        let run = scenario.workers(12).start();
        run.wait_for_each("ready", 12);
        for started in run.events_so_far().of("worker_started") {
            send(
                i32::try_from(number(started, "pid")).expect("a pid"),
                Signal::SIGTERM,
            );
        }
        run.wait_for_each("left", 12);
        run.finish().expect(0);
    }
}

#[test]
fn a_waiting_worker_leaves_when_its_supervisor_is_killed() {
    let Some(python) = python() else { return };
    for (example, begun) in [("idle.py", "waiting"), ("selecting.py", "serving")] {
        leaves_when_its_supervisor_is_killed(&python, example, begun);
    }
}

fn leaves_when_its_supervisor_is_killed(python: &str, example: &str, begun: &str) {
    let mut base = Base::new();
    // What a dead supervisor leaves is not this test's matter.
    base.leaves_something();
    let scenario = worker(&base, python, &[example]).without_events();
    // By itself, with nobody left who could raise its flag.
    let run = scenario.options(&["--no-guard"]).start();
    run.wait_for(begun);
    let killed = run.signal(Signal::SIGKILL);
    let left = run.wait_for("left, because of lost");
    let took = left.at - killed;
    assert!(took < AT_ONCE, "{took:?}");
    run.finish().expect_signal(9);
}
