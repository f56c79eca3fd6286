//! How often a run is given a processor while nothing happens. Whoever does a system call has been
//! given one: 0 means that nothing at all is done.

use std::thread;
use std::time::Duration;

use crate::extent::Extent;
use crate::machine::Machine;
use crate::managers;
use crate::numbers::float;
use crate::processes::{sum, supervisors};
use crate::scene::Scene;
use crate::table::Table;

const SIZES: [u32; 3] = [1, 100, 1000];
/// What follows a start is over by then: guards, records.
const SETTLES: Duration = Duration::from_secs(1);
const SWITCHES: [&str; 2] = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];

/// All of them are watched at the same time: who does nothing disturbs nobody.
pub(crate) fn measure(machine: &mut Machine, extent: &Extent, table: &mut Table) {
    let mut watched = Vec::new();
    for workers in extent.sizes(&SIZES) {
        let name = format!("idle-{workers}");
        let mut programs = vec![machine.serve(workers), machine.run(&name, workers)];
        if workers == 1 {
            programs.extend(managers::found(machine, workers));
        }
        for program in programs {
            let (scene, told) = Scene::settled(&program, workers, &machine.place);
            let pids: Vec<i32> = told.iter().map(|told| told.pid).collect();
            watched.push((program, workers, scene, pids));
        }
    }
    thread::sleep(SETTLES);
    let switches = |scene: &Scene, pids: &[i32]| {
        let processes = supervisors(scene.pid(), pids);
        sum(&processes, "status", &SWITCHES)
    };
    let before = watched
        .iter()
        .map(|(_, _, scene, pids)| switches(scene, pids))
        .collect::<Vec<_>>();
    thread::sleep(Duration::from_secs(extent.idle));
    for ((program, workers, scene, pids), before) in watched.into_iter().zip(before) {
        let count = switches(&scene, &pids) - before;
        let what = format!("switches while idle, {workers}");
        table.count(&what, "", program.name, float(count));
        scene.signal(program.stop);
        let _ = scene.end();
    }
}
