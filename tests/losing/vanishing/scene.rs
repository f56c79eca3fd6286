//! What the tests of this file have in common: clients that wait.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::base::Base;
use crate::support::examples;
use crate::support::need::{Need, lacks};
use crate::support::python;
use crate::support::scenario::Scenario;
use crate::support::started::Started;
use crate::support::until::until;

/// What was deleted is put back within this time.
pub(crate) const PUT_BACK: Duration = Duration::from_secs(1);

/// Upper bounds are for a busy machine; lower bounds are promises and exact.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// A client of `tests/languages/conformance` as a worker: it waits for its flag, and tells what that says.
const WAITS: &str = r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
    exec "$@" <<'.'
supervised
wait 60000
look
request
.
"#;

/// The clients in Rust, C and Python, as far as this machine can build and run them.
pub(crate) fn clients(base: &Base) -> Vec<(&'static str, Vec<String>)> {
    let source = |path: &str| format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let mut clients = vec![("rust", vec![examples::probe().display().to_string()])];
    if !lacks(Need::Program("cc")) {
        let built = base.file("probe").display().to_string();
        let compiler = Command::new("cc")
            .args(["-O2", "-I", &source("clients/c"), "-o", &built])
            .arg(source("tests/languages/conformance/probe.c"))
            .status();
        assert!(compiler.expect("a C compiler").success());
        clients.push(("c", vec![built]));
    }
    if let Some(python) = python::python() {
        let probe = source("tests/languages/conformance/probe.py");
        clients.push(("python", vec![python, "-B".into(), probe]));
    }
    clients
}

/// A run `name` of one such client; its pid once it sleeps on its flag.
pub(crate) fn waiting(scenario: Scenario<'_>, name: &str, client: &[String]) -> (Started, i32) {
    let mut command = vec!["/bin/sh", "-c", WAITS, "sh"];
    command.extend(client.iter().map(String::as_str));
    let run = scenario.name(name).command(&command).start();
    let pid = run.ready(1)[0];
    run.wait_for("yes");
    until("it sleeps on its flag", || is_on_futex(pid));
    (run, pid)
}

fn is_on_futex(pid: i32) -> bool {
    let place = fs::read_to_string(format!("/proc/{pid}/wchan"));
    place.is_ok_and(|place| place.contains("futex"))
}

/// The path of a worker's flag.
pub(crate) fn flag(base: &Base, run: &str, worker: usize) -> PathBuf {
    flag_in(&base.runs().join(run), worker).expect("a flag")
}

fn flag_in(directory: &Path, worker: usize) -> Option<PathBuf> {
    let start = format!("{worker}.");
    let mut entries = fs::read_dir(directory).ok()?.flatten();
    let found = entries.find(|entry| entry.file_name().to_string_lossy().starts_with(&start));
    Some(found?.path())
}

/// Waits until a run has all its files again; how long that took.
#[track_caller]
pub(crate) fn put_back(run: &Started, directory: &Path, since: Instant) {
    // Said when all of it is there.
    run.wait_for("put back");
    let took = since.elapsed();
    for name in ["owner", "control", "record"] {
        assert!(directory.join(name).exists(), "{name} is not put back");
    }
    assert!(flag_in(directory, 0).is_some(), "the flag is not put back");
    assert!(took < PUT_BACK + BUSY, "put back after {took:?}");
}

/// Has a shell do something to the flag `$1`.
#[track_caller]
pub(crate) fn scribble(base: &Base, flag: &Path, script: &str) {
    let flag = flag.display();
    // Root may write to it at once, and its owner then.
    let script = format!("set -- {flag}; chmod u+w $1 && {script} && chmod u-w $1");
    base.sh(&script).expect(0);
}

/// What an open flag says.
pub(crate) fn text(file: &fs::File) -> String {
    let mut bytes = [b'\n'; 64];
    let _ = std::os::unix::fs::FileExt::read_at(file, &mut bytes, 0);
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
