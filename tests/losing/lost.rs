//! When the supervisor dies, nobody is lost: its guard asks every worker, and goes on with each
//! ladder. What is done with both of them dead is in lost/taken.rs.

mod causes;
mod first;
mod guards;
mod nested;
mod rounds;
mod scene;
mod silent;
mod spoilt;
mod strangers;
mod taken;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::examples::zoo;
use crate::support::owner::{Flags, guard_of};
use crate::support::processes;
use crate::support::random::Lateness;
use crate::support::started::{Started, send};
use crate::support::until::{finds, until};
use scene::{BUSY, MIXED, raised_within, told};

#[test]
fn c1_g1_the_guard_asks_everybody_and_goes_on_with_each_ladder() {
    let late = Lateness::watched();
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("lost")
        .workers(4)
        .times("400ms", "400ms")
        .options(&["-v"])
        .sh(MIXED)
        .zoo_as_argument()
        .start();
    guard_of(&run);
    run.ready(4);
    let wait = finds(&base, "lost", base.begin(&["wait", "lost"]));
    let flags = Flags::of(&base, "lost");
    let killed = processes::now_ns();
    run.signal(Signal::SIGKILL);
    let grace_ends = raised_within(&late, &flags, killed, Duration::from_millis(400), 4);
    let stop = base.begin(&["stop", "lost"]);
    run.wait_for_each("flag 1   lost", 3);
    run.wait_for_each("left", 2);
    for asked in run.wait_for_each("signal 15 at", 2) {
        assert!(asked.number(" at ") >= grace_ends, "C1: SIGTERM is early");
    }
    let climbed = run.wait_for("flag 2   lost").deadline();
    assert!(
        climbed >= grace_ends + 400_000_000,
        "C1: SIGKILL is due early"
    );
    run.wait_for("left");
    let end = run.finish();
    let over = processes::now_ns();
    end.expect_signal(9).says("died; its guard (pid ");
    assert!(over >= climbed, "C1: SIGKILL is early");
    assert!(
        over - climbed < scene::ns(BUSY),
        "C1: SIGKILL is much too late"
    );
    // Those who leave when they are asked are not pressed, and nobody is asked twice.
    assert_eq!(end.out().matches("signal 15").count(), 2, "{}", end.out());
    assert_eq!(told(&end.out(), 1), 3, "{}", end.out());
    end.events.only("supervisor_died");
    assert_eq!(end.events.signals(0), [""; 0]);
    assert_eq!(end.events.signals(2), ["SIGTERM"]);
    assert_eq!(end.events.signals(3), ["SIGTERM", "SIGKILL"]);
    stop.finish().expect(0).says("lost is over");
    wait.finish().expect(125).says("its workers were stopped");
    base.call(&["stop", "lost"]).expect(3);
    bystanders.check();
}

/// The only process that knows of a worker which is being started is that worker: it is on record
/// before its program runs.
#[test]
fn c3_a_worker_that_was_half_born_when_its_supervisor_was_killed_is_ended_by_stop() {
    /// Whoever opens the file (to run it, here) is kept waiting until our standard input ends.
    const KEEPER: &str = "
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDONLY)
signal.signal(signal.SIGIO, lambda *_: print('opened', flush=True))
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('kept', flush=True)
sys.stdin.read()
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
";
    let Some(python) = crate::support::python::python() else {
        return;
    };
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let program = base.file("program");
    Base::copy_program(zoo(), &program);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    let program = program.to_str().expect("UTF-8");
    let mut keeper = base.command(&python);
    keeper.args(["-c", KEEPER, program]).stdin(Stdio::piped());
    let keeper = Started::begin(keeper, base.root(), None);
    keeper.wait_for("kept");
    let run = base
        .scenario()
        .name("born")
        .without_events()
        .times("100ms", "10s")
        // A guard could be quicker than the stop.
        .options(&["--no-guard"])
        .command(&[program, "blind"])
        .start();
    keeper.wait_for("opened");
    run.signal(Signal::SIGKILL);
    run.wait_for_exit();
    let stop = base.call(&["stop", "born"]);
    stop.expect(0).says("taking over");
    keeper.finish().expect(0);
    let end = run.finish();
    end.expect_signal(9);
    assert!(
        !end.out().contains("ready"),
        "C3: its program ran: {}",
        end.out()
    );
    bystanders.check();
}

#[test]
fn c5_a_ladder_goes_on_from_the_rung_on_which_it_stands() {
    for guarded in [true, false] {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let guard: &[&str] = if guarded { &[] } else { &["--no-guard"] };
        let run = base
            .scenario()
            .name("half")
            .without_events()
            .times("100ms", "1500ms")
            .options(&["-v"])
            .options(guard)
            .zoo(&["deaf"])
            .start();
        if guarded {
            guard_of(&run);
        }
        run.ready(1);
        base.call(&["stop", "half", "--no-wait"]).expect(0);
        run.wait_for("signal 15");
        let kill_due = run.wait_for("flag 2   user").deadline();
        // The signal is on record.
        until("the record tells of SIGTERM", || {
            base.call(&["status", "half", "--json"]).json()["runs"][0]["workers"][0]["level"] == 2
        });
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        if !guarded {
            base.call(&["stop", "half"]).expect(0).says("taking over");
        }
        let end = run.finish();
        let over = processes::now_ns();
        end.expect_signal(9);
        let out = end.out();
        assert_eq!(
            out.matches("signal 15").count(),
            1,
            "C5: SIGTERM twice: {out}"
        );
        assert_eq!(told(&out, 2), 1, "C5: another deadline: {out}");
        assert!(over >= kill_due, "C5: SIGKILL is early");
        assert!(over - kill_due < scene::ns(BUSY), "C5: not honoured: {out}");
        bystanders.check();
    }
}

#[test]
fn g16_a_child_from_before_the_run_is_nobody_whom_a_guard_signals() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("foreign")
        .options(&["-v"])
        .times("100ms", "100ms")
        .environment("ZOO", zoo())
        .through(r#""$ZOO" canary 3<&0 <&3 & exec "$@" 3<&-"#)
        .options(&["--stdin", "null"])
        .zoo(&["deaf"])
        .start();
    guard_of(&run);
    run.wait_for("ready worker= ");
    run.wait_for("ready worker=0");
    run.signal(Signal::SIGKILL);
    run.wait_for("1 not observed");
    let end = run.finish();
    assert!(end.out().contains("counted 0"), "G16: {}", end.out());
}

#[test]
fn g19_a_stopped_worker_is_asked_and_not_hung_up_on() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("stopped")
        .times("20s", "10s")
        .options(&["-v"])
        .zoo(&["polite", "3"])
        .start();
    guard_of(&run);
    let pid = run.ready(1)[0];
    send(pid, Signal::SIGSTOP);
    until("it is stopped", || processes::state(pid) == Some('T'));
    run.signal(Signal::SIGKILL);
    run.wait_for("flag 1   lost");
    run.wait_for("left");
    let end = run.finish();
    let sighup = format!("signal {} ", Signal::SIGHUP as i32);
    assert!(!end.out().contains(&sighup), "G19: {}", end.out());
    assert!(!end.out().contains("signal 15"), "G19: {}", end.out());
    bystanders.check();
}
