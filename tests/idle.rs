//! While nothing happens, nothing is done.

mod support;

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use support::base::Base;
use support::need::{Need, lacks};
use support::processes;
use support::started::{Started, send};

/// How long the supervisor is watched.
const WATCHED: Duration = Duration::from_secs(10);

#[test]
fn an_idle_supervisor_makes_no_system_call_in_ten_seconds() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("idle")
        .workers(3)
        .zoo(&["blind"])
        .times("0", "100ms")
        .start();
    run.ready(3);
    // What follows a start (a record, a message) is over when it sleeps.
    while processes::state(run.pid()) != Some('S') {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(300));
    let trace = base.file("trace");
    let mut strace = base.command("strace");
    strace
        .args(["-f", "-o"])
        .arg(&trace)
        .args(["-p", &run.pid().to_string()]);
    let strace = Started::begin(strace, base.root(), None);
    strace.wait_for("attached");
    std::thread::sleep(WATCHED);
    send(strace.pid(), Signal::SIGINT);
    strace.finish();
    let seen = fs::read_to_string(&trace).expect("a trace");
    // Attaching shows the call that it sleeps in, once; leaving shows it unfinished.
    let calls = seen.lines().filter(|line| line.contains('(')).count();
    assert!(calls <= 1, "{seen}");
    base.call(&["stop", "idle"]).expect(0);
    run.finish().expect(137);
}
