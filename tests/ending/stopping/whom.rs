//! Whom the stop signal reaches, and whom SIGKILL does.

use std::fs;

use nix::sys::signal::Signal;

use super::scene::{BUSY, wait_for_record};
use crate::support::base::Base;
use crate::support::owner::guard_of;
use crate::support::started::{End, Started};

/// A shell with a trap, and in its foreground a program that says each signal it gets: the shell
/// runs its trap when that has ended.
const ENTRYPOINT: &str = r#"trap 'echo cleanup; exit 0' TERM
    sh -c 'trap "echo inner; exit 0" TERM; echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done'
    echo not reached"#;

/// A shell whose children, one of them in a session of its own, write down each SIGTERM.
const FAMILY: &str = r#"child() { trap "echo $1 >>got" TERM; echo "ready worker=$1 pid=0"
        n=0; until [ -s got ] && [ $n -gt 40 ]; do n=$((n + 1)); sleep 0.02; done; }
    trap 'echo main >>got' TERM
    child near & near=$!
    export -f child 2>/dev/null
    setsid bash -c 'child far' & far=$!
    wait $near; wait $near; wait $far; wait $far; exit 0"#;

fn asked(base: &Base, options: &[&str], script: &str, ready: usize) -> End {
    let run = base.scenario().name("whom").options(options);
    let run = run.command(&["bash", "-c", script]).start();
    run.wait_for_each("ready worker=", ready);
    base.call(&["stop", "whom"]).expect(0);
    run.finish()
}

#[test]
fn k16a_a_signal_to_the_group_reaches_what_a_shell_waits_for() {
    let base = Base::new();
    let options = ["--grace", "0", "--kill-after", "1h", "--signal-to", "group"];
    let end = asked(&base, &options, ENTRYPOINT, 1);
    end.expect(0);
    assert!(end.took < BUSY);
    assert!(end.out().contains("inner\ncleanup"), "{}", end.out());
    assert_eq!(end.events.outcomes(), ["term"]);
}

#[test]
fn k16b_it_reaches_everybody_of_the_tree_once() {
    let base = Base::new();
    let options = ["--grace", "0", "--kill-after", "1h", "--signal-to", "group"];
    let end = asked(&base, &options, FAMILY, 2);
    end.expect(0);
    let got = fs::read_to_string(base.file("got")).expect("written");
    let mut got: Vec<&str> = got.lines().collect();
    got.sort_unstable();
    assert_eq!(got, ["far", "main", "near"]);
}

#[test]
fn k16c_to_the_main_process_alone_a_trap_may_save_by_a_child_to_the_end() {
    let base = Base::new();
    let options = ["--grace", "0", "--kill-after", "5s", "--signal-to", "main"];
    // More than half of kill-after, when the rest of the tree would have SIGTERM by default.
    let script = r#"trap 'sh -c "sleep 2.7 && echo saved"; exit 0' TERM
        echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done"#;
    let end = asked(&base, &options, script, 1);
    end.expect(0);
    assert!(end.out().contains("saved"), "{}", end.out());
}

#[test]
fn k16c_what_is_left_of_it_then_gets_sigkill_alone() {
    let base = Base::new();
    let options = [
        "--grace",
        "0",
        "--kill-after",
        "500ms",
        "--signal-to",
        "main",
    ];
    // Both have their traps before anybody says that they are ready.
    let script = r#"trap 'exit 0' TERM
        sh -c 'trap "echo inner got it" TERM; echo "ready worker=0 pid=$$"
            while :; do sleep 0.02; done' & wait"#;
    let end = asked(&base, &options, script, 1);
    end.expect(0);
    assert!(!end.out().contains("inner got it"), "{}", end.out());
    let signals = end.events.signals(0);
    assert_eq!(signals.first().map(String::as_str), Some("SIGTERM"));
    assert_eq!(signals.last().map(String::as_str), Some("SIGKILL"));
    assert_eq!(signals.iter().filter(|sent| *sent == "SIGTERM").count(), 1);
}

fn with_its_supervisor_killed(base: &Base, whom: &str, kill_after: &str, script: &str) -> Started {
    let run = base.scenario().name("whom").times("200ms", kill_after);
    let run = run.options(&["-v", "--signal-to", whom]);
    let run = run.command(&["bash", "-c", script]).start();
    guard_of(&run);
    wait_for_record(base, "whom");
    run.wait_for("ready worker=");
    run.signal(Signal::SIGKILL);
    run
}

#[test]
fn k16d_who_takes_over_signals_the_same() {
    let base = Base::new();
    let run = with_its_supervisor_killed(&base, "group", "1m", ENTRYPOINT);
    run.wait_for("cleanup");
    let end = run.finish();
    end.expect_signal(9);
    assert!(!end.events.signals(0).contains(&"SIGKILL".to_owned()));

    let base = Base::new();
    let run = with_its_supervisor_killed(&base, "main", "500ms", ENTRYPOINT);
    let end = run.finish();
    end.expect_signal(9);
    let out = end.out();
    assert!(!out.contains("inner") && !out.contains("cleanup"), "{out}");
    assert!(end.events.signals(0).contains(&"SIGKILL".to_owned()));
}

#[test]
fn k16e_the_group_and_stragglers_that_are_left_exclude_each_other() {
    let base = Base::new();
    let options = ["--signal-to", "group", "--stragglers", "leave"];
    let answer = base.call(&[&["run"][..], &options, &["true"]].concat());
    answer
        .expect(125)
        .says("--signal-to group signals the processes that --stragglers leave");
}

#[test]
fn k9a_sigkill_reaches_a_main_process_that_moved_to_another_group() {
    let base = Base::new();
    let run = base.scenario().name("moved").options(&["--foreground"]);
    let run = run.times("200ms", "200ms").zoo(&["mover"]).start();
    run.ready(1);
    base.call(&["stop", "moved"]).expect(0);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes(), ["kill"]);
}

#[test]
fn k9a_and_it_does_when_the_supervisor_is_dead() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("moved")
        .options(&["-v", "--foreground"]);
    let run = run.times("200ms", "200ms").zoo(&["mover"]).start();
    guard_of(&run);
    wait_for_record(&base, "moved");
    run.ready(1);
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    end.expect_signal(9);
    assert_eq!(
        end.events.signals(0).last().map(String::as_str),
        Some("SIGKILL")
    );
}
