//! Shells, an editor and a debugger with `--foreground`, and what they make of the settings.

use std::fs;
use std::path::Path;

use crate::support::base::Base;
use crate::support::events::Events;
use crate::support::need::{Need, lacks};
use crate::support::pty::{Key, Pty};
use crate::support::until::until;

/// Waits until a program of the test has written this file.
#[track_caller]
fn wait_for_file(path: &Path) {
    until(&path.display().to_string(), || path.exists());
}

#[test]
fn t1_an_interactive_shell_has_the_terminal_its_keys_and_its_own_jobs() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "$STOPCTL run -v --foreground --name inner --events e bash --norc --noprofile --noediting -i",
    );
    let started = terminal.wait_for("worker 0 started").number("pid ");
    let shell = i32::try_from(started).expect("a pid");
    terminal.wait_for_foreground(shell);
    terminal.line("echo inside of $STOPCTL_RUN");
    terminal.wait_for("inside of inner");
    // Ctrl-C is for its job, and Ctrl-Z too.
    terminal.line("sh -c 'echo works; exec sleep 1000'");
    terminal.wait_for("works");
    terminal.press(Key::CtrlC);
    assert_eq!(terminal.status(), 130);
    terminal.line("sh -c 'echo works again; exec sleep 1000'");
    terminal.wait_for("works again");
    terminal.press(Key::CtrlZ);
    terminal.wait_for("Stopped");
    terminal.line("kill -9 %1; wait %1");
    assert!(Events::read(&base.file("e")).of("suspended").is_empty());
    // It suspends itself: the shell outside sees a stopped job, and brings it back.
    terminal.line("suspend");
    terminal.wait_for("suspended: ");
    terminal.wait_for("Stopped                 $STOPCTL run");
    terminal.check_settings();
    terminal.line("echo outside, not in ${STOPCTL_RUN:-any}");
    terminal.wait_for("outside, not in any");
    terminal.line("fg");
    terminal.wait_for("resumed after");
    terminal.wait_for_foreground(shell);
    terminal.line("echo again inside of $STOPCTL_RUN; exit 7");
    terminal.wait_for("again inside of inner");
    assert_eq!(terminal.status(), 7);
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert!(events.of("stop_requested").is_empty(), "{events:#?}");
    assert_eq!(events.outcomes(), ["by_itself"]);
}

#[test]
fn t5_an_interactive_shell_that_ends_at_once_leaves_the_terminal_to_ours() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run --foreground --name brief bash --norc -ic 'exit 5'");
    assert_eq!(terminal.status(), 5, "T5");
    terminal.wait_for_foreground(terminal.pid());
    let said = terminal.exit().out();
    assert!(!said.contains("Stopped"), "T5: {said}");
}

#[test]
fn vim_edits_is_suspended_and_saves() {
    if lacks(Need::Program("vim")) {
        return;
    }
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    terminal.line(
        "TERM=xterm $STOPCTL run -v --foreground --name edit vim -u NONE -N -n \
         -c 'call writefile([], \"up\")' text",
    );
    wait_for_file(&base.file("up"));
    terminal.text("ihello\x1b:call writefile([], \"typed\")\r");
    wait_for_file(&base.file("typed"));
    assert_ne!(
        terminal.settings().local_flags & ICANON,
        ICANON,
        "vim reads keys"
    );
    terminal.press(Key::CtrlZ);
    terminal.wait_for("Stopped");
    terminal.check_settings();
    terminal.line("fg");
    terminal.wait_for("resumed after");
    terminal.text(":wq\r");
    terminal.wait_for_foreground(terminal.pid());
    assert_eq!(terminal.status(), 0);
    terminal.exit();
    assert_eq!(
        fs::read_to_string(base.file("text")).expect("a text"),
        "hello\n"
    );
}

const ICANON: nix::sys::termios::LocalFlags = nix::sys::termios::LocalFlags::ICANON;

#[test]
fn a_debugger_is_talked_to_and_interrupted() {
    if lacks(Need::Program("python3")) {
        return;
    }
    let base = Base::new();
    fs::write(
        base.file("script.py"),
        "import time\nopen('up', 'w').close()\nwhile True: time.sleep(0.01)\n",
    )
    .expect("a script");
    let mut terminal = Pty::bash(&base);
    terminal.line("$STOPCTL run -v --foreground --name debug --events e python3 -m pdb script.py");
    terminal.wait_for("import time");
    terminal.line("p 'six times seven is %d' % (6 * 7)");
    terminal.wait_for("six times seven is 42");
    terminal.line("c");
    wait_for_file(&base.file("up"));
    terminal.press(Key::CtrlC);
    terminal.wait_for("Program interrupted");
    terminal.line("p 'still %d' % (7 * 7)");
    terminal.wait_for("still 49");
    terminal.line("q");
    terminal.status();
    terminal.exit();
    let events = Events::read(&base.file("e"));
    assert!(events.of("stop_requested").is_empty(), "{events:#?}");
}

#[test]
fn o12_what_a_worker_that_was_killed_left_of_the_settings_is_put_right() {
    let base = Base::new();
    let mut terminal = Pty::bash(&base);
    for end in ["kill -9 $$", "kill -TERM $$"] {
        terminal.line(&format!(
            "$STOPCTL run --foreground --name raw sh -c 'stty raw -echo; {end}'; \
             echo afterwards $(stty -a | grep -o '.icanon')"
        ));
        // Before the shell itself reads again, and puts right what it can.
        terminal.wait_for("afterwards icanon");
        terminal.check_settings();
    }
    // What one that leaves by its own door has set, it meant to: that is a shell's rule.
    terminal.line("$STOPCTL run --foreground --name set stty -echoe");
    assert_eq!(terminal.status(), 0);
    terminal.line("echo afterwards $(stty -a | grep -o '.echoe'); stty echoe");
    terminal.wait_for("afterwards -echoe");
    assert_eq!(terminal.status(), 0);
    terminal.exit();
}
