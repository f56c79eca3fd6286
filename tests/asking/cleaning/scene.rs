//! What the tests of this file have in common: runs whose supervisor is dead, and what is told of them.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::processes;
use crate::support::started::{Ended, Started, send};
use crate::support::until::until;

/// Kills supervisor and guard, and nobody else. Stopped first, the supervisor cannot replace its
/// guard, and the guard does not see it die.
pub(crate) fn die(run: &Started) {
    run.signal(Signal::SIGSTOP);
    processes::wait_for_state(run.pid(), 'T');
    for child in processes::children(run.pid()) {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        // It has the supervisor's name until it has given itself its own.
        if name.starts_with("stopctl") {
            send(child, Signal::SIGKILL);
            until("the guard is dead", || {
                processes::state(child).is_none_or(|state| state == 'Z')
            });
        }
    }
    run.signal(Signal::SIGKILL);
    assert_eq!(run.wait_for_exit(), Ended::Signal(9));
}

/// A run of one worker, and the pid of that.
pub(crate) fn one_worker(
    base: &Base,
    name: &str,
    habit: &str,
    times: (&str, &str),
) -> (Started, i32) {
    let scenario = base.scenario().name(name).times(times.0, times.1);
    let run = scenario.without_events().zoo(&[habit]).start();
    let pid = run.ready(1)[0];
    (run, pid)
}

pub(crate) fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names
}

/// `status` and `list` say the same of the only run, in words and to programs.
pub(crate) fn told(base: &Base, name: &str, word: &str, words: &str, code: i32) {
    let status = base.call(&["status", name]);
    status.expect(code);
    assert!(status.out.contains(words), "{status:?}");
    let list = base.call(&["list"]);
    assert!(list.expect(0).out.contains(words), "{list:?}");
    for arguments in [&["status", name, "--json"][..], &["list", "--json"]] {
        let run = &base.call(arguments).json()["runs"][0];
        assert_eq!((&run["name"], &run["state"]), (&name.into(), &word.into()));
    }
}
