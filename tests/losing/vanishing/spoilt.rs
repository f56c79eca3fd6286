//! Flags that somebody cuts or writes.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::scene::{BUSY, clients, flag, scribble, waiting};
use crate::support::base::Base;
use crate::support::owner::open_to_spoil;
use crate::support::processes;
use crate::support::started::send;
use crate::support::until::until;

/// The supervisor may be quicker than a client, or the client quicker than the supervisor; what
/// that sees is a flag that cannot be read, which is a stop.
#[test]
fn b5_a_flag_that_is_cut_is_healed_and_no_client_crashes() {
    let base = Base::new();
    for (client, command) in clients(&base) {
        let (run, pid) = waiting(base.scenario(), "cut", &command);
        let path = flag(&base, "cut", 0);
        open_to_spoil(&path).set_len(0).expect("truncate");
        run.wait_for("somebody else wrote into the flag of worker 0: it is repaired");
        let there = File::open(&path).expect("the flag");
        assert_eq!(there.metadata().expect("metadata").len(), 64, "B5 {client}");
        if processes::state(pid).is_some() {
            base.call(&["stop", "cut", "--if-running"]).expect(0);
        }
        let end = run.finish();
        end.expect(0);
        // By then every look says so, the one without a system call too.
        assert_eq!(
            end.out().matches("stop").count(),
            2,
            "B5 {client}: {}",
            end.out()
        );
    }
}

#[test]
fn b5_a_flag_that_is_cut_and_that_nobody_heals_is_a_stop() {
    let base = Base::new();
    for (client, command) in clients(&base) {
        let (run, _) = waiting(base.scenario(), "cut", &command);
        send(run.pid(), Signal::SIGSTOP);
        until("it is stopped", || processes::state(run.pid()) == Some('T'));
        let file = open_to_spoil(&flag(&base, "cut", 0));
        file.set_len(0).expect("truncate");
        let cut = Instant::now();
        run.wait_for("- - -");
        assert!(cut.elapsed() < Duration::from_secs(2) + BUSY, "B5 {client}");
        send(run.pid(), Signal::SIGCONT);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["by_itself"], "B5 {client}");
    }
}

#[test]
fn g13_b10_a_flag_that_somebody_writes_is_healed() {
    for (what, script) in [
        ("raised", r#"echo 1 >"$1""#),
        ("cut", r#": >"$1""#),
        ("longer", r#"head -c 100000 /dev/zero >"$1""#),
        (
            "garbage",
            r#"printf '\377\377\377\377\377\377' | dd of="$1" conv=notrunc"#,
        ),
        (
            "a deadline",
            r#"printf x | dd of="$1" conv=notrunc bs=1 seek=40"#,
        ),
    ] {
        let base = Base::new();
        // It never looks: so it is there when the flag is healed.
        let run = base
            .scenario()
            .name("scribbled")
            .times("100ms", "10s")
            .zoo(&["handler", "0"])
            .start();
        run.ready(1);
        let path = flag(&base, "scribbled", 0);
        let golden = fs::read(&path).expect("the flag");
        scribble(&base, &path, script);
        let file = File::open(&path).expect("the flag");
        until("it is healed", || {
            fs::read(&path).is_ok_and(|text| text == golden)
        });
        base.call(&["stop", "scribbled"]).expect(0);
        let end = run.finish();
        end.expect(0)
            .says("somebody else wrote into the flag of worker 0: it is repaired");
        assert_eq!(end.events.outcomes(), ["term"], "G13 {what}");
        assert!(
            super::scene::text(&file).starts_with("2   user"),
            "G13 {what}"
        );
    }
}

/// Whoever raises a flag by hand asks its worker to stop: one that looked in between stops.
#[test]
fn g13_a_worker_that_looked_at_a_flag_which_was_raised_by_hand_stops() {
    let base = Base::new();
    let run = base.scenario().name("by-hand").zoo(&["polite"]).start();
    run.ready(1);
    send(run.pid(), Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    scribble(&base, &flag(&base, "by-hand", 0), r#"echo 1 >"$1""#);
    run.wait_for("left");
    send(run.pid(), Signal::SIGCONT);
    let end = run.finish();
    end.expect(0);
    assert_eq!(
        end.events.outcomes(),
        ["by_itself"],
        "nobody asked for a stop"
    );
}

#[test]
fn a_flag_that_was_raised_is_healed_to_what_it_said() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("late")
        .times("500ms", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    let path = flag(&base, "late", 0);
    base.call(&["stop", "late", "--no-wait"]).expect(0);
    until("it is raised", || {
        fs::read(&path).is_ok_and(|text| text[0] == b'1')
    });
    let said = fs::read(&path).expect("the flag");
    open_to_spoil(&path).set_len(0).expect("truncate");
    run.wait_for("it is repaired");
    let healed = fs::read(&path).unwrap_or_default();
    assert!(healed.is_empty() || healed[0] == b'2' || healed == said);
    run.finish().expect(0);
}
