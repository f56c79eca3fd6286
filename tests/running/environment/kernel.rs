//! Kernels that lack something, or sandboxes that refuse it: what must work all the same.

use std::fs;

use nix::sys::signal::Signal;

use super::told;
use crate::support::base::Base;
use crate::support::owner::is_orphaned;
use crate::support::processes;
use crate::support::python;
use crate::support::scenario::Scenario;
use crate::support::started::Started;
use crate::support::until::until;

/// What is refused, how, and whether another owner can prove whom it signals.
const REFUSED: [(&str, &str, bool); 25] = [
    ("subreaper", "EPERM", true),
    ("subreaper", "EINVAL", true),
    ("renameat2", "ENOSYS", true),
    ("renameat2", "EINVAL", true),
    ("getrandom", "ENOSYS", true),
    ("getrandom", "EPERM", true),
    ("pidfd_open", "ENOSYS", false),
    ("pidfd_open", "EPERM", false),
    ("pidfd_send_signal", "ENOSYS", false),
    ("pidfd_send_signal", "EPERM", false),
    ("group", "EINVAL", true),
    ("clone3", "ENOSYS", true),
    ("close_range", "ENOSYS", true),
    ("close_range", "EPERM", true),
    ("set_robust_list", "ENOSYS", true),
    ("set_robust_list", "EPERM", true),
    ("inotify_init1", "EMFILE", true),
    ("inotify_init1", "ENOSYS", true),
    ("inotify_add_watch", "ENOSPC", true),
    ("fallocate", "EOPNOTSUPP", true),
    ("pwritev2", "EOPNOTSUPP", true),
    ("pwritev2", "ENOSYS", true),
    ("memfd_create", "ENOSYS", true),
    ("statx", "ENOSYS", true),
    ("fstatfs", "ENOSYS", true),
];

const REFUSE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/running/environment/refuse.py"
);

/// A run to which this is refused.
fn refused<'b>(base: &'b Base, python: &str, call: &str, errno: &str) -> Scenario<'b> {
    let wrapper = format!("exec {python} {REFUSE} {errno} {call} \"$@\"");
    base.scenario().name("refused").through(&wrapper)
}

/// One who leaves when it is asked, one who does not, and one who leaves others behind.
const THREE: &str = r#"case $STOPCTL_WORKER in
    0) exec "$0" polite ;;
    1) exec "$0" deaf ;;
    *) exec "$0" forker 1 ;;
esac"#;

#[test]
fn n6_n9_a_run_and_a_stop_work_whatever_the_kernel_refuses() {
    let Some(python) = python::python() else {
        return;
    };
    for (call, errno, _) in REFUSED {
        let base = Base::new();
        let run = refused(&base, &python, call, errno).sh("exit 7").start();
        run.finish().expect(7);
        let run = refused(&base, &python, call, errno)
            .workers(3)
            .times("100ms", "100ms")
            .sh(THREE)
            .zoo_as_argument()
            .start();
        run.wait_for_each("ready", 4);
        let mut stop = base.command(&python);
        stop.args([REFUSE, errno, call, Base::program(), "stop", "refused"]);
        base.answer(stop).expect(0);
        let end = run.finish();
        end.expect(137);
        assert_eq!(
            end.events.outcomes()[..2],
            ["flag", "kill"],
            "{call} {errno}"
        );
    }
}

#[test]
fn n6_n9_c10_the_guard_takes_over_whatever_the_kernel_refuses() {
    let Some(python) = python::python() else {
        return;
    };
    for (call, errno, can_prove) in REFUSED {
        let base = Base::new();
        // Whom SIGKILL ends is given time for that; whom nobody can signal is waited for in vain.
        let ladder: &[&str] = if can_prove {
            &["-v", "--grace", "300ms", "--kill-after", "100ms"]
        } else {
            &["-v", "--stop-within", "1s"]
        };
        let run = refused(&base, &python, call, errno)
            .options(ladder)
            .workers(2)
            .sh(THREE)
            .zoo_as_argument()
            .start();
        run.wait_for("guard started");
        let pids = run.ready(2);
        told(&run, 2);
        if call == "set_robust_list" {
            let status = base.call(&["status", "refused"]);
            let said = status.out.contains("refused to watch over its supervisor");
            assert!(said, "C10: {status:?}");
        }
        run.signal(Signal::SIGKILL);
        run.wait_for_each("flag 1   lost", 2);
        run.wait_for("left");
        if can_prove {
            let end = run.finish();
            end.expect_signal(9).says("goes on");
            assert_eq!(
                end.events.signals(1),
                ["SIGTERM", "SIGKILL"],
                "{call} {errno}"
            );
            assert!(is_gone(pids[1]), "{call} {errno}");
        } else {
            cannot_prove(&base, run, call, errno, &pids);
        }
    }
}

/// Nobody is signalled, and that is said. Where the kernel does not refuse, it can be finished.
fn cannot_prove(base: &Base, run: Started, call: &str, errno: &str, pids: &[i32]) {
    run.wait_for("still there after SIGKILL");
    assert!(!is_gone(pids[1]), "{call} {errno}");
    base.call(&["list"]).expect(0);
    // A stop that still finds the guard there asks the guard, which has given up.
    until(&format!("given up, {call} {errno}"), || {
        is_orphaned(base, "refused")
    });
    base.call(&["stop", "refused"]);
    let end = run.finish();
    end.expect_signal(9);
    assert_eq!(end.events.signals(1), [""; 0], "{call} {errno}");
    until(&format!("nothing left, {call} {errno}"), || {
        !fs::read_dir(base.runs()).is_ok_and(|mut left| left.next().is_some())
    });
    assert!(is_gone(pids[1]), "{call} {errno}");
}

fn is_gone(pid: i32) -> bool {
    matches!(processes::state(pid), None | Some('Z'))
}

/// Each of them is told of, to people and to programs, and no other.
#[test]
fn k22b_status_says_what_the_kernel_refuses() {
    let Some(python) = python::python() else {
        return;
    };
    for (call, errno, lacks) in [
        ("subreaper", "EPERM", "subreaper"),
        ("pidfd_open", "ENOSYS", "pidfd"),
        ("pidfd_send_signal", "EPERM", "pidfd"),
        ("inotify_init1", "ENOSYS", "inotify"),
        ("set_robust_list", "EPERM", "robust_list"),
        ("group", "EINVAL", ""),
    ] {
        let base = Base::new();
        // Two: the second is watched from its start.
        let run = refused(&base, &python, call, errno).workers(2);
        let run = run.zoo(&["polite"]).start();
        run.ready(2);
        let status = base.call(&["status", "refused", "--json"]).json();
        let told = status["runs"][0]["lacks"].as_array().expect("a list");
        let told: Vec<&str> = told.iter().filter_map(|word| word.as_str()).collect();
        assert_eq!(told.join(" "), lacks, "{call} {errno}");
        let status = base.call(&["status", "refused"]);
        assert_eq!(
            status.out.matches("the kernel refused").count(),
            usize::from(!lacks.is_empty()),
            "{call} {errno}: {status:?}"
        );
        base.call(&["stop", "refused"]).expect(0);
        run.finish().expect(0);
    }
}

/// Orphans go to somebody else then: who they are shows by what they carry with them.
#[test]
fn k22c_without_its_orphans_a_supervisor_ends_what_workers_leave_behind() {
    let Some(python) = python::python() else {
        return;
    };
    for errno in ["EPERM", "EINVAL", "ENOSYS"] {
        let base = Base::new();
        let run = refused(&base, &python, "subreaper", errno)
            .times("100ms", "100ms")
            .sh(r#"(setsid -f "$0" blind); "$0" blind & sleep 0.1; exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        run.wait_for_each("ready", 3);
        base.call(&["stop", "refused"]).expect(0);
        run.finish().expect(0);
    }
}

/// Before Linux 3.15, or where a sandbox forbids it.
#[test]
fn k22d_without_a_rename_that_does_not_replace_a_run_replaces_no_other() {
    let Some(python) = python::python() else {
        return;
    };
    for errno in ["ENOSYS", "EINVAL", "EPERM"] {
        let base = Base::new();
        let run = refused(&base, &python, "renameat2", errno);
        let run = run.zoo(&["polite"]).start();
        run.ready(1);
        let other = refused(&base, &python, "renameat2", errno).without_events();
        let end = other.zoo(&["polite"]).start().finish();
        end.expect(125)
            .says("there is a run named 'refused' already");
        std::fs::write(base.runs().join("file"), "").expect("a file");
        let other = base.scenario().name("file").without_events();
        let other = other.through(&format!("exec {python} {REFUSE} {errno} renameat2 \"$@\""));
        other.sh("exit 7").start().finish().expect(125);
        std::fs::remove_file(base.runs().join("file")).expect("remove");
        base.call(&["stop", "refused"]).expect(0);
        run.finish().expect(0);
    }
}
