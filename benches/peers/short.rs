//! Wrapping one short command, and the end of a worker.

use std::process::Stdio;

use crate::extent::Extent;
use crate::machine::Machine;
use crate::numbers::milliseconds;
use crate::program::rounds;
use crate::scene::{Scene, command, now};
use crate::table::Table;

pub(crate) fn measure(machine: &mut Machine, extent: &Extent, table: &mut Table) {
    let wrappers = machine.wrappers();

    let times = rounds(extent.short, &wrappers, |wrapper| {
        let mut run = command(&wrapper.with(&["/bin/true"]), &machine.place);
        let since = now();
        let status = run.stdout(Stdio::null()).status();
        let took = milliseconds(since, now());
        assert!(status.expect(wrapper.name).success(), "{}", wrapper.name);
        took
    });
    table.beside("`true`", "ms", &wrappers, &times);

    let ends = rounds(extent.short, &wrappers, |wrapper| {
        let wrapper = wrapper.with(&[&machine.floor, "brief"]);
        let (told, over) = Scene::start(&wrapper, &machine.place).end();
        milliseconds(told[0].at, over) * 1e3
    });
    table.beside("worker's end to ours", "µs", &wrappers, &ends);
}
