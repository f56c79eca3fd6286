//! The memory that a run needs of its own: supervisor and guard, and the files of the run.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::extent::Extent;
use crate::goals::STATIC;
use crate::machine::Machine;
use crate::managers;
use crate::numbers::float;
use crate::processes::{sum, supervisors};
use crate::program::Program;
use crate::scene::Scene;
use crate::table::Table;

const SIZES: [u32; 3] = [1, 100, 1000];
/// A guard is there by then.
const GUARDED: Duration = Duration::from_millis(500);

pub(crate) fn measure(machine: &mut Machine, extent: &Extent, table: &mut Table) {
    let mut ours = Vec::new();
    for workers in extent.sizes(&SIZES) {
        let mut programs = vec![
            machine.serve(workers),
            machine.timeout(workers),
            machine.run("memory", workers),
        ];
        if managers::SIZES.contains(&workers) {
            programs.extend(managers::found(machine, workers));
        }
        for program in programs {
            let size = uss(&program, workers, &machine.place);
            table.count(&format!("USS, {workers}"), "KiB", program.name, size);
            if program.name == STATIC {
                ours.push((workers, size));
            }
        }
    }
    if let [.., (few, small), (many, large)] = ours[..] {
        let each = (large - small) / f64::from(many - few);
        table.count("USS, each further", "KiB", STATIC, each);
    }
}

/// What nobody else maps (`proc_pid_smaps(5)`), and the files of the run, in KiB. One program is
/// measured at a time: a page of its file that two of them map would be nobody's own.
fn uss(program: &Program, workers: u32, place: &Path) -> f64 {
    let (scene, told) = Scene::settled(program, workers, place);
    thread::sleep(GUARDED);
    let pids: Vec<i32> = told.iter().map(|told| told.pid).collect();
    let processes = supervisors(scene.pid(), &pids);
    let own = ["Private_Clean", "Private_Dirty", "Private_Hugetlb"];
    let size = sum(&processes, "smaps_rollup", &own);
    let files = fs::read_dir(place.join("runs/memory"));
    let files = files.into_iter().flatten().flatten();
    let blocks = files.filter_map(|file| Some(file.metadata().ok()?.blocks()));
    let blocks: u64 = blocks.sum();
    scene.signal(program.stop);
    let _ = scene.end();
    float(size) + float(blocks) / 2.0
}
