//! Everybody is killed at once, by somebody else: until the supervisor is gone, too.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::extent::Extent;
use crate::machine::Machine;
use crate::numbers::milliseconds;
use crate::program::rounds;
use crate::scene::{Scene, now};
use crate::table::Table;

const SIZE: u32 = 1000;

pub(crate) fn measure(machine: &Machine, extent: &Extent, table: &mut Table) {
    let workers = SIZE.min(extent.most);
    let programs = [machine.serve(workers), machine.run("deaths", workers)];
    let deaths = rounds((extent.rounds)(workers), &programs, |program| {
        let (scene, told) = Scene::settled(program, workers, &machine.place);
        let begun = now();
        for worker in &told {
            kill(Pid::from_raw(worker.pid), Signal::SIGKILL).expect("a worker");
        }
        milliseconds(begun, scene.end().1)
    });
    let what = format!("deaths at once, {workers}");
    table.beside(&what, "ms", &programs, &deaths);
}
