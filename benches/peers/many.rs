//! Many workers: started, asked, gone.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Extent;
use crate::machine::Machine;
use crate::scene::{Scene, command, now};
use crate::short::nanoseconds;
use crate::table::{Table, middle};

/// Of how many workers a run is in the measurements of growth.
const GROWTH: [u32; 5] = [100, 1000, 2000, 5000, 10_000];
/// How many die at once.
const DEATHS: u32 = 2000;

/// What one run cost, in milliseconds.
#[derive(Clone, Copy, Default)]
struct Life {
    /// Until all workers were in main.
    start: f64,
    /// From SIGTERM to the supervisor until the last worker was awake.
    awake: f64,
    /// From SIGTERM to the supervisor until nobody was left.
    over: f64,
}

fn live(words: &[String], workers: u32, machine: &Machine) -> Life {
    let begun = now();
    let mut scene = Scene::start(words, &machine.place);
    let ready = scene.next(workers);
    let started = ready.iter().map(|told| told.at).max().unwrap_or(begun);
    // What follows a start is over when all of them sleep.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let asked = now();
    scene.signal(Signal::SIGTERM);
    let (told, over) = scene.end();
    let awake = told.iter().map(|told| told.at).max();
    Life {
        start: milliseconds(begun, started),
        awake: milliseconds(asked, awake.unwrap_or(asked)),
        over: milliseconds(asked, over),
    }
}

fn milliseconds(from: u64, to: u64) -> f64 {
    nanoseconds(to.saturating_sub(from)) / 1e6
}

pub(crate) fn measure(machine: &Machine, extent: &Extent, table: &mut Table) {
    let mut growth = Vec::new();
    let sizes = [1, 10].into_iter().chain(GROWTH);
    for workers in sizes.filter(|&workers| workers <= extent.most) {
        let lives = lives(machine, (extent.rounds)(workers), workers);
        let [floor, timeout, ours] = &lives;
        let of =
            |lives: &[Life], part: fn(&Life) -> f64| lives.iter().map(part).collect::<Vec<_>>();
        let mut row = |what: &str, part: fn(&Life) -> f64, (name, to): (&str, &[Life]), goal| {
            let (ours, to) = (of(ours, part), of(to, part));
            let what = format!("{what}, {workers}");
            table.row(&what, ("stopctl", "ms"), &ours, (name, &to), goal);
        };
        let floor = ("C floor", &floor[..]);
        if workers >= 100 {
            row("start", |life| life.start, floor, Some(1.3));
        }
        if workers <= 1000 {
            row("last awake", |life| life.awake, floor, Some(1.3));
        }
        row(
            "SIGTERM to the end",
            |life| life.over,
            ("GNU timeout", timeout),
            Some(1.3),
        );
        if GROWTH.contains(&workers) {
            let median = |part: fn(&Life) -> f64| middle(&of(ours, part)).1;
            growth.push((workers, median(|life| life.start), median(|life| life.over)));
        }
    }
    for (workers, start, over) in &growth {
        let each = |all: &f64| all * 1e3 / f64::from(*workers);
        table.count(
            &format!("start of one of {workers}"),
            ("stopctl", "µs"),
            each(start),
            None,
        );
        table.count(
            &format!("end of one of {workers}"),
            ("stopctl", "µs"),
            each(over),
            None,
        );
    }
    let starts = growth.iter().map(|&(workers, start, _)| (workers, start));
    table.count(
        "start, exponent of N",
        ("stopctl", ""),
        exponent(starts),
        Some(1.0),
    );
    let ends = growth.iter().map(|&(workers, _, over)| (workers, over));
    table.count(
        "end, exponent of N",
        ("stopctl", ""),
        exponent(ends),
        Some(1.0),
    );
    stops(machine, extent, table);
    deaths(machine, extent, table);
}

/// The floor, GNU timeout and we, in turns.
fn lives(machine: &Machine, rounds: usize, workers: u32) -> [Vec<Life>; 3] {
    let programs = [
        machine.serve(workers, "worker"),
        machine.timeout(workers),
        machine.run("many", workers, "worker"),
    ];
    let mut lives = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (words, lives) in programs.iter().zip(&mut lives) {
            lives.push(live(words, workers, machine));
        }
    }
    lives
}

/// The power of N with which a cost grows: the slope of the line through the logarithms.
fn exponent(costs: impl Iterator<Item = (u32, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = costs
        .map(|(workers, cost)| (f64::from(workers).ln(), cost.ln()))
        .collect();
    let count = nanoseconds(points.len() as u64);
    let mean = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    both / square
}

/// A stop command, until it returned.
fn stops(machine: &Machine, extent: &Extent, table: &mut Table) {
    for workers in [1, 100, 1000] {
        let mut measured = [Vec::new(), Vec::new()];
        for _ in 0..(extent.rounds)(workers) {
            let floor = machine.serve(workers, "worker");
            measured[0].push(stopped(machine, &floor, workers, |pid| {
                vec![machine.floor.clone(), "stop".to_owned(), pid.to_string()]
            }));
            let ours = machine.run("many", workers, "worker");
            measured[1].push(stopped(machine, &ours, workers, |_| {
                [&machine.stopctl, "stop", "-q", "many"]
                    .map(str::to_owned)
                    .to_vec()
            }));
        }
        let what = format!("stop command, {workers}");
        let [floor, ours] = &measured;
        table.row(
            &what,
            ("stopctl", "ms"),
            ours,
            ("C floor", floor),
            Some(1.5),
        );
    }
}

fn stopped(
    machine: &Machine,
    run: &[String],
    workers: u32,
    stop: impl Fn(i32) -> Vec<String>,
) -> f64 {
    let mut scene = Scene::start(run, &machine.place);
    let pids = scene.next(workers);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let begun = now();
    let mut stop = command(&stop(scene.pid()), &machine.place);
    let status = stop.stdout(Stdio::null()).status().expect("a stop command");
    let took = milliseconds(begun, now());
    assert!(status.success(), "{status}");
    let left = pids
        .iter()
        .filter(|told| kill(Pid::from_raw(told.pid), None).is_ok());
    assert_eq!(left.count(), 0, "somebody is left");
    let _ = scene.end();
    took
}

/// Everybody is killed at once, by somebody else: until the supervisor is gone, too.
fn deaths(machine: &Machine, extent: &Extent, table: &mut Table) {
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..(extent.rounds)(DEATHS) {
        let programs = [
            machine.serve(DEATHS, "worker"),
            machine.run("many", DEATHS, "worker"),
        ];
        for (words, measured) in programs.iter().zip(&mut measured) {
            let mut scene = Scene::start(words, &machine.place);
            let workers = scene.next(DEATHS);
            std::thread::sleep(std::time::Duration::from_millis(50));
            let begun = now();
            for worker in &workers {
                kill(Pid::from_raw(worker.pid), Signal::SIGKILL).expect("a worker");
            }
            measured.push(milliseconds(begun, scene.end().1));
        }
    }
    let [floor, ours] = &measured;
    let what = format!("{DEATHS} deaths at once");
    table.row(&what, ("stopctl", "ms"), ours, ("C floor", floor), None);
}
