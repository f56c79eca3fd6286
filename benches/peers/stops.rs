//! A stop command, until it returned: nobody is left then.

use std::process::Stdio;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::extent::Extent;
use crate::goals::STATIC;
use crate::machine::Machine;
use crate::numbers::milliseconds;
use crate::program::{Program, rounds};
use crate::scene::{Scene, command, now};
use crate::table::Table;

const SIZES: [u32; 3] = [1, 100, 1000];

pub(crate) fn measure(machine: &Machine, extent: &Extent, table: &mut Table) {
    for workers in extent.sizes(&SIZES) {
        let programs = [machine.serve(workers), machine.run("stops", workers)];
        let stops = rounds((extent.rounds)(workers), &programs, |program| {
            stopped(machine, program, workers)
        });
        let what = format!("stop command, {workers}");
        table.beside(&what, "ms", &programs, &stops);
    }
}

fn stopped(machine: &Machine, program: &Program, workers: u32) -> f64 {
    let (scene, told) = Scene::settled(program, workers, &machine.place);
    let stop = if program.name == STATIC {
        Program::new(STATIC, &[&machine.stopctl, "stop", "-q", "stops"])
    } else {
        let pid = scene.pid().to_string();
        Program::new(program.name, &[&machine.floor, "stop", &pid])
    };
    let mut stop = command(&stop, &machine.place);
    let begun = now();
    let status = stop.stdout(Stdio::null()).status().expect("a stop command");
    let took = milliseconds(begun, now());
    assert!(status.success(), "{status}");
    let is_left = |pid: i32| kill(Pid::from_raw(pid), None).is_ok();
    assert!(
        !told.iter().any(|told| is_left(told.pid)),
        "somebody is left"
    );
    let _ = scene.end();
    took
}
