//! Runs in runs: the guard, or the taker, of one is a process of a worker of another one.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::examples::zoo;
use crate::support::owner::{named, pid_of_owner};
use crate::support::processes;
use crate::support::started::send;
use crate::support::until::until;

fn fifo(base: &Base) -> PathBuf {
    let fifo = base.file("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).expect("a FIFO");
    fifo
}

#[test]
fn k8a_a_nested_run_whose_supervisor_was_killed_has_its_own_grace() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let zoo = zoo();
    let zoo = zoo.to_str().expect("a path in UTF-8");
    let inner = [
        Base::program(),
        "run",
        "--name",
        "inner",
        "-n",
        "2",
        "--grace",
        "30s",
    ];
    // Longer than what a worker leaves behind is left alone.
    let worker = ["--", zoo, "slowexit", "4500"];
    let run = base
        .scenario()
        .name("outer")
        .command(&[&inner[..], &worker].concat())
        .start();
    run.ready(2);
    until("it has a guard", || {
        !named(&base, "stopctl-guard").is_empty()
    });
    send(
        pid_of_owner(&base, "inner").expect("an owner"),
        Signal::SIGKILL,
    );
    run.wait_for_each("flag 1   lost", 2);
    let end = run.finish();
    end.says("it is waited for");
    let out = end.out();
    assert_eq!(out.matches("left").count(), 2, "{out}");
    assert!(!out.contains("signal 15"), "{out}");
    assert_eq!(end.events.outcomes(), ["by_others"]);
    bystanders.check();
}

/// Nor is it waited for when the run around it is to stop: then that one's times count.
#[test]
fn k8b_a_stop_of_the_outer_run_ends_what_somebody_else_has_care_of() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let zoo = zoo();
    let zoo = zoo.to_str().expect("a path in UTF-8");
    let inner = [
        Base::program(),
        "run",
        "--name",
        "inner",
        "--grace",
        "1h",
        "--",
        zoo,
        "deaf",
    ];
    let scenario = base.scenario().name("outer").times("300ms", "300ms");
    let run = scenario.command(&inner).start();
    run.ready(1);
    until("it has a guard", || {
        !named(&base, "stopctl-guard").is_empty()
    });
    send(
        pid_of_owner(&base, "inner").expect("an owner"),
        Signal::SIGKILL,
    );
    run.wait_for("it is waited for");
    base.call(&["stop", "outer"]).expect(0);
    run.finish();
    // Its guard was killed with the worker.
    base.call(&["clean"]).expect(0);
    bystanders.check();
}

#[test]
fn k8c_a_taker_that_was_started_in_a_worker_goes_on_when_that_ends() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let fifo = fifo(&base);
    let scenario = base.scenario().name("orphan").times("4s", "500ms");
    let scenario = scenario.without_events().options(&["--no-guard"]);
    let dead = scenario.zoo(&["deaf"]).start();
    dead.ready(1);
    let run = base
        .scenario()
        .name("outer")
        .environment("STOPCTL", Base::program())
        .environment("FIFO", &fifo)
        .sh("echo up; read -r _ <\"$FIFO\"; exec \"$STOPCTL\" stop orphan --no-wait")
        .start();
    run.wait_for("up");
    dead.signal(Signal::SIGKILL);
    dead.wait_for_exit();
    fs::write(&fifo, "\n").expect("somebody reads it");
    let end = run.finish();
    end.expect(0).says("it is waited for");
    let out = dead.finish().out();
    assert_eq!(out.matches("signal 15").count(), 1, "{out}");
    until("it was removed", || !base.runs().join("orphan").exists());
    bystanders.check();
}

/// An orphan that shows no sign is given to the worker that ended last; but that one is over, and
/// another one has something left.
#[test]
fn k8d_an_orphan_whose_heir_is_over_goes_to_who_has_something_left() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let fifo = fifo(&base);
    let run = base
        .scenario()
        .name("heirs")
        .workers(2)
        .environment("FIFO", &fifo)
        .sh(r#"[ $STOPCTL_WORKER = 1 ] && exec "$0" polite
            setsid -f sh -c 'trap "" TERM; read _ <"$FIFO"; env -i setsid -f "$0" blind' "$0""#)
        .zoo_as_argument()
        .start();
    run.wait_for("ready worker=1");
    base.call(&["stop", "heirs", "--worker", "1"]).expect(0);
    run.wait_for_events("worker_ended", 1);
    fs::write(&fifo, "\n").expect("somebody reads it");
    run.wait_for("ready worker= ");
    let end = run.finish();
    assert_eq!(end.events.of("straggler").len(), 2, "{end:?}");
    assert!(
        end.events
            .of("straggler")
            .iter()
            .all(|one| one["worker"] == 0)
    );
    bystanders.check();
}

#[test]
fn k8e_a_suspended_run_whose_supervisor_dies_goes_on_in_every_group() {
    for guarded in [true, false] {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let guard: &[&str] = if guarded { &[] } else { &["--no-guard"] };
        let run = base
            .scenario()
            .name("paused")
            .without_events()
            .in_its_own_group()
            .times("30s", "30s")
            .options(guard)
            // The one beyond its group is the one that has to look.
            .sh(r#"setsid "$0" polite & wait"#)
            .zoo_as_argument()
            .start();
        let far = run.ready(1)[0];
        if guarded {
            until("it has a guard", || {
                !named(&base, "stopctl-guard").is_empty()
            });
        }
        run.signal(Signal::SIGTSTP);
        processes::wait_for_state(far, 'T');
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        if !guarded {
            base.call(&["stop", "paused"]).expect(0);
        }
        let end = run.finish();
        assert!(end.out().contains("left"), "{end:?}");
        bystanders.check();
    }
}
