//! What people see: on standard error, in plain lines, never in the ladder's way.

mod chosen;
mod full;
mod mistakes;
mod places;

use std::time::Instant;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::started::Ended;

#[test]
fn nothing_is_said_while_nothing_happens() {
    let base = Base::new();
    let run = base.scenario().workers(3).sh("exit 0").start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.err(), "");
    assert_eq!(end.out(), "");
}

#[test]
fn a_single_worker_that_fails_is_the_callers_to_report() {
    let base = Base::new();
    let run = base.scenario().sh("exit 3").start();
    let end = run.finish();
    end.expect(3);
    assert_eq!(end.err(), "");
}

#[test]
fn a_failure_among_several_is_never_silent() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .name("some")
        .sh(r#"[ $STOPCTL_WORKER = 1 ] && exit 7; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    run.ready(1);
    let line = run.wait_for("worker 1 failed");
    assert_eq!(
        line.text,
        "stopctl: worker 1 failed: exit status 7; worker 0 still running"
    );
    base.call(&["stop", "some"]).expect(0);
    run.finish().expect(7);
}

#[test]
fn the_end_of_a_worker_that_was_stopped_alone_is_told_and_a_later_stop_has_its_own_time() {
    let base = Base::new();
    let run = base.scenario().name("few").workers(3).times("1h", "1h");
    let run = run.zoo(&["polite"]).start();
    run.ready(3);
    for worker in ["2", "1"] {
        base.call(&["stop", "few", "-w", worker]).expect(0);
        let line = run.wait_for(&format!("s   worker {worker} left when asked"));
        assert!(!line.text.contains("still there"), "{}", line.text);
    }
    let began = Instant::now();
    base.call(&["stop", "few"]).expect(0);
    let end = run.finish();
    let time = began.elapsed().as_secs_f64();
    end.expect(0);
    let said = end.err();
    let told = said.split("few is over after ").nth(1);
    let told = told.and_then(|rest| rest.split(' ').next()).expect(&said);
    let told: f64 = told.parse().expect(told);
    assert!(told <= time + 0.05, "after {time} s: {said}");
}

#[test]
fn whoever_comes_next_is_named_where_somebody_else_was_killed() {
    let base = Base::new();
    let run = base.scenario().name("few").workers(2).times("1h", "1h");
    let run = run.zoo(&["blind"]).start();
    run.ready(2);
    base.call(&["stop", "few", "--no-wait"]).expect(0);
    base.call(&["stop", "few", "-w", "0", "--kill"]).expect(0);
    run.wait_for("SIGKILL to worker 0; SIGTERM to worker 1 in ");
    base.call(&["stop", "few", "--kill"]).expect(0);
    run.finish();
}

#[test]
fn a_whole_ladder_is_told_line_by_line() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("train")
        .workers(3)
        .times("2s", "1s")
        .sh(r#"[ $STOPCTL_WORKER = 2 ] && exec "$0" blind; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    let pids = run.ready(3);
    run.signal(Signal::SIGINT);
    let end = run.finish();
    end.expect_signal(Signal::SIGINT as i32);
    let said = end.err();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        "stopctl: stopping train (Ctrl-C): 3 workers asked; SIGTERM in 2 s"
    );
    assert_eq!(
        lines[1],
        format!(
            "stopctl: worker 2 (sh, pid {}) has never looked at its flag, so it may run on until \
             SIGTERM: \"stopctl stop train -w 2 --term\" sends that now; \"stopctl run \
             --unaware-grace auto\" waits less for such programs",
            pids[2]
        )
    );
    assert!(
        lines[2].starts_with("stopctl: +0.")
            && lines[2].ends_with("workers 0, 1 left when asked; still there: worker 2"),
        "{said}"
    );
    let term = lines
        .iter()
        .find(|line| line.contains("SIGTERM to worker 2"))
        .unwrap_or_else(|| panic!("{said}"));
    assert!(
        term.starts_with("stopctl: +2.") && term.ends_with("SIGTERM to worker 2; SIGKILL in 1 s"),
        "{said}"
    );
    let kill = lines
        .iter()
        .find(|line| line.contains("SIGKILL to worker 2"))
        .unwrap_or_else(|| panic!("{said}"));
    assert!(kill.starts_with("stopctl: +3."), "{said}");
    let last = lines.last().expect("lines");
    assert!(
        last.starts_with("stopctl: train is over after 3.")
            && last.ends_with(" s: 2 left when asked (workers 0, 1), 1 needed SIGKILL (worker 2)"),
        "{said}"
    );
    assert!(
        !said.contains("again"),
        "key hints are for terminals: {said}"
    );
    assert!(!said.contains('\x1b'), "colours are for terminals: {said}");
}

#[test]
fn stop_always_says_what_it_stops() {
    let base = Base::new();
    let run = base.scenario().name("named").zoo(&["polite"]).start();
    run.ready(1);
    let stop = base.call(&["stop"]);
    stop.expect(0).says("named");
    assert_eq!(stop.out, "", "messages are on stderr");
    assert!(
        stop.err.lines().all(|line| line.starts_with("stopctl: ")),
        "{stop:?}"
    );
    run.finish().expect(0);
}

#[test]
fn a_stop_that_waits_says_who_is_still_there() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("slow")
        .workers(2)
        .times("6s", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(2);
    let stop = base.call(&["stop", "slow"]);
    stop.expect(0)
        .says("slow: still there: workers 0, 1; SIGTERM in ");
    run.finish().expect(0);
}

#[test]
fn quiet_says_nothing_but_errors() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("quiet")
        .workers(2)
        .times("100ms", "100ms")
        .options(&["--quiet"])
        .zoo(&["blind"])
        .start();
    run.ready(2);
    let stop = base.call(&["stop", "quiet", "--quiet"]);
    stop.expect(0);
    assert_eq!(stop.err, "");
    let end = run.finish();
    assert_eq!(end.err(), "");
    base.call(&["run", "--quiet", "--", "no-such-command"])
        .expect(127)
        .says("no-such-command");
}

#[test]
fn verbose_names_every_signal_that_is_sent() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("loud")
        .times("100ms", "100ms")
        .options(&["-v"])
        .zoo(&["deaf"])
        .start();
    let pid = run.ready(1)[0].to_string();
    base.call(&["stop", "loud"]).expect(0);
    let end = run.finish();
    for signal in ["SIGTERM", "SIGCONT", "SIGKILL"] {
        assert!(
            end.err()
                .lines()
                .any(|line| line.contains(signal) && line.contains(&pid)),
            "no {signal} to {pid}: {}",
            end.err()
        );
    }
}

#[test]
fn names_and_texts_are_escaped_before_they_are_printed() {
    let base = Base::new();
    let hostile = base.file("evil\x1b[31m\nname");
    std::os::unix::fs::symlink(crate::support::examples::zoo(), &hostile).expect("a link");
    let hostile = hostile.to_str().expect("UTF-8").to_string();
    let run = base
        .scenario()
        .name("hostile")
        .times("100ms", "100ms")
        .command(&[&hostile, "blind"])
        .start();
    run.ready(1);
    for command in ["list", "status"] {
        let answer = base.call(&[command]);
        assert!(!answer.out.contains('\x1b'), "{answer:?}");
    }
    base.call(&["stop", "hostile"]).expect(0);
    let end = run.finish();
    assert!(!end.err().contains('\x1b'), "{}", end.err());
    assert!(
        end.err().lines().all(|line| line.starts_with("stopctl: ")),
        "{}",
        end.err()
    );
    let answer = base.call(&["stop", "--", "\x1b[31mred"]);
    assert!(!answer.err.contains('\x1b'), "{answer:?}");
}

#[test]
fn a_command_that_is_one_quoted_word_gets_a_hint() {
    let base = Base::new();
    base.call(&["run", "--", "sleep 10"])
        .expect(127)
        .says("sleep 10");
    let answer = base.call(&["run", "--", "sleep 10"]);
    assert!(
        answer.err.contains("word") || answer.err.contains("quot"),
        "{answer:?}"
    );
}

#[test]
fn a_ci_runner_with_a_shell_in_between_gets_a_hint() {
    let base = Base::new();
    let answer = base.sh(r#"CI=true "$STOPCTL" run -- true; exit $?"#);
    assert_eq!(answer.ended, Ended::Code(0));
    assert!(answer.err.contains("exec stopctl run"), "{answer:?}");
}

#[test]
fn k23a_a_line_has_an_end_however_many_processes_are_left_behind() {
    let base = Base::new();
    let run = base
        .scenario()
        .sh("trap '' TERM; for n in $(seq 100); do sleep 60 & done; exit 0")
        .start();
    let end = run.finish();
    end.expect(0)
        .says("worker 0 left processes behind: sleep (pid ");
    end.says(" and 90 more");
    let err = end.err();
    assert!(err.lines().all(|line| line.len() < 400), "{err}");
    assert_eq!(end.events.of("straggler").len(), 100);
}
