//! Starting: what is refused, what is inherited, what happens when the system refuses, and that
//! nothing is left in any of these cases.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;

use support::base::{Base, zoo};
use support::need::{Need, lacks, rounds};
use support::processes;
use support::started::{Ended, send};
use support::until::until;

/// A uid without any process of its own, for limits that count processes.
const LONELY: u32 = 61_001;

#[test]
fn workers_find_their_flag_name_and_number_in_the_environment() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("train")
        .workers(3)
        .sh("env | grep ^STOPCTL_ | sort | tr '\\n' ' '; echo")
        .start();
    let end = run.finish();
    end.expect(0);
    let flags = base.runs().join("train");
    for worker in 0..3 {
        let start = format!("STOPCTL_FLAG={}/{worker}.", flags.display());
        let found = end.out();
        let line = found
            .lines()
            .find(|line| line.contains(&start))
            .unwrap_or_else(|| panic!("no {start} in {found}"));
        let (_, rest) = line.split_once(&start).expect("it contains it");
        let random: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        assert_eq!(random.len(), 16, "{line}");
        assert!(line.contains("STOPCTL_RUN=train "), "{line}");
        assert!(
            line.contains(&format!("STOPCTL_WORKER={worker} ")),
            "{line}"
        );
        assert!(line.contains("STOPCTL_WORKERS=3 "), "{line}");
        let event = end.events.of("worker_started")[worker];
        assert_eq!(
            event["flag"],
            format!("{}/{worker}.{random}", flags.display())
        );
    }
}

#[test]
fn each_worker_has_a_session_of_its_own() {
    let base = Base::new();
    let run = base
        .scenario()
        .workers(2)
        .sh("read -r pid name state parent group session rest </proc/self/stat; echo \"$pid $session\"")
        .start();
    let end = run.finish();
    for line in end.out().lines() {
        let (pid, session) = line.split_once(' ').expect("two numbers");
        assert_eq!(pid, session);
    }
}

#[test]
fn a2_arguments_at_the_limit_of_the_system_are_run_or_refused_cleanly() {
    let base = Base::new();
    let chunk = "x".repeat(100_000);
    // The most that execve takes for stopctl itself; its worker gets some variables more.
    let (mut fits, mut too_much) = (0, 3_000_000);
    while too_much - fits > 32 {
        let size = usize::midpoint(fits, too_much);
        let mut command = base.stopctl(&["run", "--", "true"]);
        for _ in 0..size / chunk.len() {
            command.arg(&chunk);
        }
        command.arg(&chunk[..size % chunk.len()]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        match command.output() {
            Ok(output) => {
                fits = size;
                let code = output.status.code();
                assert!(
                    matches!(code, Some(0 | 125 | 126)),
                    "A2 with {size} bytes: {output:?}"
                );
                assert!(code == Some(0) || !output.stderr.is_empty(), "A2: silent");
                base.check();
            }
            Err(_) => too_much = size,
        }
    }
}

#[test]
fn a2_a_current_directory_that_was_removed_is_no_obstacle() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"mkdir gone && cd gone && rmdir ../gone && exec "$@""#)
        .sh("exit 3")
        .start();
    run.finish().expect(3);
}

#[test]
fn a3_workers_that_end_at_once_are_no_problem() {
    let base = Base::new();
    for round in 0..rounds(500) {
        let answer = base.call(&["run", "--", "/bin/true"]);
        assert_eq!(answer.ended, Ended::Code(0), "A3 round {round}: {answer:?}");
        assert_eq!(answer.err, "", "A3 round {round}");
    }
    let run = base.scenario().workers(500).command(&["/bin/true"]).start();
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), vec!["by_itself"; 500]);
}

#[test]
fn a5_a_worker_that_somebody_stops_before_its_program_runs_hangs_nobody() {
    let mut caught = 0;
    for _ in 0..rounds(20) {
        let base = Base::new();
        // Looking a program up takes long in so many places.
        let path = "/nowhere/at/all:".repeat(3000);
        std::os::unix::fs::symlink(zoo(), base.file("animal")).expect("a link");
        let run = base
            .scenario()
            .name("halfborn")
            .times("10s", "10s")
            .environment("PATH", format!("{path}{}", base.work().display()))
            .command(&["animal", "polite"])
            .start();
        let pid = run.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let child = loop {
            let first = fs::read_to_string(&children).unwrap_or_default();
            if let Some(child) = first.split(' ').next().and_then(|pid| pid.parse().ok()) {
                break child;
            }
        };
        send(child, Signal::SIGSTOP);
        let is_program = fs::read_link(format!("/proc/{child}/exe"));
        caught += usize::from(is_program.is_ok_and(|exe| exe == Path::new(Base::program())));
        base.call(&["stop", "halfborn"]).expect(0);
        let end = run.finish();
        assert!(end.took < Duration::from_secs(20), "A5: {:?}", end.took);
    }
    assert!(caught > 0, "never caught one");
}

#[test]
fn a4_a_stop_that_comes_while_a_worker_is_being_made_leaves_nothing() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("early")
        .times("10s", "10s")
        .workers(100)
        .through(
            "exec strace -o trace -e trace=clone,clone3,fork,vfork,openat,rename,renameat2 \
             -e inject=clone,clone3,fork,vfork:delay_enter=400000 \"$@\"",
        )
        .zoo(&["polite"])
        .start();
    let trace = base.file("trace");
    until("a clone", || {
        fs::read_to_string(&trace).is_ok_and(|text| text.contains("clone"))
    });
    let supervisor = processes::children(run.pid())[0];
    send(supervisor, Signal::SIGTERM);
    let end = run.finish();
    for outcome in end.events.outcomes() {
        assert!(outcome == "flag" || outcome == "by_itself", "A4: {outcome}");
    }
    // The trace shows a clone when it is over: then the next one is being made.
    assert!(
        end.events.of("worker_started").len() < 100,
        "A4: workers were started after the stop"
    );
}

#[test]
fn a7_when_processes_run_out_the_error_is_clear_and_the_started_ones_are_stopped() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new();
    fs::create_dir(base.runs()).expect("the base");
    std::os::unix::fs::chown(base.runs(), Some(LONELY), Some(LONELY)).expect("chown");
    for limit in [1, 3] {
        let run = base
            .scenario()
            .without_events()
            .workers(5)
            .through(&format!(
                r#"exec setpriv --reuid={LONELY} --regid={LONELY} --clear-groups bash -c 'ulimit -u {limit}; exec "$@"' bash "$@""#
            ))
            .zoo(&["polite"])
            .start();
        let end = run.finish();
        end.expect(125);
        assert!(!end.err().is_empty(), "A7");
        base.check();
    }
}

#[test]
fn a8_with_few_descriptors_a_run_works_or_fails_cleanly() {
    let base = Base::new();
    let mut worked = false;
    for limit in 5..=24 {
        let run = base
            .scenario()
            .without_events()
            .through(&format!(r#"ulimit -n {limit}; exec "$@""#))
            .sh("exit 7")
            .start();
        let end = run.finish();
        match end.ended {
            Ended::Code(7) => worked = true,
            // Below this the loader itself finds no descriptor for the C library.
            Ended::Code(125 | 127) => {
                assert!(!end.err().is_empty(), "A8 with {limit}: silent");
                assert!(!worked, "A8: fewer were enough, {limit} were not");
            }
            other @ (Ended::Code(_) | Ended::Signal(_)) => {
                panic!("A8 with {limit}: {other:?}\n{}", end.err())
            }
        }
        base.check();
    }
    assert!(worked, "A8: 24 descriptors are enough");
}

#[test]
fn a8_the_limit_of_descriptors_is_restored_in_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"ulimit -Sn 100; exec "$@""#)
        .sh("ulimit -Sn; ulimit -Hn")
        .start();
    let end = run.finish();
    assert_eq!(end.out().lines().next(), Some("100"));
}

#[test]
fn a8_many_workers_need_no_descriptor_each() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("frugal")
        .without_events()
        .workers(100)
        .through(r#"ulimit -n 40; exec "$@""#)
        .sh(r#"echo "ready worker=$STOPCTL_WORKER pid=$$"
            while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.2; done"#)
        .start();
    let started = run.wait_for("");
    if started.text.contains("ready") {
        run.wait_for_each("ready", 99);
        base.call(&["stop", "frugal"]).expect(0);
        run.finish().expect(0);
    } else {
        // Refused: then it says so, and nothing runs on.
        run.finish().expect(125);
    }
}

#[test]
fn a10_when_a_clone_fails_the_error_is_clear_and_the_started_ones_are_stopped() {
    if lacks(Need::Trace) {
        return;
    }
    // The second one is the guard's: without it the run goes on, and says so.
    for (error, nth, started) in [("EAGAIN", 1, 0), ("EAGAIN", 4, 2), ("ENOMEM", 3, 1)] {
        let base = Base::new();
        let run = base
            .scenario()
            .workers(4)
            .through(&format!(
                "exec strace -o /dev/null -e trace=clone,clone3,fork,vfork \
                 -e inject=clone,clone3,fork,vfork:error={error}:when={nth} \"$@\""
            ))
            .zoo(&["polite"])
            .start();
        let end = run.finish();
        end.expect(125);
        assert!(!end.err().is_empty(), "A10");
        assert_eq!(
            end.events.of("worker_started").len(),
            started,
            "A10 {error}"
        );
    }
}

#[test]
fn a10_a_run_that_can_have_no_guard_says_so_and_tries_again() {
    if lacks(Need::Trace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("alone")
        .workers(2)
        .options(&["-v"])
        .through(
            "exec strace -o /dev/null -e trace=clone,clone3,fork,vfork \
             -e inject=clone,clone3,fork,vfork:error=EAGAIN:when=2 \"$@\"",
        )
        .zoo(&["polite"])
        .start();
    run.ready(2);
    run.wait_for("no guard: ");
    run.wait_for("guard started: pid ");
    base.call(&["stop", "alone"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a11_an_ignored_sigchld_is_reset() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"trap '' CHLD; exec "$@""#)
        .sh("grep SigIgn /proc/self/status; exit 9")
        .start();
    let end = run.finish();
    end.expect(9);
    let ignored = processes::signal_set_of(&end.out(), "SigIgn");
    assert_eq!(
        ignored & (1 << 16),
        0,
        "A11: workers have SIGCHLD as it is by default"
    );
}

#[test]
fn a14_with_its_standard_streams_closed_nothing_of_ours_takes_their_place() {
    let base = Base::new();
    let run = base
        .scenario()
        .through(r#"exec "$@" <&- >&- 2>&-"#)
        .sh(r#"ls -l /proc/self/fd >out; echo "to stdout"; echo "to stderr" >&2; exit 4"#)
        .start();
    let end = run.finish();
    end.expect(4);
    let listed = fs::read_to_string(base.file("out")).expect("the worker wrote it");
    for line in listed.lines().filter(|line| line.contains("-> ")) {
        assert!(!line.contains("runs"), "A14: {line}");
        assert!(!line.contains("events"), "A14: {line}");
    }
}

#[test]
fn a15_closed_and_full_streams_change_nothing() {
    let base = Base::new();
    for redirection in [
        ">/dev/full 2>/dev/full",
        ">/dev/full",
        "2>/dev/full",
        "2>&-",
        ">&-",
    ] {
        let run = base
            .scenario()
            .name("mute")
            .times("100ms", "10s")
            .options(&["-v"])
            .through(&format!(r#"exec "$@" {redirection}"#))
            .zoo(&["handler", "6"])
            .start();
        run.wait_for_events("worker_started", 1);
        let started = run.events_so_far();
        let pid = started.of("worker_started")[0]["pid"].as_i64();
        let pid = i32::try_from(pid.expect("a pid")).expect("a pid");
        // Between the start and its handler, SIGTERM would end it by default.
        until("it takes its signals itself", || {
            let name = fs::read_to_string(format!("/proc/{pid}/comm"));
            let blocked = processes::signal_set(pid, "SigBlk");
            name.is_ok_and(|name| name == "zoo\n") && blocked & (1 << (libc::SIGTERM - 1)) != 0
        });
        base.call(&["stop", "mute"]).expect(0);
        let end = run.finish();
        assert_eq!(end.ended, Ended::Code(6), "A15 {redirection}");
        assert_eq!(end.events.outcomes(), ["term"], "A15 {redirection}");
    }
}

#[test]
fn a15_a_reader_of_our_stderr_that_went_away_changes_nothing() {
    let base = Base::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let run = base
        .scenario()
        .name("unheard")
        .options(&["-v"])
        .stderr(writer)
        .zoo(&["polite", "6"])
        .start();
    run.ready(1);
    base.call(&["stop", "unheard"]).expect(0);
    run.finish().expect(6);
}

#[test]
fn a15_output_of_the_reading_commands_that_fails_is_no_panic() {
    let base = Base::new();
    let run = base.scenario().name("seen").zoo(&["polite"]).start();
    run.ready(1);
    for command in [
        "list",
        "list --json",
        "status seen",
        "status seen --json",
        "completions bash",
    ] {
        for redirection in [">/dev/full", ">&-", "| true"] {
            let answer = base.sh(&format!(r#""$STOPCTL" {command} {redirection}"#));
            assert!(
                !answer.err.contains("panicked"),
                "A15 {command}: {answer:?}"
            );
            assert_ne!(
                answer.ended,
                Ended::Code(101),
                "A15 {command} {redirection}"
            );
        }
    }
    base.call(&["stop", "seen"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a16_workers_get_exactly_the_descriptors_that_we_got() {
    let base = Base::new();
    let script = r#"ulimit -Sn 2000; for n in $(seq 10 1009); do eval "exec $n</dev/null"; done
        if [ "$1" = alone ]; then exec "$2" fdprinter; fi
        exec "$1" run --events events -- "$2" fdprinter"#;
    let descriptors = |through: &str| -> Vec<String> {
        let mut command = base.command("bash");
        command.args(["-c", script, "bash", through]).arg(zoo());
        let answer = base.answer(command);
        answer.expect(0);
        let lines = answer.out.lines().filter(|line| line.starts_with("fd "));
        let numbers = lines.filter_map(|line| line.split(' ').nth(1));
        let mut numbers: Vec<String> = numbers.map(String::from).collect();
        numbers.sort();
        numbers
    };
    let alone = descriptors("alone");
    assert!(alone.len() >= 1003, "{alone:?}");
    assert_eq!(descriptors(Base::program()), alone, "A16");
}

#[test]
fn a16_process_substitution_works() {
    let base = Base::new();
    let mut command = base.command("bash");
    command.args([
        "-c",
        r#""$0" run -- cat <(echo substituted)"#,
        Base::program(),
    ]);
    let answer = base.answer(command);
    answer.expect(0);
    assert_eq!(answer.out, "substituted\n");
}

#[test]
fn events_can_go_to_a_descriptor_that_was_inherited() {
    let base = Base::new();
    let answer = base.sh(r#""$STOPCTL" run --events fd:7 -- sh -c 'exit 2' 7>seen"#);
    answer.expect(2);
    let text = fs::read_to_string(base.file("seen")).expect("events");
    assert!(
        text.lines()
            .next()
            .is_some_and(|line| line.contains("run_started")),
        "{text}"
    );
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.contains("run_ended")),
        "{text}"
    );
}

#[test]
fn a18_a_stale_flag_in_the_environment_is_not_that_of_the_workers() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("fresh")
        .environment("STOPCTL_FLAG", "/dev/shm/no-such/0.0000000000000000")
        .environment("STOPCTL_RUN", "stale")
        .environment("STOPCTL_WORKER", "17")
        .environment("STOPCTL_WORKERS", "18")
        .sh(r#"echo "$STOPCTL_RUN $STOPCTL_WORKER $STOPCTL_WORKERS $STOPCTL_FLAG"; exec "$0" polite"#)
        .zoo_as_argument()
        .start();
    let told = run.wait_for("fresh 0 1 ");
    assert!(!told.text.contains("no-such"), "A18: {told:?}");
    run.ready(1);
    base.call(&["stop", "fresh"]).expect(0);
    run.finish().expect(0);
}

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

#[test]
fn one_worker_reads_our_stdin_and_several_read_nothing() {
    let base = Base::new();
    for (workers, options, expected) in [
        (1, &[][..], "given"),
        (1, &["--stdin", "null"][..], ""),
        (2, &[][..], ""),
    ] {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        std::io::Write::write_all(&mut writer, b"given").expect("it fits");
        drop(writer);
        let run = base
            .scenario()
            .workers(workers)
            .options(options)
            .stdin(reader)
            .command(&["cat"])
            .start();
        let end = run.finish();
        end.expect(0);
        assert_eq!(
            end.out().trim_end(),
            expected,
            "{workers} workers, {options:?}"
        );
    }
}

/// A control group of its own (cgroup v2), frozen; thawed and removed when it is dropped.
struct Frozen(std::path::PathBuf);

impl Frozen {
    /// `None` where no such group can be made.
    fn new() -> Option<Self> {
        let name = format!("stopctl-test-{}", std::process::id());
        let hierarchies = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
        let group = hierarchies
            .iter()
            .filter(|root| std::path::Path::new(root).join("cgroup.procs").exists())
            .map(|root| std::path::Path::new(root).join(&name))
            .find(|group| fs::create_dir(group).is_ok())?;
        fs::write(group.join("cgroup.freeze"), "1").ok()?;
        Some(Self(group))
    }

    fn thaw(&self) {
        fs::write(self.0.join("cgroup.freeze"), "0").expect("a group of our own");
    }

    fn is_frozen_with_somebody(&self) -> bool {
        let read = |name: &str| fs::read_to_string(self.0.join(name)).expect("a group of our own");
        !read("cgroup.procs").is_empty() && read("cgroup.events").contains("frozen 1")
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.freeze"), "0");
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a17_a_start_in_a_frozen_control_group_waits_for_the_thaw_and_loses_nothing() {
    if lacks(Need::Root) {
        return;
    }
    let Some(frozen) = Frozen::new() else {
        support::need::not_run("no control group (v2) can be made and frozen");
        return;
    };
    let base = Base::new();
    let join = format!(r#"echo $$ >{}/cgroup.procs; exec "$@""#, frozen.0.display());
    let run = base
        .scenario()
        .name("cold")
        .through(&join)
        .zoo(&["polite"])
        .start();
    until("frozen", || frozen.is_frozen_with_somebody());
    // What is frozen cannot say so: nothing has begun, and nothing is in the way.
    assert!(base.call(&["list", "--names"]).out.is_empty(), "A17");
    frozen.thaw();
    run.ready(1);
    base.call(&["stop", "cold"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "A17");
}
