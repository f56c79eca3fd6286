//! What is told of the end of a worker, of a status, and of the time of day: no more than is known.

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::preload::clock_put_back;
use crate::support::started::{Started, send};

/// Looks at its flag until it is raised, then does this.
fn asked(then: &str) -> String {
    format!(
        r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
        while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.01; done
        {then}"#
    )
}

/// Starts it, waits until it is ready, and asks it to stop; what `stop` with these options said.
fn stopped(
    base: &Base,
    run: Started,
    options: &[&str],
    status: i32,
) -> (String, crate::support::started::End) {
    run.wait_for("ready");
    let arguments = [&["stop", "told"], options].concat();
    let answer = base.call(&arguments);
    answer.expect(status);
    let end = run.finish();
    (format!("{}{}", answer.out, answer.err), end)
}

#[test]
fn k24a_who_fails_when_asked_is_told_so_by_run_and_by_stop() {
    for (then, how) in [
        ("exit 1", ", with exit status 1"),
        ("ulimit -c 0; kill -SEGV $$", ", killed by SIGSEGV"),
    ] {
        let base = Base::new();
        let run = base.scenario().name("told").sh(&asked(then)).start();
        let (said, end) = stopped(&base, run, &["--strict", "--json"], 6);
        let alone = format!("worker 0 left when asked{how}");
        let summary = format!("told is over: 1 left when asked{how} (worker 0)");
        assert!(said.contains(&alone) && said.contains(&summary), "{said}");
        assert!(said.contains(r#""failed":true"#), "{said}");
        end.says(&alone)
            .says(&format!("1 left when asked{how} (worker 0)"));
        let last = end.events.ended(0);
        assert_eq!(
            (&last["outcome"], &last["failed"]),
            (&"flag".into(), &true.into())
        );
    }
}

#[test]
fn k24b_of_several_the_one_that_failed_is_named() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("told")
        .workers(4)
        .sh(&asked("[ $STOPCTL_WORKER = 0 ] || exit 3"))
        .start();
    run.ready(4);
    let answer = base.call(&["stop", "told"]);
    answer.expect(0);
    for said in [&answer.err, &run.finish().expect(3).err()] {
        assert!(
            said.contains("workers 1-3 left when asked, with exit status 3"),
            "{said}"
        );
        let summary =
            "1 left when asked (worker 0), 3 left when asked, with exit status 3 (workers 1-3)";
        assert!(said.contains(summary), "{said}");
    }
}

#[test]
fn k24c_who_fails_at_our_stop_signal_is_told_so_too() {
    let base = Base::new();
    let trap = "trap 'exit 5' INT; echo ready; while :; do sleep 0.02; done";
    let run = base
        .scenario()
        .name("told")
        .options(&["--signal", "INT", "--grace", "100ms"])
        .sh(trap)
        .start();
    let (said, end) = stopped(&base, run, &["--strict"], 6);
    assert!(
        said.contains("worker 0 needed SIGINT, with exit status 5"),
        "{said}"
    );
    end.expect(5)
        .says("1 needed SIGINT, with exit status 5 (worker 0)");
    assert_eq!(end.events.ended(0)["failed"], true);
}

#[test]
fn k24d_who_never_looked_did_not_leave_because_it_was_asked() {
    for (code, failed) in [(0, false), (1, true)] {
        let base = Base::new();
        let script = format!("echo ready; read -r line; exit {code}");
        let mut run = base.scenario().name("told").sh(&script).start();
        run.wait_for("ready");
        let stop = base.begin(&["stop", "told", "--strict"]);
        run.wait_for("has never looked at its flag");
        run.close_stdin();
        let said = stop.finish().expect(if failed { 6 } else { 0 }).err();
        let words = if failed {
            "1 failed (worker 0)"
        } else {
            "1 ended by itself (worker 0)"
        };
        assert!(said.contains(words), "{said}");
        let end = run.finish();
        end.expect(code).says(words);
        let last = end.events.ended(0);
        assert_eq!(last["outcome"], "by_itself", "{last}");
        assert_eq!(last["failed"], failed, "{last}");
        assert!(last["flag_to_end_ms"].is_u64(), "{last}");
    }
}

#[test]
fn k24e_128_and_our_own_stop_signal_is_a_death_by_it() {
    for (signal, code, status) in [
        ("TERM", 143, 9),
        ("INT", 130, 9),
        ("TERM", 130, 130),
        ("INT", 143, 143),
    ] {
        let base = Base::new();
        let trap = format!("trap 'exit {code}' {signal}; echo ready; while :; do sleep 0.02; done");
        let options = ["--signal", signal, "--stopped-status", "9", "--grace", "0"];
        let run = base
            .scenario()
            .name("told")
            .options(&options)
            .sh(&trap)
            .start();
        let (_, end) = stopped(&base, run, &["--strict"], if status == 9 { 4 } else { 6 });
        end.expect(status);
        assert_eq!(end.events.outcomes(), ["term"]);
        assert_eq!(end.events.ended(0)["failed"], status != 9);
    }
    // Nobody had sent it a signal.
    let base = Base::new();
    let run = base
        .scenario()
        .name("told")
        .options(&["--stopped-status", "9"]);
    let (_, end) = stopped(&base, run.sh(&asked("exit 143")).start(), &["--strict"], 6);
    end.expect(143);
}

#[test]
fn k24f_a_crash_at_our_stop_signal_is_no_stopped_status() {
    let base = Base::new();
    let trap = "trap 'ulimit -c 0; kill -SEGV $$' TERM; echo ready; while :; do sleep 0.02; done";
    let options = ["--stopped-status", "9", "--grace", "0"];
    let run = base
        .scenario()
        .name("told")
        .options(&options)
        .sh(trap)
        .start();
    let (said, end) = stopped(&base, run, &["--strict"], 6);
    end.expect_signal(Signal::SIGSEGV as i32);
    assert!(
        said.contains("worker 0 needed SIGTERM, killed by SIGSEGV"),
        "{said}"
    );
}

#[test]
fn k24g_a_signal_that_a_worker_handles_and_raises_again_is_its_own_way_out() {
    for (signal, number) in [("TERM", 15), ("INT", 2)] {
        let base = Base::new();
        let then = format!("trap - {signal}; kill -{signal} $$");
        let script = format!("trap : {signal}; {}", asked(&then));
        let run = base.scenario().name("told").sh(&script).start();
        let (said, end) = stopped(&base, run, &["--strict"], 0);
        assert!(
            said.contains("told is over: 1 left when asked (worker 0)"),
            "{said}"
        );
        assert!(
            !end.expect(0).err().contains("not by stopctl"),
            "{}",
            end.err()
        );
        let last = end.events.ended(0);
        assert_eq!(
            (&last["outcome"], &last["signal"]),
            (&"flag".into(), &number.into())
        );
        assert_eq!(last["failed"], false);
    }
}

#[test]
fn k24h_a_signal_that_a_worker_does_not_handle_is_somebody_elses() {
    let base = Base::new();
    let run = base.scenario().name("told").sh(&asked("sleep 60")).start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "told", "--no-wait"]).expect(0);
    run.wait_for("1 worker asked");
    send(pid, Signal::SIGTERM);
    let end = run.finish();
    end.expect_signal(15)
        .says("worker 0 was killed by SIGTERM, and not by stopctl");
    assert_eq!(end.events.outcomes(), ["by_others"]);
    assert_eq!(end.events.ended(0)["failed"], false);
}

#[test]
fn k24i_a_failure_is_told_while_others_run_on() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("told")
        .workers(2)
        .sh(&asked("exit $STOPCTL_WORKER"))
        .start();
    run.ready(2);
    base.call(&["stop", "told", "--worker", "1", "--strict"])
        .expect(6);
    run.wait_for("worker 1 left when asked, with exit status 1");
    base.call(&["stop", "told", "--strict"]).expect(6);
    run.finish().expect(1);
}

#[test]
fn k20a_who_is_killed_by_a_signal_to_every_process_learns_of_the_shield() {
    for signal in ["INT", "TERM"] {
        let base = Base::new();
        let run = base.scenario().sh(&format!("kill -{signal} $$"));
        let run = run.environment("INVOCATION_ID", "").start();
        let said = run.finish().err();
        assert!(
            said.contains(&format!("killed by SIG{signal}, and not by stopctl")),
            "{said}"
        );
    }
    for (name, help) in [
        ("SLURM_JOB_ID", "use --shield"),
        ("INVOCATION_ID", "KillMode=mixed"),
        ("NOTHING_OF_THIS", "use --shield"),
    ] {
        for signal in ["INT", "TERM"] {
            let base = Base::new();
            let run = base.scenario().sh(&format!("kill -{signal} $$"));
            let run = run.environment(name, "1");
            let said = run.through(
                r#"[ -n "$SLURM_JOB_ID$NOTHING_OF_THIS" ] && unset INVOCATION_ID; exec "$@""#,
            );
            let said = said.start().finish().err();
            assert!(said.contains(help), "{name} {signal}: {said}");
        }
    }
}

#[test]
fn k20b_who_is_shielded_already_is_not_told_to_be() {
    let base = Base::new();
    // It takes the shield away itself.
    let script = "exec env --default-signal=INT sh -c 'kill -INT $$'";
    let run = base.scenario().options(&["--shield"]);
    let end = run.sh(script).start().finish();
    end.says("worker 0 was killed by SIGINT, and not by stopctl");
    assert!(!end.err().contains("--shield"), "{}", end.err());
}

#[test]
fn k20c_a_status_that_could_be_ours_and_is_the_workers_is_said_to_be() {
    for (script, status, says) in [
        (
            "exit 120",
            120,
            "exit status 120 is worker 0's own: nothing is left running",
        ),
        (
            "exit 124",
            124,
            "exit status 124 is worker 0's own: no --timeout ran out",
        ),
    ] {
        let base = Base::new();
        let end = base.scenario().sh(script).start().finish();
        end.expect(status).says(says);
    }
    let base = Base::new();
    let run = base
        .scenario()
        .options(&["--timeout", "50ms"])
        .zoo(&["polite", "124"]);
    let end = run.start().finish();
    assert!(!end.expect(124).err().contains("own"), "{}", end.err());
}

#[test]
fn k20c_a_python_that_could_not_write_its_last_lines_is_said_to_be_one() {
    if lacks(Need::Program("python3")) {
        return;
    }
    let base = Base::new();
    // A full disk, as Python meets it when it flushes at its end.
    let script = "print('lost')";
    let through = r#"exec "$@" >/dev/full"#;
    let run = base
        .scenario()
        .through(through)
        .command(&["python3", "-c", script]);
    run.start()
        .finish()
        .expect(120)
        .says("Python exits with it");
}

#[test]
fn k20d_a_clock_that_stands_before_1970_or_is_put_there_ends_nothing() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let sixty_years = 60 * 365 * 86_400;
    for looks in [0, 5] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("told")
            .environment("LD_PRELOAD", clock_put_back(&base, sixty_years, looks))
            .sh(&asked("exit 0"))
            .start();
        run.wait_for("ready");
        base.call(&["status", "told", "--json"]).expect(0);
        base.call(&["stop", "told"]).expect(0);
        let end = run.finish();
        end.expect(0);
        let last = end.events.only("run_ended");
        assert_eq!(last["time"], "1970-01-01T00:00:00.000Z", "{looks}");
    }
}
