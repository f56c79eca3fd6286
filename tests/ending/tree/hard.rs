//! Those who are hard to end, or cannot be.

use std::process::Command;
use std::time::Duration;

use super::modes::{Group, MODES, Mode};
use crate::support::base::Base;
use crate::support::need::{Need, lacks, missing, not_run};
use crate::support::processes;
use crate::support::started::Ended;

/// How many breeders there may be.
const MOST: &str = "60";

/// For how many milliseconds they breed: on two cores, 60 of them leave little time for whoever is
/// to end them. Where most of them cannot be found, that is what ends the test.
const fn breeding(mode: Mode) -> &'static str {
    match mode {
        Mode::Cgroup | Mode::Subreaper => "25000",
        Mode::Neither => "12000",
    }
}

#[test]
fn d14_an_endless_forker_is_ended_or_told_of_and_never_waited_for_without_end() {
    if lacks(Need::Root) || lacks(Need::Program("setsid")) {
        return;
    }
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let Some(pids) = Group::of_version_1("pids", "breeder") else {
            return missing("the pids controller of version 1");
        };
        pids.set("pids.max", MOST);
        let mut base = Base::new();
        base.leaves_something();
        let run = mode
            .scenario(&base)
            .name("breeder")
            .times("0", "300ms")
            .through(&pids.entered())
            .zoo(&["breeder", breeding(mode)])
            .start();
        run.wait_for_each("ready", 30);
        mode.stop(&base, "breeder", &run);
        let ended = run.wait_for_exit();
        let end = run.finish_unchecked();
        match mode {
            Mode::Subreaper if ended == Ended::Code(120) => {
                end.says("is still there after SIGKILL");
            }
            // By control group the kernel kills all of them at once.
            Mode::Cgroup | Mode::Subreaper => {
                assert_eq!(ended, Ended::Code(137), "D14 {mode:?}: {}", end.err());
            }
            // Most of them cannot be found, and the bound of the fixture ends them.
            Mode::Neither => assert_eq!(ended, Ended::Signal(9)),
        }
        assert!(
            end.took < Duration::from_secs(60),
            "D14 {mode:?}: {:?}",
            end.took
        );
        if end.err().contains("is still there") {
            // The bound of the fixture has come, and what was left can be ended.
            base.call(&["stop", "breeder"]).expect(0);
        }
        let _ = base.call(&["clean"]);
        assert_eq!(
            std::fs::read_dir(base.runs()).map_or(0, Iterator::count),
            0,
            "D14 {mode:?}"
        );
    }
}

#[test]
fn d15_a_leader_that_is_gone_while_its_threads_live_is_alive() {
    if lacks(Need::Program("cc")) {
        return;
    }
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let program = base.file("zombieleader");
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/ending/tree/zombieleader.c"
        );
        let mut compiler = std::process::Command::new("cc");
        compiler.arg("-pthread").arg("-o").arg(&program).arg(source);
        assert!(compiler.status().expect("a C compiler").success());
        let program = program.to_str().expect("UTF-8");
        // The worker itself, and whom it leaves behind when it is asked.
        let leaves = r#""$0" & while read -r level _ <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do
            sleep 0.05
        done"#;
        for script in [r#"exec "$0""#, leaves] {
            let run = mode
                .scenario(&base)
                .name("headless")
                .times("300ms", "300ms")
                .command(&["/bin/sh", "-c", script, program])
                .start();
            let line = run.wait_for("ready");
            let pid = i32::try_from(line.number("pid=")).expect("a pid");
            processes::wait_for_state(pid, 'Z');
            mode.stop(&base, "headless", &run);
            let end = mode.finish(run);
            assert!(
                end.events.signals(0).contains(&"SIGKILL".into()),
                "D15 {mode:?}: {}",
                end.err()
            );
        }
    }
}

#[test]
fn d27_d28_the_first_process_of_a_pid_namespace_goes_to_sigkill_and_its_children_with_it() {
    if lacks(Need::PidNamespace) {
        return;
    }
    first_process_of(&["unshare", "-p", "-f", "--mount-proc"]);
}

#[test]
fn d27_a_user_namespace_with_it_changes_nothing() {
    let inner = ["unshare", "-U", "-r", "-p", "-f", "--mount-proc"];
    let tried = Command::new(inner[0])
        .args(&inner[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return not_run("no user namespace can be made here");
    }
    first_process_of(&inner);
}

/// The worker is the parent of the first process in a namespace that `unshare` makes.
fn first_process_of(unshare: &[&str]) {
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let script = r#""$0" blind & echo ready; wait; :"#;
        let command = [unshare, &["sh", "-c", script]].concat();
        let run = mode
            .scenario(&base)
            .name("inner")
            .times("100ms", "300ms")
            .command(&command)
            .zoo_as_argument()
            .start();
        run.wait_for_each("ready", 2);
        mode.stop(&base, "inner", &run);
        let end = mode.finish(run);
        assert!(
            end.events.signals(0).contains(&"SIGKILL".into()),
            "D28 {mode:?}: {}",
            end.err()
        );
    }
}

#[test]
fn s6_a_refused_signal_through_a_pidfd_is_sent_to_a_child_in_another_way() {
    if lacks(Need::Trace) || lacks(Need::Program("setsid")) {
        return;
    }
    for error in ["EPERM", "EINVAL", "ENOSYS"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("refused")
            .times("100ms", "200ms")
            .through(&format!(
                "exec strace -o /dev/null -e trace=pidfd_send_signal \
                 -e inject=pidfd_send_signal:error={error} \"$@\""
            ))
            .sh(r#"setsid -f "$0" blind; exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        run.wait_for_each("ready", 2);
        base.call(&["stop", "refused"]).expect(0);
        let end = run.finish();
        assert!(
            end.events.signals(0).contains(&"SIGKILL".into()),
            "S6 {error}: {}",
            end.err()
        );
        assert_eq!(end.events.outcomes(), ["flag"], "S6 {error}");
    }
}

/// The kernel says that there is nobody: then the end is waited for, and not for ever.
#[test]
fn s6_a_process_that_is_said_to_be_gone_is_reported_when_it_is_not() {
    if lacks(Need::Trace) || lacks(Need::Program("setsid")) {
        return;
    }
    let mut base = Base::new();
    base.leaves_something();
    let run = base
        .scenario()
        .name("denied")
        .times("100ms", "100ms")
        .through(
            "exec strace -o /dev/null -e trace=pidfd_send_signal \
             -e inject=pidfd_send_signal:error=ESRCH \"$@\"",
        )
        .sh(r#"setsid -f "$0" blind; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    run.wait_for_each("ready", 2);
    base.call(&["stop", "denied", "--no-wait"]).expect(0);
    run.wait_for("is still there after SIGKILL");
    assert_eq!(run.wait_for_exit(), Ended::Code(120), "S6");
    base.call(&["stop", "denied"]).expect(0);
    run.finish();
}

#[test]
fn s11_a_supervisor_that_gets_no_memory_while_it_stops_leaves_nothing() {
    if lacks(Need::Root) || lacks(Need::Program("prlimit")) || lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("starved")
        .times("100ms", "200ms")
        .options(&["-v"])
        .sh(r#"setsid -f "$0" blind; exec "$0" deaf"#)
        .zoo_as_argument()
        .start();
    crate::support::owner::guard_of(&run);
    run.wait_for_each("ready", 2);
    let limit = base.sh(&format!(
        "prlimit --pid {} --as=1048576 --data=0",
        run.pid()
    ));
    limit.expect(0);
    base.call(&["stop", "starved"]);
    // By itself if it could, by its guard if it could not: everybody is gone all the same.
    let end = run.finish_unchecked();
    assert!(
        matches!(end.ended, Ended::Code(137) | Ended::Signal(6 | 11)),
        "S11: {:?} {}",
        end.ended,
        end.err()
    );
}
