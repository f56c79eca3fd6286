//! A supervisor that a debugger holds at one of its steps is deposed. Whatever it was about to do, it
//! only reaps when it goes on.

use nix::sys::signal::Signal;

use crate::killed::{NAME, check, check_workers, each};
use crate::support::base::Base;
use crate::support::held::Held;
use crate::support::owner::{named, pid_of_owner};
use crate::support::started::{End, Started, send};
use crate::support::transcript::Lines;
use crate::support::until::until;
use crate::{VARIABLE, is_stopped, points, processes, scenario, stop};

/// A debugger holds it where a failpoint has stopped it; SIGCONT does not help then.
fn held(run: &Started) -> Option<Held> {
    assert!(is_stopped(run));
    Held::seize(run.pid())
}

#[test]
fn k6b_who_is_deposed_at_any_step_of_a_start_starts_nobody_any_more() {
    for guard in [true, false] {
        let points = points(guard);
        let at = |wanted: &str| points.iter().position(|name| name == wanted);
        let first = at("worker started").expect("workers were started");
        let last = points.iter().rposition(|name| name == "worker noted");
        let last = last.expect("workers were started");
        let cases: Vec<usize> = (first + 1..=last + 1).step_by(3).collect();
        let told = |at: &usize| format!("held {at} ({}), guard: {guard}", points[at - 1]);
        each(&cases, told, |at| {
            let mut base = Base::new();
            base.leaves_something();
            let run = scenario(&base, guard)
                .environment(VARIABLE, format!("supervisor:stop:{at}"))
                .start();
            let Some(held) = held(&run) else {
                return;
            };
            stop(&base);
            let started = |lines: &Lines<'_>| {
                let ready = lines.0.iter().filter(|line| line.text.contains("ready"));
                ready.count()
            };
            let before = run.so_far();
            drop(held);
            let lines = run.finish().lines;
            assert_eq!(
                started(&Lines(&before)),
                started(&Lines(&lines)),
                "started after the stop:\n{}",
                Lines(&lines)
            );
            check(&base, &lines);
        });
    }
}

/// A run of two that reads `request` through `control`, and is deposed at the point `at` before it
/// does anything more.
fn deposed_at(at: &str, request: &str) -> Option<(End, String)> {
    let base = Base::new();
    let run = base
        .scenario()
        .name(NAME)
        .workers(2)
        .times("30s", "30s")
        .options(&["-v"])
        .environment(VARIABLE, format!("supervisor:stop:{at}"))
        .zoo(&["polite", "6"])
        .start();
    run.ready(2);
    std::fs::write(base.runs().join(NAME).join("control"), request).expect("control");
    let held = held(&run)?;
    let stop = base.begin(&["stop", NAME]);
    stop.wait_for("taking over");
    run.wait_for_each("left", 2);
    let said = stop.finish();
    said.expect(0);
    check_workers(&base);
    drop(held);
    Some((run.finish_unchecked(), said.err()))
}

#[test]
fn k6c_a_deposed_owner_does_nothing_of_what_it_had_read() {
    for (at, request) in [
        ("request read", "1 stop reason=late\n"),
        ("request read", "1 stop worker=1 reason=late\n"),
        ("stop is latched", "1 stop reason=late\n"),
    ] {
        let Some((end, _)) = deposed_at(at, request) else {
            return;
        };
        let what = format!("{at}, {request:?}:\n{}", Lines(&end.lines));
        let is_latched = at == "stop is latched";
        let asked = end.events.of("stop_requested").len();
        assert_eq!(asked, usize::from(is_latched), "{what}");
        assert!(end.events.of("flag_raised").is_empty(), "{what}");
        assert!(end.events.of("signal_sent").is_empty(), "{what}");
        assert!(!end.out().contains("late"), "{what}");
        end.events.only("deposed");
    }
}

#[test]
fn k6d_what_a_deposed_owner_has_not_seen_it_does_not_tell() {
    let Some((end, told)) = deposed_at("request read", "1 stop reason=late\n") else {
        return;
    };
    end.expect(6);
    assert_eq!(end.events.outcomes(), ["unobserved", "unobserved"]);
    assert!(told.contains("2 not observed"), "{told}");
}

#[test]
fn k6k_a_deposed_owner_tells_of_a_start_before_it_tells_of_the_end() {
    let base = Base::new();
    let run = base
        .scenario()
        .name(NAME)
        .times("30s", "30s")
        .options(&["-v"])
        // It does not know yet that the program runs.
        .environment(VARIABLE, "supervisor:stop:worker noted")
        .zoo(&["polite", "6"])
        .start();
    run.ready(1);
    let Some(held) = held(&run) else {
        return;
    };
    let stop = base.begin(&["stop", NAME]);
    stop.wait_for("taking over");
    run.wait_for_each("left", 1);
    stop.finish().expect(0);
    drop(held);
    let end = run.finish_unchecked();
    end.events.only("worker_started");
    assert_eq!(end.events.outcomes(), ["unobserved"]);
}

#[test]
fn k6e_a_taker_that_stops_between_the_word_and_its_signature_is_continued_or_deposed() {
    for is_held in [false, true] {
        let base = Base::new();
        let run = base
            .scenario()
            .name(NAME)
            .times("10s", "10s")
            .options(&["--no-guard"])
            .zoo(&["polite"])
            .without_events()
            .start();
        run.ready(1);
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        let mut first = base.stopctl(&["stop", "--no-wait", NAME]);
        first.env(VARIABLE, "taker:stop:word taken");
        let first = Started::begin(first, base.root(), None);
        until("it is stopped", || {
            let takers = named(&base, "stopctl-taker");
            takers.iter().any(|&pid| processes::state(pid) == Some('T'))
        });
        let taker = named(&base, "stopctl-taker")[0];
        assert_ne!(pid_of_owner(&base, NAME), Some(taker), "it has not signed");
        let held = is_held.then(|| Held::seize(taker)).flatten();
        let stop = base.call(&["stop", NAME]);
        stop.expect(0).says("is stopped: continuing it");
        assert_eq!(
            stop.err.contains("taking over"),
            held.is_some(),
            "{}",
            stop.err
        );
        drop(held);
        if processes::state(taker) == Some('T') {
            send(taker, Signal::SIGCONT);
        }
        first.finish().expect(0);
        run.finish_unchecked();
    }
}
