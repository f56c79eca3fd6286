//! Those who leave.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::modes::{MODES, Mode, group_of, groups_in, own};
use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks};
use crate::support::processes;

/// What a worker starts that gets away from it, and how many processes that is. Without `-f` it
/// stays a child of the worker; with it, it is an orphan at once.
const KINDS: [(&str, &str, usize); 5] = [
    ("in a session of its own", r#"setsid -f "$0" blind"#, 1),
    ("with no environment", r#"env -i setsid "$0" blind &"#, 1),
    (
        "with neither, and no parent",
        r#"env -i setsid -f "$0" blind"#,
        1,
    ),
    (
        "below somebody who left",
        r#"env -i PATH="$PATH" setsid -f sh -c '"$0" blind & wait' "$0""#,
        2,
    ),
    (
        "in a group of its own",
        r#"sh -ic 'set -m; "$0" blind & exit' "$0" 2>/dev/null"#,
        1,
    ),
];

/// Without being anybody's parent an orphan that shows no sign cannot be found: that limit is told.
fn is_lost(mode: Mode, kind: &str) -> bool {
    mode == Mode::Neither
        && ["with neither, and no parent", "below somebody who left"].contains(&kind)
}

#[test]
fn d13_whoever_left_is_stopped_with_the_worker() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    for mode in MODES {
        for (kind, start, number) in KINDS {
            if mode.is_missing() || is_lost(mode, kind) {
                continue;
            }
            let base = Base::new();
            let bystanders = Bystanders::around(&base);
            let run = mode
                .scenario(&base)
                .name("gone")
                .times("100ms", "200ms")
                .sh(&format!("{start}\nexec \"$0\" polite"))
                .zoo_as_argument()
                .start();
            run.wait_for_each("ready", 2);
            mode.stop(&base, "gone", &run);
            let end = mode.finish(run);
            let told = end.events.of("straggler");
            assert_eq!(told.len(), number, "D13 {mode:?}, {kind}: {}", end.err());
            assert!(end.out().contains("left"), "D13 {mode:?}, {kind}");
            bystanders.check();
        }
    }
}

#[test]
fn d13_whoever_left_a_worker_that_ends_by_itself_is_stopped_too() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    // All at once: each waits for the ladder of stragglers, which is not to be chosen.
    thread::scope(|all| {
        for mode in [Mode::Cgroup, Mode::Subreaper] {
            for (kind, start, number) in KINDS {
                if !mode.is_missing() {
                    all.spawn(move || ends_with_its_worker(mode, kind, start, number));
                }
            }
        }
    });
}

/// Whoever left a worker is stopped once that has ended by itself.
fn ends_with_its_worker(mode: Mode, kind: &str, start: &str, number: usize) {
    let base = Base::new();
    let run = mode
        .scenario(&base)
        .sh(&format!("mkfifo hold; {start}\nread -r _ <hold; exit 7"))
        .zoo_as_argument()
        .start();
    run.wait_for("ready");
    std::fs::write(base.file("hold"), "\n").expect("the worker reads it");
    let end = run.finish();
    end.expect(7).says("behind: ").says("zoo (pid ");
    let told = end.events.of("straggler");
    assert_eq!(told.len(), number, "D13 {mode:?}, {kind}: {}", end.err());
    // It is deaf to SIGTERM.
    let killed = end.events.signals(0).pop();
    assert_eq!(killed.as_deref(), Some("SIGKILL"), "D13 {mode:?}, {kind}");
    assert_eq!(end.events.outcomes(), ["by_itself"]);
    assert_eq!(end.events.ended(0)["stragglers"], number);
}

/// It belongs to one of several workers, and no sign says to which.
#[test]
fn d13_an_orphan_of_nobody_knows_whom_goes_with_the_last_worker() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("several")
        .workers(3)
        .times("100ms", "200ms")
        .sh(
            r#"[ "$STOPCTL_WORKER" != 1 ] || env -i setsid -f "$0" handler
        exec "$0" polite"#,
        )
        .zoo_as_argument()
        .start();
    run.wait_for_each("ready", 4);
    // The worker whose it was is gone, and it is left alone while others may need it.
    base.call(&["stop", "several", "--worker", "1"]).expect(0);
    base.call(&["stop", "several", "--worker", "0"]).expect(0);
    assert!(
        !run.so_far()
            .iter()
            .any(|line| line.text.starts_with("signal 15"))
    );
    base.call(&["stop", "several"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.only("straggler")["worker"], 2);
    assert_eq!(end.events.outcomes(), ["flag"; 3]);
}

#[test]
fn d13_stragglers_that_are_to_be_left_are_named_and_get_no_signal() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let name = own("leave");
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let run = mode
            .scenario(&base)
            .name(&name)
            .times("100ms", "100ms")
            .options(&["--stragglers", "leave"])
            .sh(r#"mkfifo hold
            "$0" canary <>hold >near 2>&1 &
            setsid -f sh -c 'exec "$0" canary <>hold >far 2>&1' "$0"
            until grep -q ready near && grep -q ready far; do sleep 0.01; done
            exec "$0" blind"#)
            .zoo_as_argument()
            .start();
        run.wait_for("ready");
        mode.stop(&base, &name, &run);
        let end = mode.finish(run);
        end.says("running; it is not stopped");
        assert_eq!(end.events.of("straggler_left").len(), 2, "D13 {mode:?}");
        assert!(end.events.of("straggler").is_empty(), "D13 {mode:?}");
        for told in ["near", "far"] {
            let told = std::fs::read_to_string(base.file(told)).expect("what it told");
            assert!(!told.contains("signal"), "D13 {mode:?}: {told}");
            let pid = told.trim().rsplit('=').next().expect("a pid");
            let pid: i32 = pid.parse().expect("a pid");
            assert!(
                matches!(processes::state(pid), Some('S' | 'R')),
                "D13 {mode:?}"
            );
            crate::support::started::send(pid, Signal::SIGKILL);
        }
        drop_group(mode, &name);
    }
}

/// What was left in it is gone a moment after it was killed.
fn drop_group(mode: Mode, run: &str) {
    while let Some(group) = (mode == Mode::Cgroup).then(|| group_of(run)).flatten() {
        for worker in groups_in(&group) {
            let _ = std::fs::remove_dir(worker);
        }
        let _ = std::fs::remove_dir(group);
    }
}

#[test]
fn d19_whoever_is_started_during_sigterm_is_found() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let run = mode
            .scenario(&base)
            .name("late")
            .times("0", "500ms")
            .sh(r#"trap 'setsid -f "$0" deaf; "$0" deaf & exit 0' TERM
            echo ready
            while :; do sleep 0.01; done"#)
            .zoo_as_argument()
            .start();
        run.wait_for("ready");
        mode.stop(&base, "late", &run);
        let end = mode.finish(run);
        assert_eq!(
            end.events.of("straggler").len(),
            2,
            "D19 {mode:?}: {:#?}",
            end.lines
        );
        for straggler in end.events.of("straggler") {
            let sent = end.events.of("signal_sent");
            let to_it = sent.iter().filter(|sent| sent["pid"] == straggler["pid"]);
            let mut signals = to_it.map(|sent| &sent["signal"]);
            // It may die of that, if it is not deaf yet.
            let first = signals.next();
            assert!(
                first.is_some_and(|signal| signal == "SIGTERM"),
                "D19 {mode:?}: {first:?}"
            );
        }
    }
}

#[test]
fn d20_whoever_holds_the_output_after_sigterm_is_named_and_the_run_ends() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let run = mode
            .scenario(&base)
            .name("holds")
            .times("0", "300ms")
            .sh(r#"setsid -f "$0" blind; exec "$0" handler 4"#)
            .zoo_as_argument()
            .start();
        run.wait_for_each("ready", 2);
        mode.stop(&base, "holds", &run);
        let end = mode.finish(run);
        end.says("left a process behind: zoo");
        assert_eq!(end.events.of("straggler").len(), 1, "D20 {mode:?}");
        assert!(
            end.events.signals(0).contains(&"SIGKILL".into()),
            "D20 {mode:?}"
        );
    }
}

#[test]
fn data_loaders_do_not_die_under_a_trainer_that_writes_its_checkpoint() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let run = mode
            .scenario(&base)
            .name("trains")
            .times("0", "20s")
            .zoo(&["trainer"])
            .start();
        run.wait_for("ready");
        mode.stop(&base, "trains", &run);
        let end = mode.finish(run);
        assert!(
            end.out().contains("the checkpoint is whole"),
            "{mode:?}: {}",
            end.out()
        );
        // They had their SIGTERM when it had ended.
        assert!(
            end.took < Duration::from_secs(15),
            "{mode:?}: {:?}",
            end.took
        );
        assert!(
            !end.events.signals(0).contains(&"SIGKILL".into()),
            "{mode:?}"
        );
    }
}

/// With a child from before the run, what is adopted may be anybody's: the number of a session is
/// what shows whose it is, and only until its leader is reaped.
#[test]
fn k7n_who_shows_nothing_but_the_session_of_its_worker_is_found_before_that_is_reaped() {
    let base = Base::new();
    let run = base
        .scenario()
        .environment("ZOO", zoo())
        .through(r#""$ZOO" canary 3<&0 <&3 & exec "$@" 3<&-"#)
        .options(&["--cgroup", "off", "--stdin", "null"])
        .sh(r#"mkfifo hold; env -i sh -c '"$0" blind & exit' "$0"; read -r _ <hold; exit 7"#)
        .zoo_as_argument()
        .start();
    run.wait_for_each("ready", 2);
    std::fs::write(base.file("hold"), "\n").expect("the worker reads it");
    run.wait_for("worker 0 left a process behind: zoo");
    let end = run.finish();
    assert_eq!(end.events.of("straggler").len(), 1, "{end:?}");
    assert!(end.out().contains("counted 0"), "{end:?}");
}
