//! Control groups: where they are made, where not, and that none is left.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::modes::{Group, Mode, group_of, own};
use crate::support::base::Base;
use crate::support::need::{Need, lacks, missing};
use crate::support::owner::guard_of;
use crate::support::processes;
use crate::support::python::python;
use crate::support::started::send;

/// As systemd marks a unit with Delegate=yes.
fn mark(group: &Path, name: &str) -> bool {
    let Some(python) = python() else {
        return false;
    };
    let script = "import os, sys; os.setxattr(sys.argv[1], sys.argv[2], b'1')";
    let mut command = std::process::Command::new(python);
    command.args(["-c", script]).arg(group).arg(name);
    command.status().expect("python").success()
}

const SHOW: &str = r#"grep ^0:: /proc/self/cgroup; exec "$0" polite"#;

#[test]
fn n8_a_delegated_group_is_used_and_one_of_root_alone_is_not() {
    if Mode::Cgroup.is_missing() {
        return;
    }
    for mark_as in [None, Some("user.delegate"), Some("trusted.delegate")] {
        let Some(group) = Group::new("delegated") else {
            return missing("control groups of version 2 that can be made");
        };
        if mark_as.is_some_and(|name| !mark(group.path(), name)) {
            return missing("extended attributes of control groups");
        }
        let base = Base::new();
        let run = base
            .scenario()
            .name("marked")
            .workers(2)
            .through(&group.entered())
            .sh(SHOW)
            .zoo_as_argument()
            .start();
        let shown = run.wait_for_each("0::", 2);
        run.wait_for_each("ready", 2);
        let (groups, within) = (group.groups(), "/stopctl-marked-");
        match mark_as {
            None => {
                assert!(groups.is_empty(), "N8: {groups:?}");
                assert!(
                    shown.iter().all(|line| !line.text.contains(within)),
                    "N8: {shown:?}"
                );
            }
            Some(name) => {
                assert_eq!(groups.len(), 1, "N8 {name}: {groups:?}");
                assert!(
                    shown.iter().all(|line| line.text.contains(within)),
                    "N8: {shown:?}"
                );
                assert_ne!(shown[0].text, shown[1].text, "N8: each has one of its own");
            }
        }
        // We ourselves are where we were.
        assert!(group.says("cgroup.procs", &run.pid().to_string()), "N8");
        base.call(&["stop", "marked"]).expect(0);
        run.finish().expect(0);
        assert!(group.groups().is_empty(), "N8: nothing is left");
    }
}

#[test]
fn n8_a_unit_below_a_delegated_one_is_not_ours() {
    if Mode::Cgroup.is_missing() {
        return;
    }
    let Some(manager) = Group::new("manager.service") else {
        return missing("control groups of version 2 that can be made");
    };
    if !mark(manager.path(), "user.delegate") {
        return missing("extended attributes of control groups");
    }
    let unit = manager.path().join("other.scope");
    fs::create_dir(&unit).expect("a group");
    let base = Base::new();
    let run = base
        .scenario()
        .through(&format!(
            r#"echo $$ >{}/cgroup.procs; exec "$@""#,
            unit.display()
        ))
        .sh("grep ^0:: /proc/self/cgroup")
        .start();
    let end = run.finish();
    assert!(
        end.out().trim_end().ends_with("/other.scope"),
        "N8: {}",
        end.out()
    );
    fs::remove_dir(&unit).expect("nobody is in it");
}

#[test]
fn n8_without_any_group_require_fails_with_nothing_left() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) || lacks(Need::Mounts) {
        return;
    }
    let base = Base::new().for_every_user();
    let home = tempfile::Builder::new()
        .tempdir_in("/dev/shm")
        .expect("a directory");
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).expect("chown");
    let not_allowed = r#"exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@""#;
    let not_there = r#"exec unshare -m sh -c 'umount -R -l /sys/fs/cgroup; exec "$@"' sh "$@""#;
    for script in [not_allowed, not_there] {
        let runs = home.path().join("runs");
        let run = base
            .scenario()
            .without_events()
            .environment("STOPCTL_DIR", &runs)
            .options(&["--cgroup", "require"])
            .through(script)
            .sh("echo started")
            .start();
        let end = run.finish();
        end.expect(125).says("--cgroup require: ");
        assert!(!end.out().contains("started"), "N8: {}", end.out());
        assert_eq!(fs::read_dir(&runs).map_or(0, Iterator::count), 0, "N8");
        let _ = fs::remove_dir_all(&runs);
        // Where it is not required, it is done without.
        let run = base.scenario().without_events().through(script);
        let run = run
            .environment("STOPCTL_DIR", &runs)
            .sh("echo started")
            .start();
        run.finish().expect(0);
        let _ = fs::remove_dir_all(&runs);
    }
}

#[test]
fn a1_a_command_that_cannot_be_run_leaves_no_control_group() {
    if Mode::Cgroup.is_missing() {
        return;
    }
    let base = Base::new();
    let name = own("missing");
    for (command, status) in [("/no/such/program", 127), ("/dev/null", 126)] {
        let run = Mode::Cgroup.scenario(&base).name(&name);
        run.command(&[command]).start().finish().expect(status);
        assert!(group_of(&name).is_none(), "A1 {command}");
    }
}

#[test]
fn groups_are_removed_by_whoever_takes_over() {
    if Mode::Cgroup.is_missing() {
        return;
    }
    let name = own("orphan");
    for by in ["guard", "stop", "clean"] {
        let base = Base::new();
        let run = Mode::Cgroup
            .scenario(&base)
            .name(&name)
            .workers(3)
            .times("100ms", "200ms")
            // Groups that a worker makes in its own go with it.
            .sh(r#"own=$(sed -n s/^0:://p /proc/self/cgroup)
            for tree in /sys/fs/cgroup/unified /sys/fs/cgroup; do
                [ ! -e "$tree$own" ] || mkdir "$tree$own/inner"
            done
            env -i setsid -f "$0" blind; exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        let guard = guard_of(&run);
        run.wait_for_each("ready", 6);
        assert!(group_of(&name).is_some(), "{by}");
        if by != "guard" {
            send(guard, Signal::SIGSTOP);
        }
        run.signal(Signal::SIGKILL);
        if by != "guard" {
            send(guard, Signal::SIGKILL);
            run.wait_for_exit();
            let arguments = if by == "stop" {
                vec!["stop", &name]
            } else {
                vec!["clean"]
            };
            base.call(&arguments).expect(0);
        }
        // Nobody shows a sign but by its group, and all of them are found.
        run.finish_unchecked();
        assert!(group_of(&name).is_none(), "{by}");
        base.check();
    }
}

#[test]
fn without_the_kernels_kill_each_member_is_killed() {
    if Mode::Cgroup.is_missing() || lacks(Need::Mounts) || lacks(Need::Program("nsenter")) {
        return;
    }
    let name = own("old");
    let base = Base::new();
    let run = Mode::Cgroup
        .scenario(&base)
        .name(&name)
        .times("0", "100ms")
        .through(r#"exec unshare -m "$@""#)
        .sh(r#"env -i setsid -f "$0" blind; exec "$0" deaf"#)
        .zoo_as_argument()
        .start();
    run.wait_for_each("ready", 2);
    let group = group_of(&name).expect("its group").join("0");
    let members = fs::read_to_string(group.join("cgroup.procs")).expect("a list");
    assert_eq!(members.lines().count(), 2);
    // What is written there kills nobody, as before Linux 5.14.
    let (pid, kill) = (run.pid(), group.join("cgroup.kill"));
    let covered = format!(
        "nsenter -t {pid} -m mount --bind /dev/null {}",
        kill.display()
    );
    base.sh(&covered).expect(0);
    base.call(&["stop", &name]).expect(0);
    run.finish().expect(137);
    assert!(group_of(&name).is_none());
}

#[test]
fn d22_a_thousand_workers_with_a_group_each_are_started_and_stopped() {
    if Mode::Cgroup.is_missing() {
        return;
    }
    let name = own("many");
    let base = Base::new();
    let run = Mode::Cgroup
        .scenario(&base)
        .name(&name)
        .workers(1000)
        .options(&["-q"])
        .zoo(&["waiter"])
        .start();
    // A pid can be another's by the time that it is looked at again.
    let known = |pid| (pid, processes::start(pid));
    let workers: Vec<_> = run.ready(1000).into_iter().map(known).collect();
    base.call(&["stop", &name]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), vec!["flag"; 1000]);
    assert!(group_of(&name).is_none(), "no group is left");
    assert!(
        workers
            .iter()
            .all(|&(pid, start)| processes::start(pid) != start),
        "no zombie is left"
    );
}
