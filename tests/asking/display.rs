//! The display of `stop` on a terminal: drawn anew in place while it lasts, and gone at the end.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::processes;
use crate::support::started::{Ended, Started, send};
use crate::support::terminal::{Terminal, settings};

/// Starts `workers` fixtures; the first one leaves when it is asked.
fn start(base: &Base, workers: usize, times: (&str, &str)) -> Started {
    let run = base
        .scenario()
        .name("train")
        .workers(workers)
        .times(times.0, times.1)
        .sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" polite; exec "$0" blind"#)
        .zoo_as_argument()
        .start();
    run.ready(workers);
    run
}

fn lacks_programs() -> bool {
    lacks(Need::Program("setsid")) || lacks(Need::Program("stty"))
}

/// The lines of a stop of three workers of which two had to be killed.
const LINES: &str = "\
stopctl: stopping train: 3 workers asked; SIGTERM in 1 s at the latest
stopctl: train: worker 0 left when asked; still there: workers 1, 2
stopctl: train is over: 1 left when asked (worker 0), 2 needed SIGKILL (workers 1, 2)
";

#[test]
fn at_the_end_the_terminal_holds_the_lines_and_nothing_else() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3, ("1s", "1s"));
    let terminal = Terminal::new(24, 80);
    let before = settings(&terminal);
    let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "train"]));
    terminal.wait_for("  train: 2 of 3 workers still there\n  worker 1  pid ");
    terminal.wait_for("never looked  asked to stop  SIGTERM in ");
    terminal.wait_for("never looked  SIGTERM sent  SIGKILL in ");
    assert_eq!(stop.wait_for_exit(), Ended::Code(0));
    stop.finish_unchecked();
    terminal.wait_until("end", |screen| screen.all() == LINES);
    assert_eq!(settings(&terminal), before);
    // Neither is the cursor hidden, nor anything else switched: the screen knows no such sequence.
    assert!(terminal.bytes().contains("\x1b[1m"), "no colours");
    run.finish().expect(137);
}

#[test]
fn the_lines_on_a_terminal_are_those_that_a_file_gets() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3, ("1s", "1s"));
    let stop = base.call(&["stop", "train"]);
    stop.expect(0);
    assert_eq!(stop.err, LINES);
    run.finish().expect(137);
}

#[test]
fn many_workers_are_a_summary_and_a_low_terminal_has_one_line() {
    if lacks_programs() {
        return;
    }
    for (rows, display) in [
        (
            24,
            "  train: 19 of 20 workers still there\n  19  asked to stop  SIGTERM in ",
        ),
        (3, "  train: 19 of 20 workers still there; SIGTERM in "),
    ] {
        let base = Base::new();
        let run = start(&base, 20, ("1m", "1s"));
        let terminal = Terminal::new(rows, 80);
        let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "train"]));
        terminal.wait_for(display);
        terminal.wait_for("stopctl: train: worker 0 left when asked");
        base.call(&["stop", "train", "--kill"]).expect(0);
        stop.finish_unchecked().expect(0);
        terminal.wait_for(
            "train is over: 1 left when asked (worker 0), 19 needed SIGKILL (workers 1-19)\n",
        );
        assert_eq!(terminal.all().lines().count(), 3, "{}", terminal.all());
        run.finish().expect(137);
    }
}

#[test]
fn a_terminal_that_becomes_narrow_keeps_nothing_of_the_old_display() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3, ("1m", "1s"));
    let terminal = Terminal::new(24, 100);
    let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "train"]));
    terminal.wait_for(
        "still there: workers 1, 2\n  train: 2 of 3 workers still there\n  worker 1  pid ",
    );
    for columns in [40, 20, 100] {
        terminal.resize(24, columns);
        terminal.wait_until("display of the new width", |screen| {
            let all = screen.all();
            let display = all.lines().skip(2);
            let is_cut = all.contains("asked to stop  SIGTERM in ") == (columns == 100);
            let width = display.map(|line| line.chars().count()).max();
            is_cut && width.is_some_and(|width| width < columns.into())
        });
        assert_eq!(terminal.all().lines().count(), 5, "{}", terminal.all());
    }
    base.call(&["stop", "train", "--kill"]).expect(0);
    stop.finish_unchecked().expect(0);
    terminal.wait_for("train is over: ");
    assert_eq!(terminal.all().lines().count(), 3, "{}", terminal.all());
    run.finish().expect(137);
}

#[test]
fn ctrl_c_ends_the_waiting_and_says_what_goes_on() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3, ("1m", "1s"));
    let terminal = Terminal::new(24, 80);
    let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "train"]));
    terminal.wait_for("still there: workers 1, 2\n  train: 2 of 3 workers still there\n");
    terminal.press("\x03");
    assert_eq!(stop.wait_for_exit(), Ended::Signal(Signal::SIGINT as i32));
    stop.finish_unchecked();
    terminal.wait_for(
        "still there: workers 1, 2\nstopctl: not waiting any longer: train goes on stopping; still there: \
         workers 1, 2; SIGTERM in ",
    );
    assert_eq!(terminal.all().lines().count(), 3, "{}", terminal.all());
    base.call(&["stop", "train", "--kill"]).expect(0);
    run.finish().expect(137);
}

#[test]
fn a_signal_that_ends_it_leaves_no_display_behind() {
    if lacks_programs() {
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let base = Base::new();
        let run = start(&base, 2, ("1m", "1s"));
        let terminal = Terminal::new(24, 80);
        let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "train"]));
        terminal.wait_for("  worker 1  pid ");
        send(stop.pid(), signal);
        assert_eq!(stop.wait_for_exit(), Ended::Signal(signal as i32));
        stop.finish_unchecked();
        terminal.wait_for("train goes on stopping");
        assert!(!terminal.all().contains("  worker 1"), "{}", terminal.all());
        base.call(&["stop", "train", "--kill"]).expect(0);
        run.finish().expect(137);
    }
}

#[test]
fn ctrl_z_leaves_the_terminal_clean_and_fg_draws_anew() {
    if lacks_programs() || lacks(Need::Program("bash")) {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3, ("1m", "1s"));
    let terminal = Terminal::new(24, 80);
    let script = r#""$STOPCTL" stop train; echo "stopped $?"; read -r line; fg; echo "ended $?""#;
    let shell = terminal.start(&base, terminal.bash(&base, script));
    terminal.wait_for("  worker 2  pid ");
    terminal.press("\x1a");
    terminal.wait_for("stopped 148\n");
    assert!(!terminal.all().contains("  worker 2"), "{}", terminal.all());
    terminal.press("\n");
    terminal.wait_for("  worker 2  pid ");
    base.call(&["stop", "train", "--kill"]).expect(0);
    terminal.wait_for(
        "train is over: 1 left when asked (worker 0), 2 needed SIGKILL (workers 1, 2)\nended 0\n",
    );
    assert!(!terminal.all().contains("  worker "), "{}", terminal.all());
    shell.finish_unchecked().expect(0);
    run.finish().expect(137);
}

#[test]
fn in_the_background_nothing_is_drawn() {
    if lacks_programs() || lacks(Need::Program("bash")) {
        return;
    }
    let base = Base::new();
    let run = start(&base, 2, ("1s", "1s"));
    let terminal = Terminal::new(24, 80);
    let script = r#""$STOPCTL" stop train --color never & wait; echo "ended $?""#;
    let shell = terminal.start(&base, terminal.bash(&base, script));
    terminal.wait_for("ended 0\n");
    assert!(!terminal.bytes().contains('\x1b'), "{}", terminal.bytes());
    shell.finish_unchecked().expect(0);
    run.finish().expect(137);
}

#[test]
fn where_a_display_has_no_place_there_are_only_lines() {
    if lacks_programs() {
        return;
    }
    for (name, value) in [("TERM", "dumb"), ("TERM", ""), ("CI", "true")] {
        let base = Base::new();
        let run = start(&base, 3, ("1s", "1s"));
        let terminal = Terminal::new(24, 80);
        let mut stop = terminal.stopctl(&base, &["stop", "train", "--color", "never"]);
        stop.env(name, value);
        let stop = terminal.start(&base, stop);
        stop.finish_unchecked().expect(0);
        terminal.wait_until("end", |screen| screen.all() == LINES);
        assert!(!terminal.bytes().contains('\x1b'), "{}", terminal.bytes());
        run.finish().expect(137);
    }
}

#[test]
fn on_the_terminal_of_the_run_itself_there_are_only_lines() {
    if lacks_programs() || lacks(Need::Program("bash")) {
        return;
    }
    let base = Base::new();
    let terminal = Terminal::new(24, 80);
    let script = r#"
        "$STOPCTL" run --color never --name shared --grace 1s --kill-after 1s -- sleep 1h &
        until "$STOPCTL" status shared >/dev/null 2>&1; do :; done
        "$STOPCTL" stop shared --color never
        echo "ended $?""#;
    let shell = terminal.start(&base, terminal.bash(&base, script));
    terminal.wait_for("ended 0\n");
    assert!(!terminal.bytes().contains('\x1b'), "{}", terminal.bytes());
    shell.finish_unchecked().expect(0);
}

#[test]
fn without_colours_there_is_a_display_all_the_same() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = start(&base, 2, ("1s", "1s"));
    let terminal = Terminal::new(24, 80);
    let mut stop = terminal.stopctl(&base, &["stop", "train"]);
    stop.env("NO_COLOR", "1");
    let stop = terminal.start(&base, stop);
    terminal.wait_for("  worker 1  pid ");
    stop.finish_unchecked().expect(0);
    terminal.wait_for("train is over");
    let bytes = terminal.bytes();
    let sequences = bytes.split("\x1b[").skip(1);
    for sequence in sequences {
        let end = sequence.find(|c: char| c.is_ascii_alphabetic());
        let end = end.expect("the end of a sequence");
        assert_ne!(&sequence[end..=end], "m", "{bytes:?}");
    }
    run.finish().expect(137);
}

#[test]
fn it_is_drawn_ten_times_a_second_at_most() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("leaving")
        .workers(60)
        .sh(r#"exec "$0" slowexit $((STOPCTL_WORKER * 30))"#)
        .zoo_as_argument()
        .start();
    run.ready(60);
    let terminal = Terminal::new(24, 80);
    let began = Instant::now();
    let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "leaving"]));
    stop.finish_unchecked().expect(0);
    let tenths = began.elapsed().as_millis() / 100;
    terminal.wait_for("leaving is over: 60 left when asked (workers 0-59)");
    // Each drawing ends with this, and so does the erasing at the end.
    let drawn = terminal.bytes().matches("\x1b[J").count() as u128;
    let lines = terminal.all().lines().count() as u128;
    assert!(drawn > 3, "it was hardly ever drawn: {drawn}");
    assert!(drawn <= tenths + 2 + lines, "{drawn} in {tenths} tenths");
    run.finish().expect(0);
}

#[test]
fn while_nothing_changes_it_wakes_for_its_countdown_alone() {
    if lacks_programs() {
        return;
    }
    let base = Base::new();
    let run = start(&base, 3, ("1h", "1s"));
    let terminal = Terminal::new(24, 80);
    let stop = terminal.start(&base, terminal.stopctl(&base, &["stop", "train"]));
    terminal.wait_for("still there: workers 1, 2\n  train: 2 of 3 workers still there\n");
    let before = processes::sleeps(stop.pid());
    std::thread::sleep(Duration::from_secs(5));
    let slept = processes::sleeps(stop.pid()) - before;
    assert!(slept <= 7, "woken {slept} times in 5 seconds");
    base.call(&["stop", "train", "--kill"]).expect(0);
    stop.finish_unchecked().expect(0);
    run.finish().expect(137);
}
