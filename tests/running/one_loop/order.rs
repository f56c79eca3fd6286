//! What has happened by the time a child is found dead is told before its end, and no child is
//! forgotten.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::preload::before_each_look_for_the_dead;
use crate::support::processes;
use crate::support::started::send;
use crate::support::until::until;

/// More than are reaped in one wake-up.
const MANY: usize = 1100;

#[test]
fn k11g_more_ends_than_fit_into_one_wake_up_are_all_recorded() {
    let base = Base::new();
    let mut run = base
        .scenario()
        .workers(MANY)
        .options(&["--stdin", "inherit", "--no-guard"])
        .command(&["cat"])
        .start();
    run.wait_for_events("worker_started", MANY);
    // All of them end while nobody can look.
    send(run.pid(), Signal::SIGSTOP);
    processes::wait_for_state(run.pid(), 'T');
    run.close_stdin();
    let pid = run.pid();
    let is_dead = |child: &i32| processes::state(*child) == Some('Z');
    until("all have ended", || {
        let children = processes::children(pid);
        children.iter().filter(|child| is_dead(child)).count() >= MANY
    });
    send(run.pid(), Signal::SIGCONT);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), vec!["by_itself"; MANY]);
}

/// Between the supervisor's last look and its reaping the worker looks at its flag, says something
/// and ends.
#[test]
fn k11h_what_a_worker_did_just_before_its_end_is_told_before_it() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    let act = r#"
        if (access("begin", F_OK) == 0) {
            siginfo_t dead = { 0 };
            rename("begin", "go");
            next(P_ALL, 0, &dead, WEXITED | WNOWAIT);
        }
    "#;
    let library = before_each_look_for_the_dead(&base, act);
    let run = base
        .scenario()
        .name("last")
        .options(&["--notify", "--no-guard"])
        .through(r#"LD_PRELOAD=$LIBRARY exec "$@""#)
        .environment("LIBRARY", &library)
        .sh(r#"echo "ready worker=0 pid=$$"
            until [ -e go ]; do sleep 0.01; done
            read -r line <"$STOPCTL_FLAG"; exec "$0" speaker <say"#)
        .zoo_as_argument()
        .start();
    run.ready(1);
    // By then it is watched.
    std::thread::sleep(Duration::from_millis(50));
    for (name, text) in [("say", "ready\n"), ("begin", "")] {
        std::fs::write(base.file(name), text).expect("a file");
    }
    send(run.pid(), Signal::SIGCHLD);
    let end = run.finish();
    end.expect(0);
    let told: Vec<&str> = end
        .events
        .all()
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let at = |what| told.iter().position(|event| *event == what);
    let (looked, ready, ended) = (
        at("flag_first_read"),
        at("worker_ready"),
        at("worker_ended"),
    );
    assert!(looked.is_some() && looked < ended, "{told:?}");
    assert!(ready.is_some() && ready < ended, "{told:?}");
    assert!(
        !end.err().contains("no process of a worker"),
        "{}",
        end.err()
    );
}
