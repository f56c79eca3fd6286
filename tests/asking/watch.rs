//! `status --watch`: a run until it is over, on a terminal and for programs.

use std::io::Read as _;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::pipe::pipe;
use crate::support::processes;
use crate::support::started::{Ended, Started, send};
use crate::support::terminal::Terminal;
use crate::support::until::until;

fn start(base: &Base, workers: usize) -> Started {
    let run = base
        .scenario()
        .name("watched")
        .workers(workers)
        .times("1m", "1s")
        .zoo(&["polite"])
        .start();
    run.ready(workers);
    run.wait_for_events("flag_first_read", workers);
    run
}

#[test]
fn without_a_terminal_it_prints_a_line_for_each_change_until_the_run_is_over() {
    let base = Base::new();
    let run = start(&base, 3);
    let watch = base.begin(&["status", "watched", "--watch"]);
    watch.wait_for("watched (pid ");
    for _ in 0..3 {
        watch.wait_for(" running ");
    }
    base.call(&["stop", "watched", "--worker", "1"]).expect(0);
    watch.wait_for("): left when asked, exit status 0");
    base.call(&["stop", "watched"]).expect(0);
    let end = watch.finish();
    end.expect(0);
    let last = end.out().lines().last().map(str::to_owned);
    let over = "watched is over, with status 0: 3 left when asked (workers 0-2)";
    assert_eq!(last.as_deref(), Some(over), "{}", end.out());
    assert!(!end.out().contains('\x1b'), "{}", end.out());
    run.finish().expect(0);
}

#[test]
fn a_rung_is_a_change_and_says_when_the_next_one_comes() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("watched")
        .workers(2)
        .times("1s", "1s")
        .zoo(&["blind"])
        .start();
    run.ready(2);
    let watch = base.begin(&["status", "watched", "--watch"]);
    watch.wait_for("watched (pid ");
    send(run.pid(), Signal::SIGINT);
    watch.wait_for("watched: stopping (Ctrl-C)");
    watch.wait_for("workers 0, 1: asked to stop; SIGTERM in ");
    watch.wait_for(": SIGTERM sent; SIGKILL in ");
    let end = watch.finish();
    end.expect(0);
    assert!(
        end.out().contains("needed SIGKILL, killed by SIGKILL"),
        "{}",
        end.out()
    );
    run.finish().expect_signal(Signal::SIGINT as i32);
}

#[test]
fn with_json_it_prints_a_document_for_each_change_and_none_twice() {
    let base = Base::new();
    let run = start(&base, 2);
    let watch = base.begin(&["status", "watched", "--watch", "--json"]);
    watch.wait_for("\"running\"");
    base.call(&["stop", "watched", "--worker", "1"]).expect(0);
    watch.wait_for("\"ended\"");
    base.call(&["stop", "watched"]).expect(0);
    let end = watch.finish();
    end.expect(0);
    let documents: Vec<Value> = end
        .out()
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document a line"))
        .collect();
    let mut before = Value::Null;
    for document in &documents {
        assert_eq!(document["schema"], 1);
        let mut run = document["runs"][0].clone();
        // What changes with time alone is no change.
        run["age_ms"].take();
        for worker in run["workers"].as_array_mut().expect("workers") {
            worker["deadline_in_ms"].take();
        }
        assert_ne!(run, before, "{}", end.out());
        before = run;
    }
    let states = |at: usize| documents[at]["runs"][0]["state"].as_str();
    assert_eq!(states(0), Some("running"));
    assert_eq!(states(documents.len() - 1), Some("over"));
    let last = &documents[documents.len() - 1]["runs"][0];
    assert_eq!(last["status"], 0, "{last}");
    assert_eq!(last["workers"][0]["outcome"], "flag", "{last}");
    run.finish().expect(0);
}

#[test]
fn what_is_not_running_is_not_watched() {
    let base = Base::new();
    base.call(&["status", "nobody", "--watch"]).expect(3);
    let json = base.call(&["status", "nobody", "--watch", "--json"]);
    json.expect(3);
    assert_eq!(json.json()["runs"], serde_json::json!([]));
}

#[test]
fn a_supervisor_that_died_with_its_guard_ends_the_watching_with_3() {
    let mut base = Base::new();
    base.leaves_something();
    let run = base
        .scenario()
        .name("watched")
        .options(&["--no-guard"])
        .zoo(&["polite"])
        .start();
    run.ready(1);
    let watch = base.begin(&["status", "watched", "--watch"]);
    watch.wait_for("watched (pid ");
    send(run.pid(), Signal::SIGKILL);
    let end = watch.finish();
    end.expect(3).says("its workers may still run");
    base.call(&["stop", "watched"]).expect(0);
    run.finish_unchecked().expect_signal(9);
    base.check();
}

#[test]
fn a_guard_that_takes_over_is_a_change_like_another() {
    let base = Base::new();
    let run = start(&base, 2);
    let watch = base.begin(&["status", "watched", "--watch"]);
    watch.wait_for("watched (pid ");
    send(run.pid(), Signal::SIGKILL);
    let end = watch.finish();
    end.expect(0);
    assert!(
        end.out().contains("watched is over: 2 "),
        "{}\n{}",
        end.out(),
        end.err()
    );
    run.finish_unchecked().expect_signal(9);
}

#[test]
fn a_reader_that_has_gone_away_ends_the_watching() {
    let base = Base::new();
    let run = start(&base, 2);
    let (mut reader, writer) = pipe();
    let mut watch = base.stopctl(&["status", "watched", "--watch"]);
    watch.stdout(writer);
    let watch = Started::begin_as_is(watch, base.root(), None);
    let mut first = [0; 8];
    reader.read_exact(&mut first).expect("the table");
    drop(reader);
    base.call(&["stop", "watched"]).expect(0);
    watch.finish().expect(0);
    run.finish().expect(0);
}

#[test]
fn on_a_terminal_what_ended_scrolls_away_and_the_others_are_drawn_in_place() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3);
    let terminal = Terminal::new(24, 80);
    let watch = terminal.stopctl(&base, &["status", "watched", "--watch"]);
    let watch = terminal.start(&base, watch);
    terminal.wait_for(" running: ");
    terminal.wait_for("  worker 2  pid ");
    base.call(&["stop", "watched", "--worker", "1"]).expect(0);
    terminal.wait_for("): left when asked, exit status 0\n  watched (pid ");
    base.call(&["stop", "watched"]).expect(0);
    watch.finish_unchecked().expect(0);
    terminal.wait_for("watched is over, with status 0: 3 left when asked (workers 0-2)\n");
    let all = terminal.all();
    let is_line = |line: &str| line.starts_with('w');
    assert!(all.lines().all(is_line), "{all}");
    assert_eq!(
        all.matches("left when asked, exit status 0").count(),
        2,
        "{all}"
    );
    run.finish().expect(0);
}

#[test]
fn ctrl_c_ends_the_watching_and_the_run_goes_on() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = start(&base, 2);
    let terminal = Terminal::new(24, 80);
    let watch = terminal.stopctl(&base, &["status", "watched", "--watch"]);
    let watch = terminal.start(&base, watch);
    terminal.wait_for("  worker 1  pid ");
    terminal.press("\x03");
    assert_eq!(watch.wait_for_exit(), Ended::Signal(Signal::SIGINT as i32));
    watch.finish_unchecked();
    terminal.wait_until("end", |screen| {
        screen.all() == "stopctl: not watching any longer: watched runs on\n"
    });
    base.call(&["status", "watched"]).expect(0);
    base.call(&["stop", "watched"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn what_a_command_line_would_do_to_a_terminal_is_shown_and_not_done() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("watched")
        .sh("exec \"$0\" polite # \x1b]0;title\x07\x1b[2J\u{202e}")
        .zoo_as_argument()
        .start();
    run.ready(1);
    let terminal = Terminal::new(24, 200);
    let watch = terminal.stopctl(&base, &["status", "watched", "--watch"]);
    let watch = terminal.start(&base, watch);
    terminal.wait_for(r"\x1b]0;title\x07\x1b[2J\u{202e}");
    base.call(&["stop", "watched"]).expect(0);
    watch.finish_unchecked().expect(0);
    run.finish().expect(0);
}

#[test]
fn while_nothing_happens_it_wakes_once_a_second_at_most() {
    if lacks(Need::Program("setsid")) {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3);
    let terminal = Terminal::new(24, 80);
    let on_terminal = terminal.stopctl(&base, &["status", "watched", "--watch"]);
    let on_terminal = terminal.start(&base, on_terminal);
    terminal.wait_for("  worker 2  pid ");
    let in_pipe = base.begin(&["status", "watched", "--watch", "--json"]);
    in_pipe.wait_for("\"running\"");
    // What was waited for may come before the end of the picture, which erases what is below it.
    until("a whole picture", || terminal.bytes().ends_with("\x1b[J"));
    let pids = [on_terminal.pid(), in_pipe.pid()];
    let before = pids.map(processes::sleeps);
    let drawn = terminal.bytes().len();
    std::thread::sleep(Duration::from_secs(5));
    for (pid, before) in pids.into_iter().zip(before) {
        let slept = processes::sleeps(pid) - before;
        assert!(slept <= 7, "woken {slept} times in 5 seconds");
    }
    assert_eq!(terminal.bytes().len(), drawn, "it was drawn anew");
    base.call(&["stop", "watched"]).expect(0);
    on_terminal.finish_unchecked().expect(0);
    in_pipe.finish().expect(0);
    run.finish().expect(0);
}
