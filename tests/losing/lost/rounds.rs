//! The same again and again, at moments that a seed determines. A few rounds by default;
//! `STOPCTL_TEST_ROUNDS` asks for more, `STOPCTL_TEST_SEED` for the same again.

use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::scene::{AT_ONCE, ns, orphan, told};
use super::taken::kill_both;
use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::events::Events;
use crate::support::held::Held;
use crate::support::need::{Need, lacks, rounds};
use crate::support::owner::{self, Flags, guard_of};
use crate::support::processes;
use crate::support::python::{client, example, python};
use crate::support::random::{Lateness, Random, distribution, seed};
use crate::support::started::Started;
use crate::support::until::until;

/// Plays `usual` rounds, `abreast` of them at a time; what each measured.
#[track_caller]
fn play<T: Send>(
    test: &str,
    usual: usize,
    abreast: usize,
    round: impl Fn(&mut Random) -> T + Sync,
) -> Vec<T> {
    let (seed, wanted) = (seed(test), rounds(usual));
    let (next, measured) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= wanted {
                return;
            }
            let play = || round(&mut Random::of_round(seed, number));
            match panic::catch_unwind(AssertUnwindSafe(play)) {
                Ok(value) => measured.lock().expect("nobody panicked").push(value),
                Err(problem) => {
                    // The others end their rounds.
                    next.store(wanted, Ordering::Relaxed);
                    crate::support::random::tell(&format!(
                        "{test}: round {number} of STOPCTL_TEST_SEED={seed} failed"
                    ));
                    panic::resume_unwind(problem);
                }
            }
        }
    };
    thread::scope(|scope| {
        let players: Vec<_> = (0..abreast.min(wanted))
            .map(|_| scope.spawn(worker))
            .collect();
        for player in players {
            if let Err(problem) = player.join() {
                panic::resume_unwind(problem);
            }
        }
    });
    measured.into_inner().expect("nobody panicked")
}

#[test]
fn g1_rounds_of_a_supervisor_that_is_killed_at_any_moment() {
    const NAME: &str = "any";
    let late = Lateness::watched();
    let took = play("g1", 20, 4, |random| {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let grace = Duration::from_millis(30 + random.below(150));
        let workers = 1 + usize::try_from(random.below(4)).expect("few");
        let animals = ["polite", "deaf", "handler", "blind", "slowexit 20"];
        let mut script = String::from("case $STOPCTL_WORKER in\n");
        for worker in 0..workers {
            let animal = random.pick(&animals);
            writeln!(script, "{worker}) exec \"$0\" {animal} ;;").expect("a text");
        }
        let run = base
            .scenario()
            .name(NAME)
            .workers(workers)
            .times(&format!("{}ms", grace.as_millis()), "50ms")
            .options(&["-v"])
            .sh(&(script + "esac"))
            .zoo_as_argument()
            .start();
        let stopped = random.once_in(3);
        if random.once_in(2) {
            run.ready(workers);
        }
        if stopped {
            // Whatever it answers: the run may not have a name yet.
            base.call(&["stop", NAME, "--no-wait"]);
        }
        thread::sleep(random.micros_below(60_000));
        let flags = Flags::of(&base, NAME);
        // Who has said so has a guard. Where it has not been said, there may be one.
        let guarded = !run.events_so_far().of("guard_started").is_empty();
        let down = flags
            .texts()
            .into_values()
            .all(|text| !owner::is_raised(&text));
        let killed = processes::now_ns();
        run.signal(Signal::SIGKILL);
        let mut measured = Vec::new();
        if guarded {
            // Whoever was not born yet has no ladder, and a flag without a deadline.
            let unborn = |text: &String| text.contains(" lost - -");
            for text in flags.wait_until_raised() {
                if unborn(&text) {
                    continue;
                }
                let (reason, deadline) = owner::reason_and_deadline(&text);
                if reason == "lost" && text.starts_with('1') {
                    let took = u64::try_from(deadline - ns(grace) - killed).expect("after it");
                    measured.push(Duration::from_nanos(took));
                } else {
                    // Raised for another reason before; or read when the next rung was used.
                    assert!(stopped || !down || reason == "lost", "{text:?}");
                }
            }
        } else {
            run.wait_for_exit();
            base.call(&["stop", NAME, "--if-running"]).expect(0);
        }
        let end = finish(run);
        if let Some(died) = end.of("supervisor_died").first() {
            assert_eq!(died["event"], "supervisor_died");
        }
        base.clean();
        base.check();
        bystanders.check();
        measured
    });
    let most = distribution(
        "g1: from kill -9 to the raise",
        took.into_iter().flatten().collect(),
    );
    late.within(AT_ONCE, most, "G1: the slowest raise");
}

/// The end of a run whose events may break off with its supervisor.
fn finish(run: Started) -> Events {
    let events = run.events_so_far();
    run.finish_unchecked();
    events
}

#[test]
fn g2_rounds_of_clients_whose_supervisor_and_guard_are_killed_at_once() {
    let (Some(python), false) = (python(), lacks(Need::Program("gcc"))) else {
        return;
    };
    let late = Lateness::watched();
    let tools = Base::new();
    let mut gcc = tools.command("gcc");
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    gcc.args(["-std=c11", "-o", "idle"])
        .arg(clients.join("c/examples/idle.c"))
        .arg(format!("-I{}", clients.join("c").display()));
    tools.answer(gcc).expect(0);
    let took = play("g2", 6, 3, |random| {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let run = base
            .scenario()
            .name("both")
            .without_events()
            .workers(4)
            .options(&["-v"])
            .times("50ms", "50ms")
            .environment("PYTHON", &python)
            .environment("IDLE_PY", example("idle.py"))
            .environment("PYTHONPATH", client())
            .environment("PYTHONDONTWRITEBYTECODE", "1")
            .environment("IDLE_C", tools.file("idle"))
            .sh(r#"case $STOPCTL_WORKER in
                0) exec "$PYTHON" "$IDLE_PY" ;;
                1) exec "$IDLE_C" ;;
                2) exec "$0" waiter ;;
                *) exec "$0" blind ;;
            esac"#)
            .zoo_as_argument()
            .start();
        let guard = guard_of(&run);
        run.wait_for("waiting pid=");
        run.wait_for_each("ready", 3);
        thread::sleep(random.micros_below(50_000));
        let before = std::time::Instant::now();
        kill_both(&run, guard);
        let left = [
            run.wait_for("left, because of lost"),
            run.wait_for("asked to stop"),
            run.wait_for("left, because of lost"),
        ];
        let took: Vec<Duration> = left.iter().map(|line| line.at - before).collect();
        base.call(&["stop", "both"]).expect(0).says("taking over");
        run.finish().expect_signal(9);
        base.check();
        bystanders.check();
        took
    });
    let most = distribution(
        "g2: from kill -9 to the end of a client",
        took.into_iter().flatten().collect(),
    );
    late.within(Duration::from_millis(1200), most, "G2: the slowest client");
}

#[test]
fn g18_rounds_of_a_silent_supervisor_that_is_taken_over_and_comes_back() {
    let abreast = 24;
    play("g18", 12, abreast, |random| {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let run = base
            .scenario()
            .name("silent")
            .workers(2)
            .options(&["-v"])
            // The end comes by the last request, however slow the machine is.
            .times("100ms", "60s")
            .zoo(&["deaf"])
            .start();
        guard_of(&run);
        run.ready(2);
        let Some(held) = Held::seize(run.pid()) else {
            base.call(&["stop", "silent", "--kill"]).expect(0);
            run.finish();
            return;
        };
        let stop = base.begin(&["stop", "silent"]);
        stop.wait_for("taking over");
        // It comes back at any moment: of the ladder of who took over, or of the taking over.
        let raced = random.once_in(3);
        if !raced {
            until("it is taken over", || {
                owner::pid_of_owner(&base, "silent") != Some(run.pid())
            });
        }
        thread::sleep(random.micros_below(150_000));
        drop(held);
        until("it is taken over", || {
            let owner = owner::pid_of_owner(&base, "silent");
            owner.is_some_and(|owner| owner != run.pid())
        });
        // Both live now, and one of them is the owner.
        let owner = owner::pid_of_owner(&base, "silent");
        let takers = owner::named(&base, "stopctl-taker");
        assert_eq!(takers.len(), 1, "G18: {takers:?}");
        assert_eq!(owner, takers.first().copied(), "G18");
        run.wait_for_each("signal 15", 2);
        base.call(&["stop", "silent", "--kill"]).expect(0);
        stop.finish().expect(0).says("silent is over");
        let end = run.finish_unchecked();
        end.expect(137);
        let out = end.out();
        let acts =
            |event: &Value| event["event"] == "flag_raised" || event["event"] == "signal_sent";
        let events = end.events.all();
        let deposed = events.iter().position(|event| event["event"] == "deposed");
        let alone = deposed.filter(|_| raced).unwrap_or(0);
        let late = events[alone..].iter().find(|event| acts(event));
        assert!(late.is_none(), "G18: the old owner acts: {late:?}");
        if !raced {
            assert_eq!(told(&out, 1), 2, "G18: {out}");
            assert_eq!(told(&out, 2), 2, "G18: {out}");
            assert_eq!(out.matches("signal 15").count(), 2, "G18: {out}");
        }
        base.check();
        bystanders.check();
    });
}

#[test]
fn c19_rounds_of_two_who_take_over_at_once() {
    play("c19", 20, 4, |random| {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let scenario = base.scenario().times("300ms", "100ms").zoo(&["deaf"]);
        let (run, _) = orphan(&base, scenario);
        let first = base.begin(&["stop", "orphan"]);
        thread::sleep(random.micros_below(5_000));
        let second = base.begin(&["stop", "orphan"]);
        let answers = [first, second].map(|stop| {
            let end = stop.finish();
            end.expect(0);
            let answer = end.err();
            answer.lines().last().unwrap_or_default().to_owned()
        });
        assert_eq!(answers[0], answers[1], "C19");
        let end = run.finish();
        let out = end.out();
        assert_eq!(told(&out, 1), 1, "C19: {out}");
        assert_eq!(told(&out, 2), 1, "C19: {out}");
        assert_eq!(out.matches("signal 15").count(), 1, "C19: {out}");
        until("the taker has ended", || {
            owner::named(&base, "stopctl-taker").is_empty()
        });
        base.check();
        bystanders.check();
    });
}
