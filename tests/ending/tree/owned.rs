//! Those who belong to another user.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::processes;
use crate::support::started::{Ended, send};

/// Runs the script as nobody in two workers: one of `processes` has become root, and stays.
fn one_of_them_becomes_root(row: &str, script: &str, processes: usize) {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let mut base = Base::below("/var/tmp").for_every_user();
    base.leaves_something();
    let home = tempfile::Builder::new()
        .tempdir_in("/dev/shm")
        .expect("a directory");
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).expect("chown");
    let run = base
        .scenario()
        .name("foreign")
        .without_events()
        .workers(2)
        .environment("STOPCTL_DIR", home.path().join("runs"))
        .environment("FOREIGN", base.set_uid_zoo())
        .times("100ms", "100ms")
        .through(r#"exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@""#)
        .stdin(Stdio::null())
        .sh(script)
        .zoo_as_argument()
        .start();
    let lines = run.wait_for_each("ready", processes);
    let pids = lines
        .iter()
        .map(|line| i32::try_from(line.number("pid=")).expect("a pid"));
    let pids: Vec<i32> = pids.collect();
    run.signal(Signal::SIGTERM);
    let said = run.wait_for("is still there after SIGKILL");
    let status = run.wait_for_exit();
    let left: Vec<i32> = pids
        .into_iter()
        .filter(|&pid| !matches!(processes::state(pid), None | Some('Z')))
        .collect();
    for &pid in &left {
        send(pid, Signal::SIGKILL);
    }
    run.finish();
    assert_eq!(status, Ended::Code(120), "{row}: {said:?}");
    assert_eq!(left.len(), 1, "{row}: {said:?}");
    let named = format!("pid {} (", left[0]);
    assert!(said.text.contains(&named), "{row}: {said:?}");
    assert!(said.text.contains(", uid 0, state "), "{row}: {said:?}");
}

#[test]
fn d9_a_worker_that_became_another_user_is_named_and_the_others_are_ended() {
    let script = r#"[ "$STOPCTL_WORKER" = 1 ] && exec "$0" blind; exec "$FOREIGN" foreigner"#;
    one_of_them_becomes_root("D9", script, 2);
}

#[test]
fn d10_who_became_another_user_in_a_group_is_named_and_the_others_are_ended() {
    let script = r#"[ "$STOPCTL_WORKER" = 1 ] || "$FOREIGN" foreigner & exec "$0" blind"#;
    one_of_them_becomes_root("D10", script, 3);
}

#[test]
fn d11_sudo_is_ended_by_a_stopctl_that_runs_as_root() {
    if lacks(Need::Root) || lacks(Need::Program("sudo")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("sudo")
        .times("0", "5s")
        .options(&["-q"])
        .command(&[
            "sudo",
            "-n",
            "-u",
            "nobody",
            "sh",
            "-c",
            "echo ready; exec sleep 1000",
        ])
        .start();
    run.wait_for("ready");
    base.call(&["stop", "sudo"]).expect(0);
    let end = run.finish();
    assert_ne!(end.ended, Ended::Code(120), "D11");
    assert!(
        !end.events.signals(0).contains(&"SIGKILL".into()),
        "D11: {:#?}",
        end.events
    );
}
