//! What `stopctl run` ends with: the worker's own status, or one of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::started::{Ended, send};
use crate::support::until::finds;

#[test]
fn every_exit_code_comes_through() {
    let base = Base::new();
    for code in 0..=255 {
        let run = base
            .scenario()
            .without_events()
            .command(&["/bin/sh", "-c", &format!("exit {code}")])
            .start();
        let end = run.finish();
        assert_eq!(end.ended, Ended::Code(code), "{}", end.err());
    }
}

#[test]
fn we_die_of_the_signal_the_worker_died_of() {
    let base = Base::new();
    for number in (1..=15).chain([34, 37, 64]) {
        let run = base
            .scenario()
            .through(r#"ulimit -c 0; exec "$@""#)
            .sh(&format!("kill -{number} $$; sleep 10"))
            .start();
        let end = run.finish();
        let expected = match number {
            9 => Ended::Code(137),
            _ => Ended::Signal(number),
        };
        assert_eq!(end.ended, expected, "signal {number}: {}", end.err());
        assert_eq!(end.events.ended(0)["signal"], number);
        assert!(end.events.ended(0)["exit_code"].is_null());
    }
}

#[test]
fn the_first_that_failed_decides_among_several() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(3)
        .sh(r"case $STOPCTL_WORKER in
              0) exit 0;;
              1) while [ ! -e first ]; do sleep 0.01; done; sleep 0.2; exit 11;;
              2) : >first; exit 22;;
            esac")
        .start();
    run.finish().expect(22);
}

#[test]
fn one_that_failed_unasked_comes_before_those_that_were_asked() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .options(&["--stop-on-exit"])
        .sh(r#"if [ $STOPCTL_WORKER = 0 ]; then
                while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
                exit 4
              fi
              exit 5"#)
        .start();
    run.finish().expect(5);
}

#[test]
fn the_worker_that_made_us_stop_decides_even_with_zero() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .options(&["--stop-on-exit"])
        .sh(r#"if [ $STOPCTL_WORKER = 0 ]; then
                while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
                exit 4
              fi
              exit 0"#)
        .start();
    run.finish().expect(0);
}

#[test]
fn k14a_ctrl_c_is_a_death_by_sigint_whatever_the_workers_needed() {
    let base = Base::new();
    for (worker, outcome, own) in [
        (&["polite", "9"], "flag", 9),
        (&["handler", "6"], "term", 6),
        (&["deaf", "0"], "kill", 137),
    ] {
        for preserve in [false, true] {
            let options = ["--preserve-status"];
            let run = base
                .scenario()
                .times("300ms", "300ms")
                .options(&options[..usize::from(preserve)])
                .zoo(worker)
                .start();
            run.ready(1);
            run.signal(Signal::SIGINT);
            let end = run.finish();
            assert_eq!(end.events.outcomes(), [outcome]);
            let told = end.events.only("run_ended")["status"].clone();
            if preserve {
                assert_eq!(told, end.expect(own).events.only("run_ended")["status"]);
                assert_eq!(told, own);
            } else {
                end.expect_signal(2);
                assert_eq!(told, 130);
            }
        }
    }
}

#[test]
fn k14b_ctrl_c_counts_whatever_has_stopped_the_workers_before() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("both")
        .options(&["--stopped-status", "9"])
        .times("infinity", "10s")
        .zoo(&["handler", "6"])
        .start();
    run.ready(1);
    base.call(&["stop", "both", "--no-wait"]).expect(0);
    run.wait_for("asked");
    run.signal(Signal::SIGINT);
    let end = run.finish();
    end.expect_signal(2);
    assert_eq!(end.events.only("run_ended")["reason"], "user");
}

#[test]
fn sigint_comes_before_124() {
    let base = Base::new();
    // Asked by the timeout, then by Ctrl-C, and it leaves when asked.
    let run = base
        .scenario()
        .options(&["--timeout", "10s"])
        .zoo(&["polite"])
        .start();
    run.ready(1);
    run.signal(Signal::SIGINT);
    run.finish().expect_signal(2);
}

#[test]
fn a_timeout_comes_before_the_workers_own() {
    let base = Base::new();
    for worker in ["polite", "handler", "deaf"] {
        let run = base
            .scenario()
            .times("100ms", "100ms")
            .options(&["--timeout", "200ms"])
            .zoo(&[worker, "9"])
            .start();
        run.finish().expect(124);
    }
}

#[test]
fn k14c_a_shells_loop_and_script_end_with_us() {
    let base = Base::new();
    let script = r#"for i in 1 2 3; do
          "$STOPCTL" run --grace 200ms --kill-after 200ms -- "$ZOO" $WORKER; echo "after $i"
        done; echo "went on""#;
    for (shell, worker) in [
        ("bash", "polite"),
        ("bash", "handler"),
        ("bash", "deaf"),
        ("dash", "deaf"),
    ] {
        let mut command = base.command(shell);
        command
            .args(["-c", script])
            .env("STOPCTL", Base::program())
            .env("ZOO", crate::support::examples::zoo())
            .env("WORKER", worker)
            .process_group(0);
        let run = crate::support::started::Started::begin(command, base.root(), None);
        run.ready(1);
        // A terminal's Ctrl-C reaches the shell and stopctl alike; the workers are elsewhere.
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(run.pid()), Signal::SIGINT)
            .expect("SIGINT to the group");
        let end = run.finish();
        end.expect_signal(2);
        assert!(
            !end.out().contains("after"),
            "{shell} {worker}: {}",
            end.out()
        );
    }
}

#[test]
fn a1_a_command_that_is_missing_is_127() {
    let base = Base::new();
    for command in ["no-such-command", "/no/such/path", "./no-such-file"] {
        base.call(&["run", "--", command]).expect(127).says(command);
        base.check();
    }
}

#[test]
fn a1_a_command_that_cannot_be_run_is_126() {
    let base = Base::new();
    fs::create_dir(base.file("directory")).expect("mkdir");
    fs::write(base.file("plain"), "#!/bin/sh\n").expect("write");
    for command in ["./directory", "./plain"] {
        base.call(&["run", "--", command]).expect(126).says(command);
        base.check();
    }
}

#[test]
fn a1_a_script_without_an_interpreter_line_is_run_by_the_shell() {
    let base = Base::new();
    let script = base.file("script");
    fs::write(&script, "echo \"by a shell: $1\"\nexit 3\n").expect("write");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("chmod");
    let answer = base.call(&["run", "--", "./script", "word"]);
    answer.expect(3);
    assert_eq!(answer.out, "by a shell: word\n");
}

#[test]
fn a1_an_interpreter_that_is_missing_is_127() {
    let base = Base::new();
    let script = base.file("script");
    fs::write(&script, "#!/no/such/interpreter\n").expect("write");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("chmod");
    base.call(&["run", "--", "./script"]).expect(127);
}

#[test]
fn bad_usage_is_125_for_wrappers_and_2_for_the_others() {
    let base = Base::new();
    for arguments in [
        &["run"][..],
        &["run", "--no-such-option", "--", "true"],
        &["run", "-n", "0", "--", "true"],
        &["run", "-n", "1000000", "--", "true"],
        &["run", "-n", "-1", "--", "true"],
        &["run", "-n", "two", "--", "true"],
        &["run", "--signal", "NOTHING", "--", "true"],
        &["run", "--stopped-status", "256", "--", "true"],
        &["run", "--stdin", "file", "--", "true"],
        &["run", "--forward", "NOTHING", "--", "true"],
        &["run", "--stop-on-exit", "--stop-on-failure", "--", "true"],
        &["wait", "--no-such-option"],
        &["keep-going", "--no-such-option"],
        &["sleep"],
        &["sleep", "1M"],
    ] {
        let answer = base.call(arguments);
        assert_eq!(answer.ended, Ended::Code(125), "{arguments:?}: {answer:?}");
        assert!(!answer.err.is_empty(), "{arguments:?} says nothing");
    }
    for arguments in [
        &["stop", "--no-such-option"][..],
        &["stop", "--reason", "Not A Word"],
        &["stop", "--reason", "seventeen-letters"],
        &["status", "--no-such-option"],
        &["list", "--no-such-option"],
        &["completions", "no-such-shell"],
        &["no-such-command"],
    ] {
        let answer = base.call(arguments);
        assert_eq!(answer.ended, Ended::Code(2), "{arguments:?}: {answer:?}");
        assert!(!answer.err.is_empty(), "{arguments:?} says nothing");
    }
    base.check();
}

#[test]
fn a_mistyped_option_is_an_error_and_never_the_command() {
    let base = Base::new();
    base.call(&["run", "--grase", "1s", "true"])
        .expect(125)
        .says("--grase");
    // Behind the command, options are the command's.
    let answer = base.call(&["run", "echo", "--grace", "x"]);
    answer.expect(0);
    assert_eq!(answer.out, "--grace x\n");
}

#[test]
fn our_own_failure_is_125() {
    let base = Base::new();
    base.call(&["run", "--events", "/no/such/directory/file", "--", "true"])
        .expect(125)
        .says("/no/such/directory/file");
    base.check();
}

#[test]
fn wait_exits_with_the_status_of_the_run() {
    let base = Base::new();
    for (script, expected) in [
        ("exit 42", 42),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
    ] {
        let run = base
            .scenario()
            .name("waited")
            .sh(&format!("echo ready; read -r line; {script}"))
            .start();
        run.wait_for("ready");
        let wait = finds(&base, "waited", base.begin(&["wait", "waited"]));
        run.finish();
        wait.finish().expect(expected);
    }
}

#[test]
fn wait_knows_no_such_run_and_its_own_timeout() {
    let base = Base::new();
    base.call(&["wait", "nobody"]).expect(127).says("nobody");
    let run = base.scenario().name("long").zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    base.call(&["wait", "long", "--timeout", "100ms"])
        .expect(124);
    send(pid, Signal::SIGUSR1);
    assert_eq!(run.wait_for("look").text, "look 0", "the run goes on");
    base.call(&["stop", "long"]).expect(0);
    run.finish().expect(0);
}
