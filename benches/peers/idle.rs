//! What a run needs while nothing happens: memory, and no turn of a processor.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::Extent;
use crate::machine::Machine;
use crate::scene::Scene;
use crate::short::nanoseconds;
use crate::table::Table;

/// What follows a start is over by then: a guard, a record.
const SETTLES: Duration = Duration::from_millis(500);

/// Of our own, supervisor and guard together, in KiB: with one worker, and with a hundred.
const GOALS: [(u32, Option<f64>); 3] = [(1, Some(1300.0)), (100, Some(3000.0)), (1000, None)];
/// For each further worker.
const EACH: f64 = 16.0;

pub(crate) fn measure(machine: &Machine, extent: &Extent, table: &mut Table) {
    let mut sizes = Vec::new();
    for (workers, goal) in GOALS {
        let programs = [
            ("C floor", machine.serve(workers, "worker"), None),
            ("GNU timeout", machine.timeout(workers), None),
            ("stopctl", machine.run("idle", workers, "worker"), goal),
        ];
        for (name, words, goal) in programs {
            let mut scene = Scene::start(&words, &machine.place);
            let ours = scene
                .next(workers)
                .iter()
                .map(|told| told.pid)
                .collect::<Vec<_>>();
            thread::sleep(SETTLES);
            let supervisors = supervisors(scene.pid(), &ours);
            let shared = shared_memory(&machine.place.join("runs").join("idle"));
            let (own, proportional) = sizes_of(&supervisors);
            let what = format!("USS, {workers}");
            table.count(&what, (name, "KiB"), own + shared, goal);
            if name == "stopctl" {
                let what = format!("PSS, {workers}");
                table.count(&what, (name, "KiB"), proportional + shared, None);
                sizes.push((workers, own + shared));
            }
            if name != "GNU timeout" {
                let before = switches(&supervisors);
                thread::sleep(Duration::from_secs(extent.idle));
                let count = nanoseconds(switches(&supervisors) - before);
                let what = format!("idle for {} s, {workers}", extent.idle);
                table.count(
                    &what,
                    (name, "switches"),
                    count,
                    (name == "stopctl").then_some(0.0),
                );
            }
            scene.signal(Signal::SIGTERM);
            let _ = scene.end();
        }
    }
    let [.., (few, small), (many, large)] = sizes[..] else {
        return;
    };
    let each = (large - small) / f64::from(many - few);
    table.count("USS, each further", ("stopctl", "KiB"), each, Some(EACH));
}

/// The process and its children that are not workers: a guard.
fn supervisors(pid: i32, workers: &[i32]) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    let guards = children.filter(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        !workers.contains(pid) && name.trim() != "floor"
    });
    std::iter::once(pid).chain(guards).collect()
}

/// USS and PSS in KiB (`proc_pid_smaps(5)`). What the two share with each other alone is in the
/// second only.
fn sizes_of(processes: &[i32]) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for pid in processes {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let sum = |names: &[&str]| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let found = lines.filter(|(name, _)| names.contains(name));
            let sizes =
                found.filter_map(|(_, size)| size.split_whitespace().next()?.parse::<f64>().ok());
            sizes.sum::<f64>()
        };
        sums.0 += sum(&["Private_Clean", "Private_Dirty", "Private_Hugetlb"]);
        sums.1 += sum(&["Pss"]);
    }
    sums
}

/// The files of a run, in KiB.
fn shared_memory(directory: &std::path::Path) -> f64 {
    use std::os::unix::fs::MetadataExt as _;
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let blocks: u64 = files
        .filter_map(|file| Some(file.metadata().ok()?.blocks()))
        .sum();
    nanoseconds(blocks) / 2.0
}

/// How often they were given a processor.
fn switches(processes: &[i32]) -> u64 {
    let of = |pid: &i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains("ctxt_switches"));
        let counts = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    processes.iter().map(of).sum()
}
