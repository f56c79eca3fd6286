//! Whoever left is known, told of, and signalled once.

use nix::sys::signal::Signal;

use super::modes::MODES;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::owner::guard_of;
use crate::support::started::Ended;

/// It waits for the end of its parent, as Python's resource tracker does.
#[test]
fn whoever_is_about_to_leave_is_no_news() {
    let base = Base::new();
    let run = base
        .scenario()
        .sh(r#": <"$STOPCTL_FLAG"; mkfifo hold; { read -r _; } <hold & exec 3>hold; exit 0"#)
        .start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.err(), "");
    assert!(end.events.signals(0).is_empty(), "{:#?}", end.events);
}

#[test]
fn g10_the_flag_is_enough_at_any_depth() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let deep = r#"sh -c 'sh -c "\"\$0\" polite; :" "$0"; :' "$0"; :"#;
    let wrapped = r#"npm() { "$@" & wait; }; npm "$0" polite"#;
    let elsewhere = r#"setsid -w "$0" polite; :"#;
    for script in [deep, wrapped, elsewhere] {
        for mode in MODES {
            if mode.is_missing() {
                continue;
            }
            let base = Base::new();
            let run = mode
                .scenario(&base)
                .name("deep")
                .times("20s", "20s")
                .sh(script)
                .zoo_as_argument()
                .start();
            run.wait_for("ready");
            mode.stop(&base, "deep", &run);
            let end = mode.finish(run);
            assert!(
                end.out().contains("left"),
                "G10 {mode:?} {script}: {}",
                end.out()
            );
            assert!(end.events.signals(0).is_empty(), "G10 {mode:?} {script}");
        }
    }
}

#[test]
fn a_guard_remembers_whom_it_saw_below_a_worker() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("remembered")
        .times("10s", "300ms")
        .options(&["-v", "--cgroup", "off"])
        .sh(r#"env -i setsid "$0" blind & exec "$0" slowexit 300"#)
        .zoo_as_argument()
        .start();
    guard_of(&run);
    run.wait_for_each("ready", 2);
    run.signal(Signal::SIGKILL);
    // When the worker has left, nothing shows whose the other one was.
    let end = run.finish_unchecked();
    assert_eq!(end.ended, Ended::Signal(9));
    assert_eq!(end.events.of("straggler").len(), 1, "{:#?}", end.lines);
}

/// At half of kill-after, or when the main process ends, whichever comes first; not at both.
#[test]
fn the_rest_of_a_tree_gets_sigterm_once() {
    for mode in MODES {
        if mode.is_missing() {
            continue;
        }
        let base = Base::new();
        let run = mode
            .scenario(&base)
            .name("once")
            .times("0", "1s")
            .sh(r#"trap '' TERM; "$0" deaf & read -r _ <&3; sleep 0.8; exit 0"#)
            .through(r#"mkfifo hold; exec 3<>hold; exec "$@""#)
            .zoo_as_argument()
            .start();
        run.wait_for("ready");
        std::fs::write(base.file("hold"), "\n").expect("the worker reads it");
        mode.stop(&base, "once", &run);
        let end = mode.finish(run);
        let asked = end.out().matches("signal 15").count();
        assert_eq!(asked, 1, "{mode:?}: {}", end.err());
    }
}

#[test]
fn each_of_several_workers_is_told_of_its_own_stragglers() {
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
            .name("shares")
            .workers(4)
            .times("2s", "5s")
            .sh(r#"setsid -f "$0" handler; exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        let lines = run.wait_for_each("ready", 8);
        mode.stop(&base, "shares", &run);
        let end = mode.finish(run);
        let told = end.events.of("straggler");
        assert_eq!(told.len(), 4, "{mode:?}: {}", end.err());
        for event in told {
            let is_it = |line: &&crate::support::transcript::Line| {
                line.number("pid=") == event["pid"].as_i64().expect("a pid")
            };
            let line = lines.iter().find(is_it).expect("it was ready");
            assert_eq!(event["worker"], line.number("worker="), "{mode:?}: {event}");
        }
    }
}
