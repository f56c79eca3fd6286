//! While nothing happens, nothing is done.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::owner::guard_of;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// How long the supervisor is watched.
const WATCHED: Duration = Duration::from_secs(10);

/// Whether it sleeps in ppoll(2) with no timeout, its third argument: proc(5), `/proc/pid/syscall`.
fn sleeps_without_end(pid: i32) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let words: Vec<&str> = call.split(' ').collect();
    words[0] == libc::SYS_ppoll.to_string() && words.get(3) == Some(&"0x0")
}

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
        .options(&["-v"])
        .zoo(&["blind"])
        .times("0", "100ms")
        .start();
    run.ready(3);
    guard_of(&run);
    // What follows a start (a record, a message, a look at its directory) is over then.
    until("it sleeps without end", || sleeps_without_end(run.pid()));
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
