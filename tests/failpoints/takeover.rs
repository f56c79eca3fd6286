//! Row C20: whoever takes over dies at each step, too.

use std::path::Path;

use crate::killed::{NAME, check, each};
use crate::support::base::Base;
use crate::support::started::Ended;
use crate::{MARGIN, VARIABLE, lines_of, orphaned, points, scenario, stop};

/// The number of the point at which the last worker has just been started.
fn all_started(points: &[String]) -> usize {
    let noted = (1..)
        .zip(points)
        .filter(|(_, name)| *name == "worker noted");
    noted.last().expect("workers were started").0
}

#[test]
fn c20_supervisor_and_guard_die_at_each_step_of_the_takeover() {
    let died = all_started(&points(true));
    let supervisor = format!("supervisor:kill:{died}");
    let mut base = Base::new();
    base.leaves_something();
    let file = base.file("points");
    scenario(&base, true)
        .environment(
            VARIABLE,
            format!("{supervisor},guard:list:{}", file.display()),
        )
        .start()
        .finish();
    let listed = lines_of(&file);
    each(
        &deaths(&listed),
        |death| format!("guard: {death:?}"),
        |(action, at, _)| {
            let mut base = Base::new();
            base.leaves_something();
            let run = scenario(&base, true)
                .environment(VARIABLE, format!("{supervisor},guard:{action}:{at}"))
                .start();
            run.wait_for_exit();
            stop(&base);
            check(&base, &run.finish().lines);
        },
    );
}

#[test]
fn c20_who_takes_over_dies_at_each_step_and_the_next_stop_completes() {
    let died = all_started(&points(false));
    let listed = taken(died, |file| format!("taker:list:{}", file.display()));
    each(
        &deaths(&listed),
        |death| format!("taker: {death:?}"),
        |(action, at, _)| {
            taken(died, |_| format!("taker:{action}:{at}"));
        },
    );
}

/// Every point at which a process is killed, and some at which it panics.
fn deaths(points: &[String]) -> Vec<(&str, usize, &str)> {
    let numbers = 1..=points.len() + MARGIN;
    let name = |at: usize| points.get(at - 1).map_or("the end", String::as_str);
    let killed = numbers.clone().map(|at| ("kill", at, name(at)));
    let panics = numbers.step_by(6).map(|at| ("panic", at, name(at)));
    killed.chain(panics).collect()
}

/// A supervisor dies, a stop takes over with this setting, and another stop ends the run.
fn taken(died: usize, setting: impl Fn(&Path) -> String) -> Vec<String> {
    let mut base = Base::new();
    base.leaves_something();
    let file = base.file("points");
    let run = orphaned(&base, died);
    let mut first = base.stopctl(&["stop", "--no-wait", NAME]);
    first.env(VARIABLE, setting(&file));
    // Without waiting for the end, but until somebody has it: where each taker dies too early it says
    // so.
    let asked = base.answer(first).ended;
    assert!(
        [Ended::Code(0), Ended::Code(1)].contains(&asked),
        "{asked:?}"
    );
    stop(&base);
    check(&base, &run.finish().lines);
    lines_of(&file)
}

#[test]
fn c20_a_stop_gives_up_when_everybody_dies_who_takes_over() {
    let mut base = Base::new();
    base.leaves_something();
    let run = orphaned(&base, all_started(&points(false)));
    let mut first = base.stopctl(&["stop", NAME]);
    first.env(VARIABLE, "taker:kill:6");
    base.answer(first)
        .expect(1)
        .says("cannot be taken over: whatever does so is killed");
    stop(&base);
    check(&base, &run.finish().lines);
}
