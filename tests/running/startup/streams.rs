//! The descriptors that a run is started with: closed, full, inherited.

use std::fs;

use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::pipe::pipe;
use crate::support::processes;
use crate::support::started::Ended;
use crate::support::until::until;

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
    let (reader, writer) = pipe();
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
fn one_worker_reads_our_stdin_and_several_read_nothing() {
    let base = Base::new();
    for (workers, options, expected) in [
        (1, &[][..], "given"),
        (1, &["--stdin", "null"][..], ""),
        (2, &[][..], ""),
    ] {
        let (reader, mut writer) = pipe();
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
