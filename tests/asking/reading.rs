//! What is told without being asked to change anything: wait, keep-going, sleep, completions; what
//! `stop --json` tells; and `stop` and `status` from inside a worker.

mod status;

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::base::Base;
use crate::support::started::{Ended, send};
use crate::support::until::{finds, until};

/// A worker in sh that uses the product's own reading side.
const SLEEPER: &str =
    r#"echo "ready worker=$STOPCTL_WORKER pid=$$"; "$STOPCTL" sleep 1h; echo "slept $?""#;

#[test]
fn stop_with_json_tells_what_became_of_every_worker() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("told")
        .workers(2)
        .times("200ms", "200ms")
        .sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" polite; exec "$0" deaf"#)
        .zoo_as_argument()
        .start();
    run.ready(2);
    let answer = base.call(&["stop", "told", "--json"]);
    answer.expect(0);
    let json = answer.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(1));
    let told = &json["runs"][0];
    assert_eq!(told["state"], "over");
    assert_eq!(told["reason"], "user");
    let workers = &told["workers"];
    assert_eq!(workers[0]["outcome"], "flag");
    assert_eq!(workers[0]["exit_code"], 0);
    assert_eq!(workers[0]["looked"], true);
    assert_eq!(workers[1]["outcome"], "kill");
    assert_eq!(workers[1]["signal"], 9);
    assert!(
        workers[1]["flag_to_end_ms"]
            .as_u64()
            .is_some_and(|ms| ms >= 400),
        "{told}"
    );
    run.finish().expect(137);
}

#[test]
fn keep_going_is_0_until_a_stop_is_asked_then_1() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("script")
        .environment("STOPCTL", Base::program())
        .sh(r#"echo ready; while "$STOPCTL" keep-going; do sleep 0.02; done; echo "left with $?"; exit 5"#)
        .start();
    run.wait_for("ready");
    base.call(&["stop", "script"]).expect(0);
    let end = run.finish();
    end.expect(5);
    assert_eq!(end.events.outcomes(), ["flag"]);
    assert_eq!(end.events.ended(0)["looked"], true);
}

#[test]
fn sleep_returns_at_once_with_1_when_a_stop_is_asked() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("sleeper")
        .environment("STOPCTL", Base::program())
        .sh(SLEEPER)
        .start();
    run.ready(1);
    run.wait_for_events("flag_first_read", 1);
    let asked = Instant::now();
    base.call(&["stop", "sleeper"]).expect(0);
    let took = asked.elapsed();
    let end = run.finish();
    assert!(end.out().contains("slept 1"), "{}", end.out());
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn sleep_under_a_raised_flag_does_not_sleep() {
    let base = Base::new();
    let flag = base.file("flag");
    fs::write(&flag, include_bytes!("../golden/stopping.flag")).expect("write");
    let mut command = base.stopctl(&["sleep", "1h"]);
    command.env("STOPCTL_FLAG", &flag);
    base.answer(command).expect(1);
}

#[test]
fn sleep_sees_the_death_of_the_supervisor() {
    let mut base = Base::new();
    base.leaves_something();
    let run = base
        .scenario()
        .name("orphaned")
        .without_events()
        .options(&["--no-guard"])
        .environment("STOPCTL", Base::program())
        .sh(SLEEPER)
        .start();
    run.ready(1);
    until("it looked", || {
        let status = base.call(&["status", "orphaned", "--json"]).json();
        status["runs"][0]["workers"][0]["looked"] == true
    });
    run.signal(Signal::SIGKILL);
    // The owner word, which the kernel marks, is looked at every second.
    run.wait_for("slept 1");
    run.finish().expect_signal(9);
}

#[test]
fn wait_takes_the_only_run_and_sleeps_until_it_is_over() {
    let base = Base::new();
    let mut run = base
        .scenario()
        .name("only")
        .sh("echo ready; read -r line; exit 4")
        .start();
    run.wait_for("ready");
    let wait = finds(&base, "only", base.begin(&["wait"]));
    run.close_stdin();
    run.finish().expect(4);
    wait.finish().expect(4);
}

#[test]
fn wait_for_a_run_whose_supervisor_died_is_125() {
    let mut base = Base::new();
    base.leaves_something();
    let run = base
        .scenario()
        .name("lost")
        .without_events()
        .options(&["--no-guard"])
        .zoo(&["polite"])
        .start();
    let pid = run.ready(1)[0];
    let wait = finds(&base, "lost", base.begin(&["wait", "lost"]));
    run.signal(Signal::SIGKILL);
    wait.finish().expect(125);
    send(pid, Signal::SIGKILL);
    run.finish().expect_signal(9);
}

#[test]
fn g20_stop_inside_a_worker_stops_its_own_run_without_waiting() {
    let base = Base::new();
    let other = base.scenario().name("other").zoo(&["polite"]).start();
    let bystander = other.ready(1)[0];
    let run = base
        .scenario()
        .name("mine")
        .workers(2)
        .times("10s", "10s")
        .environment("STOPCTL", Base::program())
        .sh(r#"if [ $STOPCTL_WORKER = 0 ]; then
                 while [ ! -e go ]; do sleep 0.01; done
                 "$STOPCTL" stop; echo "stop returned $?"; exit 8
               fi
               exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    // The other one has started when it is ready; only then the stop is due.
    run.ready(1);
    fs::write(base.file("go"), "").expect("write");
    run.wait_for("stop returned 0");
    let end = run.finish();
    end.expect(8);
    assert!(end.took < Duration::from_secs(9), "G20: {:?}", end.took);
    assert_eq!(end.events.outcomes()[1], "flag");
    send(bystander, Signal::SIGUSR1);
    assert_eq!(
        other.wait_for("look").text,
        "look 0",
        "G20: not another run"
    );
    base.call(&["stop", "other"]).expect(0);
    other.finish().expect(0);
}

#[test]
fn status_inside_a_worker_is_about_its_own_run() {
    let base = Base::new();
    let other = base.scenario().name("other").zoo(&["polite"]).start();
    other.ready(1);
    let run = base
        .scenario()
        .name("mine")
        .environment("STOPCTL", Base::program())
        .sh(r#""$STOPCTL" status --json"#)
        .start();
    let end = run.finish();
    let json: Value = serde_json::from_str(end.out().trim()).expect("JSON");
    assert_eq!(json["runs"][0]["name"], "mine");
    base.call(&["stop", "other"]).expect(0);
    other.finish().expect(0);
}

#[test]
fn completions_are_scripts_their_shells_can_read() {
    let base = Base::new();
    for (shell, word) in [
        ("bash", "complete"),
        ("zsh", "#compdef"),
        ("fish", "complete -c stopctl"),
    ] {
        let answer = base.call(&["completions", shell]);
        answer.expect(0);
        assert!(answer.out.contains(word), "{shell}: {}", answer.out);
        assert!(answer.out.contains("--kill-after"), "{shell}");
        assert!(
            answer.out.contains("list --names"),
            "{shell}: names of runs"
        );
    }
    let mut command = base.command("bash");
    command.args(["-n", "-c", &base.call(&["completions", "bash"]).out]);
    base.answer(command).expect(0);
}

#[test]
fn help_and_version_are_on_stdout_with_0() {
    let base = Base::new();
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["run", "-h"],
        &["--version"],
    ] {
        let answer = base.call(arguments);
        assert_eq!(answer.ended, Ended::Code(0), "{arguments:?}: {answer:?}");
        assert!(answer.out.contains("stopctl"), "{arguments:?}: {answer:?}");
        assert_eq!(answer.err, "");
    }
}
