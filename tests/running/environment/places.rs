//! Namespaces, mounts and cgroups.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use nix::sys::signal::Signal;

use super::told;
use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks, missing};
use crate::support::processes;
use crate::support::started::send;

/// A uid without any process of its own.
const USER: u32 = 61_015;

pub(crate) fn works(script: &str) -> bool {
    let status = Command::new("sh").args(["-c", script]).output();
    status.is_ok_and(|output| output.status.success())
}

/// `stopctl ARGUMENTS` behind these words of a shell.
pub(crate) fn through(base: &Base, words: &str, arguments: &[&str]) -> Answer {
    let mut command = base.command("/bin/sh");
    let script = format!("{words} \"$@\"");
    command.args(["-c", &script, "sh", Base::program()]);
    command.args(arguments);
    base.answer(command)
}

pub(crate) fn is_gone(pid: i32) -> bool {
    matches!(processes::state(pid), None | Some('Z'))
}

/// A whole life: a stop; a death and its guard; a death of both, and a takeover.
fn lives(base: &Base, words: &str) {
    let scenario = || {
        base.scenario()
            .name("place")
            .without_events()
            .workers(2)
            .times("300ms", "300ms")
            .options(&["-v"])
            .through(&format!("{words} \"$@\""))
            .sh(r#"[ "$STOPCTL_WORKER" = 0 ] || exec "$0" deaf; exec "$0" polite"#)
            .zoo_as_argument()
    };
    let run = scenario().start();
    run.ready(2);
    through(base, words, &["status", "place"]).expect(0);
    through(base, words, &["stop", "place"]).expect(0);
    run.finish().expect(137).says("1 needed SIGKILL (worker 1)");

    let run = scenario().start();
    run.wait_for("guard started");
    let pids = run.ready(2);
    run.signal(Signal::SIGKILL);
    run.wait_for_each("flag 1   lost", 2);
    run.finish().expect_signal(9).says("goes on");
    assert!(pids.into_iter().all(is_gone), "by the guard, {words}");

    let run = scenario().start();
    let guard = run.wait_for("guard started: pid ").number("pid ");
    let pids = run.ready(2);
    let guard = i32::try_from(guard).expect("a pid");
    send(guard, Signal::SIGSTOP);
    run.signal(Signal::SIGKILL);
    send(guard, Signal::SIGKILL);
    run.wait_for_exit();
    through(base, words, &["stop", "place"])
        .expect(0)
        .says("taking over");
    run.finish().expect_signal(9);
    assert!(pids.into_iter().all(is_gone), "by takeover, {words}");
    assert_eq!(fs::read_dir(base.runs()).map_or(0, Iterator::count), 0);
}

#[test]
fn n5_a_proc_that_hides_the_processes_of_others_is_enough() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    // With options of its own for each mount (since Linux 5.8).
    let hide = "exec unshare -m sh -c 'mount -t proc -o hidepid=2 proc /proc && exec \"$@\"' sh";
    if !works(&format!("{hide} true; ! grep -q hidepid /proc/mounts")) {
        return missing("a proc with hidepid");
    }
    let base = Base::new();
    lives(&base, hide);
    let base = Base::new().for_every_user();
    fs::create_dir(base.runs()).expect("the base");
    std::os::unix::fs::chown(base.runs(), Some(USER), Some(USER)).expect("chown");
    let user = format!("setpriv --reuid={USER} --regid={USER} --clear-groups");
    lives(&base, &format!("{hide} {user}"));
}

const NO_PROC: &str = "exec unshare -m sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh";

#[test]
fn n5_without_proc_a_run_can_be_stopped_from_everywhere() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    for (started, stopped) in [(NO_PROC, NO_PROC), (NO_PROC, "exec"), ("exec", NO_PROC)] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("no-proc")
            .times("300ms", "300ms")
            .workers(2)
            .through(&format!("{started} \"$@\""))
            .sh(r#"[ "$STOPCTL_WORKER" = 0 ] || exec "$0" deaf; exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        run.ready(2);
        through(&base, stopped, &["list"]).expect(0);
        through(&base, stopped, &["status", "no-proc"]).expect(0);
        assert!(base.runs().join("no-proc/owner").exists(), "N5: removed");
        through(&base, stopped, &["stop", "no-proc"]).expect(0);
        let end = run.finish();
        end.expect(137);
        assert_eq!(end.events.outcomes(), ["flag", "kill"], "N5");
    }
}

/// It asks, which hurts nobody, and signals those whom the kernel proves to be the workers.
#[test]
fn n5_without_proc_a_guard_signals_only_whom_the_kernel_proves() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    let proves = proves();
    let mut base = Base::new();
    let run = base
        .scenario()
        .name("no-proc")
        .options(&["-v", "--stop-within", "1s"])
        .workers(2)
        .through(&format!("{NO_PROC} \"$@\""))
        .sh(r#"[ "$STOPCTL_WORKER" = 0 ] || exec "$0" deaf; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    run.wait_for("there is no /proc");
    run.wait_for("guard started");
    let pids = run.ready(2);
    told(&run, 2);
    run.signal(Signal::SIGKILL);
    run.wait_for_each("flag 1   lost", 2);
    run.wait_for("left");
    if !proves {
        base.leaves_something();
        run.wait_for("cannot be verified");
        run.wait_for("still there after SIGKILL");
        assert!(!is_gone(pids[1]), "N5");
        assert!(
            base.runs().join("no-proc").exists(),
            "N5: the directory stays"
        );
        send(pids[1], Signal::SIGKILL);
    }
    let end = run.finish();
    end.expect_signal(9);
    let signals: &[&str] = if proves { &["SIGTERM", "SIGKILL"] } else { &[] };
    assert_eq!(end.events.signals(0), [""; 0], "N5");
    assert_eq!(end.events.signals(1), signals, "N5");
}

/// Whether pidfds have numbers of their own here (since Linux 6.9): where they have none, those of a
/// file system for all kinds of things.
pub(crate) fn proves() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel");
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) >= (6, 9)
}

/// As in a container that hides it: nobody can read there which boot it is.
#[test]
fn n5_without_proc_sys_a_guard_ends_the_workers() {
    const NO_PROC_SYS: &str =
        "exec unshare -m sh -c 'mount -t tmpfs none /proc/sys && exec \"$@\"' sh \"$@\"";
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("no-proc-sys")
        .options(&["-v"])
        .times("300ms", "100ms")
        .workers(2)
        .through(NO_PROC_SYS)
        .sh(r#"[ "$STOPCTL_WORKER" = 0 ] || exec "$0" deaf; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    run.wait_for("guard started");
    let pids = run.ready(2);
    told(&run, 2);
    run.signal(Signal::SIGKILL);
    run.wait_for_each("flag 1   lost", 2);
    let end = run.finish();
    end.expect_signal(9).says("goes on");
    assert_eq!(end.events.signals(0), [""; 0], "N5");
    assert_eq!(end.events.signals(1), ["SIGTERM", "SIGKILL"], "N5");
    assert!(pids.iter().all(|&pid| is_gone(pid)), "N5");
}

/// There all files that are nobody's have the same owner: ourselves, it seems.
#[test]
fn n7_in_a_user_namespace_without_a_mapping_nothing_is_taken_for_ours() {
    if !works("unshare -U true") {
        return missing("user namespaces");
    }
    let base = Base::new();
    fs::create_dir(base.runs()).expect("the base");
    fs::set_permissions(base.runs(), fs::Permissions::from_mode(0o755)).expect("chmod");
    for arguments in [&["run", "--", "true"][..], &["list"], &["stop", "x"]] {
        let answer = through(&base, "exec unshare -U", arguments);
        answer
            .expect(125)
            .says("no number in this user namespace")
            .says("STOPCTL_DIR");
    }
    // With one it is as everywhere.
    through(&base, "exec unshare -U -r", &["run", "--", "true"]).expect(0);
}

#[test]
fn n8_nobody_is_moved_to_another_cgroup_and_none_is_made() {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let base = Base::new();
    let run = base
        .scenario()
        .name("grouped")
        .workers(2)
        .sh(
            r#"cat /proc/self/cgroup /proc/$PPID/cgroup >"group.$STOPCTL_WORKER"
        exec "$0" polite"#,
        )
        .zoo_as_argument()
        .start();
    run.ready(2);
    for worker in 0..2 {
        let theirs = fs::read_to_string(base.file(&format!("group.{worker}")));
        assert_eq!(theirs.expect("its groups"), own.repeat(2), "N8");
    }
    base.call(&["stop", "grouped"]).expect(0);
    run.finish().expect(0);
    if lacks(Need::Trace) {
        return;
    }
    let run = base
        .scenario()
        .through(r#"exec strace -f -o trace -e trace=file "$@""#)
        .sh("exit 0")
        .start();
    run.finish().expect(0);
    let trace = fs::read_to_string(base.file("trace")).expect("a trace");
    assert!(trace.contains("openat"), "it was traced");
    let makes = |line: &&str| line.contains("mkdir") || line.contains("O_WRONLY");
    let mut made = trace.lines().filter(makes);
    let made = made.find(|line| line.contains("cgroup"));
    assert!(made.is_none(), "N8: {made:?}");
}
