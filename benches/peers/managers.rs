//! Supervisors of services, set up to keep as many workers as others have: s6, runit, supervisord.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::machine::Machine;
use crate::program::Program;

/// Of how many workers they are measured: a thousand take them ten seconds and more.
pub(crate) const SIZES: [u32; 2] = [1, 100];

/// Those that are on this machine, for `workers` workers that know of no flag.
pub(crate) fn found(machine: &mut Machine, workers: u32) -> Vec<Program> {
    let mut found = Vec::new();
    if machine.has("s6-svscan") {
        let services = services(machine, "s6", workers);
        found.push(Program::new("s6", &["s6-svscan", &services]));
    }
    if machine.has("runsvdir") {
        let services = services(machine, "runit", workers);
        let mut runit = Program::new("runit", &["runsvdir", &services]);
        // On SIGTERM it ends alone, and leaves its services behind.
        runit.stop = Signal::SIGHUP;
        found.push(runit);
    }
    if machine.has("supervisord") {
        let settings = supervisord(machine, workers);
        let supervisord = Program::new("supervisord", &["supervisord", "-c"]);
        found.push(supervisord.with(&[&settings]));
    }
    found
}

/// A directory for each worker, with a script that becomes it: s6 and runit read the same.
fn services(machine: &Machine, name: &str, workers: u32) -> String {
    let all = clean(&machine.place.join(format!("{name}-{workers}")));
    let script = format!("#!/bin/sh\nexec {} plain\n", machine.floor);
    for worker in 0..workers {
        let run = all.join(worker.to_string()).join("run");
        fs::create_dir(run.parent().expect("a service")).expect("a service");
        fs::write(&run, &script).expect("a script");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).expect("a script");
    }
    all.display().to_string()
}

/// Settings in which supervisord passes on what workers write, and writes nothing itself.
fn supervisord(machine: &Machine, workers: u32) -> String {
    let place = clean(&machine.place.join(format!("supervisord-{workers}")));
    let settings = format!(
        "[supervisord]\nnodaemon=true\nsilent=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n\
         pidfile={}/pid\n[program:worker]\ncommand={} plain\nnumprocs={workers}\n\
         process_name=%(process_num)d\nstartsecs=0\nstdout_logfile=/dev/stdout\n\
         stdout_logfile_maxbytes=0\n",
        place.display(),
        machine.floor,
    );
    let file = place.join("conf");
    fs::write(&file, settings).expect("settings");
    file.display().to_string()
}

/// A new directory, with nothing in it of a run before.
fn clean(directory: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).expect("a directory");
    directory.to_owned()
}
