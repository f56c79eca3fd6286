//! Programs that put themselves into the background: their main process ends at once, and what it
//! leaves behind is the worker, if that is waited for.

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::owner::guard_of;
use crate::support::started::{End, Started};
use crate::support::until::until;

/// What a program does that lives in the background.
const DAEMON: &str = r#"trap 'echo got TERM; exit 0' TERM; echo "ready worker=0 pid=$$"
    while :; do sleep 0.02; done"#;

/// One that looks at its flag.
const LOOKS: &str = r#"echo "ready worker=0 pid=$$"
    while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.02; done; echo left"#;

/// A run whose program forks `daemon`, in a session of its own, and ends with this status.
fn forking(base: &Base, options: &[&str], (daemon, status): (&str, u8)) -> Started {
    let script = format!("setsid \"$@\" & exit {status}");
    let command = [&["bash", "-c", &script, "bash"][..], &["sh", "-c", daemon]].concat();
    let run = base
        .scenario()
        .name("daemon")
        .options(options)
        .command(&command)
        .start();
    run.wait_for("ready worker=0");
    run
}

fn stopped(base: &Base, options: &[&str], daemon: &str) -> End {
    let run = forking(base, options, (daemon, 0));
    run.wait_for_events("straggler", 1);
    base.call(&["stop", "daemon"]).expect(0);
    run.finish()
}

#[test]
fn k17a_the_run_lasts_as_long_as_what_it_started_and_that_is_asked() {
    let base = Base::new();
    let run = forking(&base, &["--stragglers", "wait"], (LOOKS, 0));
    run.wait_for("worker 0 goes on in the background: ");
    let status = base.call(&["status", "daemon"]);
    status.expect(0);
    assert!(status.out.contains("in the background"), "{}", status.out);
    let status = base.call(&["status", "daemon", "--json"]).json();
    assert_eq!(status["runs"][0]["workers"][0]["state"], "running");
    base.call(&["stop", "daemon"])
        .expect(0)
        .says("1 left when asked");
    let end = run.finish();
    end.expect(0);
    assert!(end.out().contains("left"));
    assert_eq!(end.events.outcomes(), ["flag"]);
    assert!(end.events.of("signal_sent").is_empty());
    assert_eq!(end.events.ended(0)["looked"], true);
    assert!(!end.err().contains("--stragglers"), "{}", end.err());
}

#[test]
fn k17b_it_ends_by_itself_with_the_status_of_its_main_process() {
    let base = Base::new();
    let daemon = "echo ready worker=0; sleep 1; echo done";
    let end = forking(&base, &["--stragglers", "wait"], (daemon, 3)).finish();
    end.expect(3);
    assert!(end.out().contains("done"), "{}", end.out());
    assert_eq!(end.events.outcomes(), ["by_itself"]);
    assert!(end.events.of("flag_raised").is_empty());
}

#[test]
fn k17c_its_ladder_is_that_of_any_worker() {
    let deaf = r#"trap "" TERM; echo "ready worker=0"; while :; do sleep 0.02; done"#;
    for (daemon, outcome) in [(DAEMON, "term"), (deaf, "kill")] {
        for whom in ["first", "group", "main"] {
            let base = Base::new();
            let times = [
                "--grace",
                "300ms",
                "--kill-after",
                if outcome == "term" { "1h" } else { "300ms" },
            ];
            let options = [&["--stragglers", "wait", "--signal-to", whom][..], &times].concat();
            let end = stopped(&base, &options, daemon);
            end.expect(0);
            assert_eq!(end.events.outcomes(), [outcome], "{whom}");
            assert_eq!(end.events.raised()[0]["level"], 1);
        }
    }
}

#[test]
fn k17d_who_takes_over_knows_it_whatever_it_did_to_its_environment() {
    for guarded in [true, false] {
        let base = Base::new();
        let guard = if guarded { "-v" } else { "--no-guard" };
        let options = [guard, "-v", "--stragglers", "wait", "--grace", "200ms"];
        let script = "env -i PATH=\"$PATH\" setsid \"$@\" & exit 0";
        let command = [&["bash", "-c", script, "bash"][..], &["sh", "-c", DAEMON]].concat();
        let run = base
            .scenario()
            .name("daemon")
            .without_events()
            .options(&options)
            .command(&command)
            .start();
        if guarded {
            guard_of(&run);
        }
        run.wait_for("ready worker=0");
        // Nothing shows whose it is but the record: not its session, its parent or its flag.
        until("its number is on record", || {
            let record = std::fs::read_to_string(base.runs().join("daemon/record"));
            record.is_ok_and(|record| record.contains("\"rest\":[["))
        });
        run.signal(Signal::SIGKILL);
        if !guarded {
            base.call(&["stop", "daemon"]).expect(0);
        }
        run.wait_for("got TERM");
        run.finish().expect_signal(9);
    }
}

#[test]
fn k17e_the_others_are_stopped_when_it_is_over_and_not_before() {
    let base = Base::new();
    let script = r#"[ $STOPCTL_WORKER = 1 ] && exec "$0" polite
        setsid sh -c 'echo in background; until [ -e go ]; do sleep 0.02; done' & exit 0"#;
    let run = base.scenario().name("two").workers(2);
    let run = run.options(&["--stragglers", "wait", "--stop-on-exit"]);
    let run = run.sh(script).zoo_as_argument().start();
    run.wait_for("in background");
    run.wait_for("ready worker=1");
    run.wait_for_events("straggler", 1);
    base.call(&["status", "two"]).expect(0);
    assert!(run.events_so_far().of("stop_requested").is_empty());
    std::fs::write(base.file("go"), "").expect("a file");
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.only("stop_requested")["reason"], "sibling");
    assert_eq!(end.events.ended(0)["outcome"], "by_itself");
    assert_eq!(end.events.ended(1)["outcome"], "flag");
}

#[test]
fn k17f_who_ends_at_once_and_leaves_something_is_told_what_to_do() {
    let hint = "if it puts itself into the background, start it in the foreground, or use \
                --stragglers wait";
    let base = Base::new();
    let end = forking(&base, &[], (DAEMON, 0)).finish();
    end.expect(0).says(hint);
    // One that failed, or has done its work before, is no daemon.
    let base = Base::new();
    let end = forking(&base, &[], (DAEMON, 1)).finish();
    end.expect(1);
    assert!(!end.err().contains(hint), "{}", end.err());
    let base = Base::new();
    let script = "sleep 1.2; (trap '' TERM; echo behind; sleep 1000) & exit 0";
    let end = base.scenario().name("worked").sh(script).start().finish();
    end.expect(0).says("behind: ");
    assert!(!end.err().contains(hint), "{}", end.err());
}

#[test]
fn k17g_what_it_says_is_heard() {
    let base = Base::new();
    let daemon = format!("{} notify --status cooking; {DAEMON}", Base::program());
    let run = forking(&base, &["--stragglers", "wait", "--notify"], (&daemon, 0));
    let status = base.call(&["status", "daemon", "--json"]).json();
    assert_eq!(status["runs"][0]["workers"][0]["status_text"], "cooking");
    base.call(&["stop", "daemon", "--term"]).expect(0);
    run.finish().expect(0);
}
