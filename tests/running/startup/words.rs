//! Names and times, as they are typed and as they stand in the environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::started::Ended;

#[test]
fn a19_a_name_that_is_taken_is_refused_with_the_winners_pid() {
    let base = Base::new();
    let run = base.scenario().name("taken").zoo(&["polite"]).start();
    run.ready(1);
    base.call(&["run", "--name", "taken", "--", "true"])
        .expect(125)
        .says("taken")
        .says(&run.pid().to_string())
        .says("zoo");
    base.call(&["stop", "taken"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a_name_held_by_a_dead_supervisor_is_waited_for() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("dead")
        .without_events()
        .options(&["--no-guard"])
        .zoo(&["polite"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGKILL);
    assert_eq!(run.wait_for_exit(), Ended::Signal(9));
    base.call(&["run", "--name", "dead", "--", "true"])
        .expect(0)
        .says("run 'dead' was left by its dead supervisor: stopping its 1 worker");
    run.wait_for("flag 1   lost");
    run.finish().expect_signal(9);
}

#[test]
fn a20_invalid_names_are_refused() {
    let base = Base::new();
    let long = "n".repeat(65);
    let longer = "n".repeat(300);
    for name in [
        "",
        "/",
        ".",
        "..",
        "../x",
        "a/b",
        ".hidden",
        "-dash",
        "two words",
        "tab\t",
        "new\nline",
        "\u{e9}t\u{e9}",
        "semi;colon",
        "*",
        &long,
        &longer,
    ] {
        let answer = base.call(&["run", &format!("--name={name}"), "--", "true"]);
        assert_eq!(answer.ended, Ended::Code(125), "A20 {name:?}: {answer:?}");
        assert!(!answer.err.is_empty(), "A20 {name:?}: silent");
        assert!(!answer.err.contains('\t'), "A20: the name is escaped");
        let answer = base.call(&["stop", "--", name]);
        assert!(
            matches!(answer.ended, Ended::Code(2 | 3)),
            "A20 stop {name:?}: {answer:?}"
        );
    }
    let mut command = base.stopctl(&["run", "--name"]);
    command
        .arg(OsStr::from_bytes(b"\xff\xfe"))
        .args(["--", "true"]);
    base.answer(command).expect(125);
    base.check();
}

#[test]
fn a20_valid_names_are_taken_as_they_are() {
    let base = Base::new();
    let longest = "n".repeat(64);
    for name in ["a", "A.b_c-9", "0", "a..b", &longest] {
        let run = base
            .scenario()
            .name(name)
            .sh("echo \"$STOPCTL_RUN\"")
            .start();
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.out().trim_end(), name);
    }
}

#[test]
fn a20_without_a_name_a_run_has_the_commands_and_our_pid() {
    let base = Base::new();
    let awkward = base.file("two words & more");
    std::os::unix::fs::symlink("/bin/sh", &awkward).expect("a link");
    let path = awkward.to_str().expect("UTF-8");
    let run = base
        .scenario()
        .command(&[path, "-c", "echo \"$STOPCTL_RUN\""])
        .start();
    let pid = run.pid();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.out().trim_end(), format!("two-words---more-{pid}"));
}

#[test]
fn a21_bad_durations_are_refused_everywhere() {
    let base = Base::new();
    for duration in [
        "-1",
        "-1s",
        "1e400",
        "1e3",
        "9999999999999999999999d",
        "",
        " ",
        "1M",
        "1 s",
        "s",
        "NaN",
        "inf",
        "1s1",
        "0x10",
        "1,5s",
        "\u{ff11}s",
        "1w",
        "1y",
        "+1s",
        "1.s.",
        "--",
    ] {
        for option in [
            "--grace",
            "--kill-after",
            "--stop-within",
            "--timeout",
            "--unaware-grace",
        ] {
            let answer = base.call(&["run", &format!("{option}={duration}"), "--", "true"]);
            assert_eq!(
                answer.ended,
                Ended::Code(125),
                "A21 {option}={duration:?}: {answer:?}"
            );
            assert!(!answer.err.is_empty(), "A21 {option}={duration:?}: silent");
        }
        let answer = base.call(&["stop", &format!("--grace={duration}"), "--if-running"]);
        assert_eq!(
            answer.ended,
            Ended::Code(2),
            "A21 stop {duration:?}: {answer:?}"
        );
        let answer = base.call(&["sleep", "--", duration]);
        assert_eq!(
            answer.ended,
            Ended::Code(125),
            "A21 sleep {duration:?}: {answer:?}"
        );
    }
    base.check();
}

#[test]
fn a21_good_durations_are_taken() {
    let base = Base::new();
    for duration in [
        "10", "1.5s", "500ms", "1m30s", "2h", "1d", "infinity", "0.5",
    ] {
        let answer = base.call(&["run", &format!("--grace={duration}"), "--", "true"]);
        assert_eq!(answer.ended, Ended::Code(0), "A21 {duration}: {answer:?}");
    }
    let run = base.scenario().times("1m30s", "1.5s").sh("exit 0").start();
    let end = run.finish();
    assert_eq!(end.events.only("run_started")["grace_ms"], 90_000);
    assert_eq!(end.events.only("run_started")["kill_after_ms"], 1500);
}

#[test]
fn stop_within_divides_the_time() {
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--stop-within", "100s"])
        .sh("exit 0")
        .start();
    let end = run.finish();
    assert_eq!(end.events.only("run_started")["grace_ms"], 80_000);
    assert_eq!(end.events.only("run_started")["kill_after_ms"], 15_000);
}

#[test]
fn times_have_environment_variables_and_options_win() {
    let base = Base::new();
    let run = base
        .scenario()
        .environment("STOPCTL_GRACE", "3s")
        .environment("STOPCTL_KILL_AFTER", "4s")
        .options(&["--kill-after", "5s"])
        .sh("exit 0")
        .start();
    let end = run.finish();
    assert_eq!(end.events.only("run_started")["grace_ms"], 3000);
    assert_eq!(end.events.only("run_started")["kill_after_ms"], 5000);
}
