//! Workers that never look at their flag, and those that look late.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::BUSY;
use crate::support::base::Base;
use crate::support::started::send;

#[test]
fn a_worker_that_never_looked_gets_the_unaware_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("unaware")
        .options(&["--grace", "1h", "--unaware-grace", "0"])
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "unaware"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.took < BUSY);
    end.says("has never looked at its flag");
}

#[test]
fn a_worker_that_looked_gets_its_whole_grace_in_spite_of_the_unaware_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("aware")
        .options(&["--grace", "10s", "--unaware-grace", "0"])
        .zoo(&["slowexit", "400"])
        .start();
    run.ready(1);
    base.call(&["stop", "aware"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn a_late_first_look_restores_the_full_grace() {
    late_first_look("1h");
}

#[test]
fn a_late_first_look_restores_a_grace_without_end() {
    let raised = late_first_look("infinity");
    assert!(raised.last().expect("raised")["deadline_in_ms"].is_null());
}

/// Answers what was said of the flag.
fn late_first_look(grace: &str) -> Vec<Value> {
    let base = Base::new();
    let run = base
        .scenario()
        .name("late")
        .options(&["--grace", grace, "--unaware-grace", "3s"])
        .sh(r#"trap 'echo got TERM; exit 9' TERM
            trap 'read -r level rest <"$STOPCTL_FLAG"; echo "level $level"' USR1
            trap 'echo leaving; exit 0' USR2
            echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done"#)
        .start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "late", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGUSR1);
    run.wait_for("level 1");
    std::thread::sleep(Duration::from_millis(3300));
    send(pid, Signal::SIGUSR2);
    let end = run.finish();
    end.expect(0);
    assert!(!end.out().contains("got TERM"));
    assert_eq!(end.events.ended(0)["looked"], true);
    end.events.of("flag_raised").into_iter().cloned().collect()
}
