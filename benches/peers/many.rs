//! Many workers: started, awake, gone.

use std::path::Path;

use crate::extent::Extent;
use crate::goals::STATIC;
use crate::machine::Machine;
use crate::managers;
use crate::numbers::{Spread, exponent, milliseconds};
use crate::program::{Program, rounds};
use crate::scene::{Scene, now};
use crate::table::Table;

const SIZES: [u32; 5] = [1, 10, 100, 1000, 10_000];
/// From here on, growth is that of the workers, and not of what a run costs by itself.
const GROWS: u32 = 100;
/// With more there is no goal for a stop.
const STOPS: u32 = 1000;

/// What one run cost, in milliseconds.
struct Life {
    /// Until all workers were in main.
    start: f64,
    /// From the stop until the last worker was awake.
    awake: f64,
    /// From the stop until nobody was left.
    over: f64,
}

pub(crate) fn measure(machine: &mut Machine, extent: &Extent, table: &mut Table) {
    let mut growth = [("C floor", Vec::new()), (STATIC, Vec::new())];
    for workers in extent.sizes(&SIZES) {
        let asking = [machine.serve(workers), machine.run("many", workers)];
        let mut programs = asking.to_vec();
        if workers <= STOPS {
            programs.push(machine.timeout(workers));
        }
        let place = &machine.place;
        let lives = lives(&programs, (extent.rounds)(workers), workers, place);
        tell(table, workers, &programs, &lives);
        if workers <= STOPS {
            let awake = parts(&lives[..asking.len()], |life| life.awake);
            table.beside(&format!("last awake, {workers}"), "ms", &asking, &awake);
        }
        if workers >= GROWS {
            let starts = parts(&lives, |life| life.start);
            for ((_, points), starts) in growth.iter_mut().zip(&starts) {
                points.push((workers, Spread::of(starts).median));
            }
        }
        if managers::SIZES.contains(&workers) {
            beside_managers(machine, extent, workers, table);
        }
    }
    for (name, points) in growth {
        if points.len() > 1 {
            table.count("start, exponent of N", "", name, exponent(&points));
        }
    }
}

fn beside_managers(machine: &mut Machine, extent: &Extent, workers: u32, table: &mut Table) {
    let mut programs = vec![machine.serve(workers)];
    programs.extend(managers::found(machine, workers));
    let lives = lives(&programs, extent.managers, workers, &machine.place);
    tell(table, workers, &programs, &lives);
}

/// What every program has: a start and an end.
fn tell(table: &mut Table, workers: u32, programs: &[Program], lives: &[Vec<Life>]) {
    let starts = parts(lives, |life| life.start);
    table.beside(&format!("start, {workers}"), "ms", programs, &starts);
    let ends = parts(lives, |life| life.over);
    let what = format!("SIGTERM to the end, {workers}");
    table.beside(&what, "ms", programs, &ends);
}

fn parts(lives: &[Vec<Life>], part: fn(&Life) -> f64) -> Vec<Vec<f64>> {
    let each = lives.iter().map(|lives| lives.iter().map(part).collect());
    each.collect()
}

fn lives(programs: &[Program], count: usize, workers: u32, place: &Path) -> Vec<Vec<Life>> {
    rounds(count, programs, |program| {
        let begun = now();
        let (scene, ready) = Scene::settled(program, workers, place);
        let started = ready.iter().map(|told| told.at).max();
        let asked = now();
        scene.signal(program.stop);
        let (told, over) = scene.end();
        let awake = told.iter().map(|told| told.at).max();
        Life {
            start: milliseconds(begun, started.unwrap_or(begun)),
            awake: milliseconds(asked, awake.unwrap_or(asked)),
            over: milliseconds(asked, over),
        }
    })
}
