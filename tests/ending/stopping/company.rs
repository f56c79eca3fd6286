//! Workers that are stopped (SIGSTOP) or leave somebody behind, and those who are nobody's workers.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::events::text;
use crate::support::need::{Need, lacks};
use crate::support::started::{Ended, send};

#[test]
fn d5_a_stopped_worker_is_continued_with_the_flag_and_leaves() {
    let base = Base::new();
    let run = base.scenario().name("stopped").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    send(pid, Signal::SIGSTOP);
    base.call(&["stop", "stopped"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn d5_sigterm_reaches_a_worker_that_was_stopped_in_its_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("stopped")
        .times("300ms", "20s")
        .zoo(&["handler", "3"])
        .start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "stopped", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGSTOP);
    let end = run.finish();
    end.expect(3);
    assert_eq!(end.events.outcomes(), ["term"]);
}

#[test]
fn d6_a_worker_that_stops_itself_again_and_again_is_killed() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("restopper")
        .times("100ms", "100ms")
        // Blocked, SIGTERM alone could not end it.
        .sh("trap '' TERM; echo ready; while :; do kill -STOP $$; done")
        .start();
    run.wait_for("ready");
    base.call(&["stop", "restopper"]).expect(0);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
}

/// Continued so that it can look at its flag, and for SIGTERM: not each time it stops itself.
#[test]
fn k8f_a_worker_that_stops_itself_again_and_again_is_continued_once_for_each_rung() {
    let base = Base::new();
    let scenario = base.scenario().name("restopper").times("500ms", "100ms");
    let run = scenario.zoo(&["restopper"]).start();
    run.ready(1);
    base.call(&["stop", "restopper"]).expect(0);
    let end = run.finish();
    let sent = end.events.of("signal_sent");
    let continued = sent.iter().filter(|one| one["signal"] == "SIGCONT");
    assert_eq!(continued.count(), 2, "{sent:?}");
}

#[test]
fn d12_grandchildren_in_the_group_are_stopped_before_the_run_is_over() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("forker")
        .times("200ms", "200ms")
        .zoo(&["forker", "3"])
        .start();
    run.wait_for_each("ready", 4);
    base.call(&["stop", "forker"]).expect(0);
    base.check();
    let end = run.finish();
    assert!(end.out().contains("left"), "{}", end.out());
    let stragglers = end.events.of("straggler");
    assert_eq!(stragglers.len(), 3, "D12: {stragglers:?}");
    assert!(
        stragglers
            .iter()
            .all(|event| text(event, "program") == "zoo")
    );
    assert_eq!(end.events.ended(0)["stragglers"], 3);
}

#[test]
fn d12_stragglers_of_a_worker_that_ended_by_itself_get_a_short_ladder() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("leaky")
        .sh(r#"sleep 1000 & while read -r name < /proc/$!/comm; [ "$name" != sleep ]; do :; done; echo ready; exit 5"#)
        .start();
    run.wait_for("ready");
    let end = run.finish();
    end.expect(5);
    // Nobody looked at the flag, so there is no wait for it; sleep dies of SIGTERM.
    assert!(end.took < Duration::from_secs(30), "{:?}", end.took);
    let straggler = end.events.only("straggler");
    assert_eq!(straggler["program"], "sleep");
    assert_eq!(end.events.ended(0)["exit_code"], 5);
    assert_eq!(end.events.ended(0)["outcome"], "by_itself");
    end.says("sleep");
}

#[test]
fn nobody_else_is_ever_signalled() {
    let base = Base::new();
    let bystander = base.canary();
    // `command & exec stopctl run`: a child that we inherited and did not start.
    let run = base
        .scenario()
        .name("strict")
        .workers(2)
        .times("100ms", "100ms")
        .environment("ZOO", crate::support::examples::zoo())
        .through(r#"exec 3<&0; env -i "$ZOO" canary <&3 3<&- & exec "$@" </dev/null 3<&-"#)
        .zoo(&["deaf"])
        .start();
    run.wait_for_each("ready", 3);
    base.call(&["stop", "strict"]).expect(0);
    // The canary of the run speaks when its standard input ends, and it holds the streams.
    assert_eq!(run.wait_for_exit(), Ended::Code(137));
    let end = run.finish();
    assert!(end.out().contains("counted 0"), "{}", end.out());
    let end = bystander.finish();
    assert!(end.out().contains("counted 0"), "{}", end.out());
}

#[test]
fn what_may_not_be_signalled_is_named_and_status_120_says_so() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let mut base = Base::below("/var/tmp").for_every_user();
    base.leaves_something();
    let program = base.set_uid_zoo();
    let nobody = tempfile::Builder::new()
        .tempdir_in("/dev/shm")
        .expect("a directory");
    std::os::unix::fs::chown(nobody.path(), Some(65534), Some(65534)).expect("chown");
    let runs = nobody.path().join("runs");
    let run = base
        .scenario()
        .name("foreign")
        .without_events()
        .environment("STOPCTL_DIR", &runs)
        .options(&["--stop-within", "1s"])
        .through(r#"exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@""#)
        .stdin(std::process::Stdio::null())
        .command(&[program.to_str().expect("a path in UTF-8"), "foreigner"])
        .start();
    let pid = run.ready(1)[0];
    run.signal(Signal::SIGTERM);
    run.wait_for("flag 1");
    // It holds our pipes, so it is ended before the end of them is waited for.
    let said = run.wait_for(&pid.to_string());
    let status = run.wait_for_exit();
    send(pid, Signal::SIGKILL);
    let kept = std::fs::read_dir(&runs).expect("the base").count();
    run.finish();
    assert_eq!(status, Ended::Code(120), "{said:?}");
    assert_eq!(kept, 1, "the directory stays, so that list shows it");
}
