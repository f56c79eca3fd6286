//! What the service manager is told.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::manager::Manager;
use crate::support::base::Base;
use crate::support::processes;

/// More than what the fixed times of the ladder, and what we add, can come to.
const SLACK: u64 = 10_000_000;

#[test]
fn a_manager_is_told_from_the_start_to_the_end_by_path_and_by_abstract_name() {
    for abstract_name in [false, true] {
        let base = Base::new();
        let manager = if abstract_name {
            Manager::with_abstract_name()
        } else {
            Manager::at_path(&base)
        };
        let run = base.scenario().workers(2).times("60s", "30s");
        let run = run.environment("NOTIFY_SOCKET", &manager.address);
        let run = run.sh("exec \"$0\" polite").zoo_as_argument().start();
        let ready = manager.wait_for("READY=1");
        assert_eq!(ready.field("MAINPID"), run.pid().to_string());
        assert_eq!(ready.field("STATUS"), "2 workers running");
        assert_eq!(ready.before, ["STATUS=starting 2 workers\n"]);
        run.ready(2);
        run.signal(Signal::SIGTERM);
        let stopping = manager.wait_for("STOPPING=1");
        let status = stopping.field("STATUS");
        assert_eq!(status, "stopping (SIGTERM): asked; 2 workers still there");
        let time = stopping.number("EXTEND_TIMEOUT_USEC");
        // Grace and kill-after, the wait for SIGKILL and ours.
        assert!((90_000_000..90_000_000 + SLACK).contains(&time), "{time}");
        run.finish().expect(0);
    }
}

#[test]
fn the_time_is_asked_for_again_when_the_ladder_takes_another() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().name("slow").times("60s", "30s");
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    let run = run.zoo(&["handler"]).start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    let first = manager.wait_for("STOPPING=1");
    base.call(&["notify", "--run", "slow", "--extend", "150s"])
        .expect(0);
    let more = manager.wait_for("EXTEND_TIMEOUT_USEC=");
    let [first, more] = [first, more].map(|said| said.number("EXTEND_TIMEOUT_USEC"));
    assert!((180_000_000..180_000_000 + SLACK).contains(&more), "{more}");
    assert!(first < more, "{first} {more}");
    // SIGTERM at once: less is left of it now.
    base.call(&["stop", "slow", "--term"]).expect(0);
    let status = manager.wait_for("STATUS=stopping (SIGTERM): SIGTERM sent");
    let less = status.number("EXTEND_TIMEOUT_USEC");
    assert!((30_000_000..30_000_000 + SLACK).contains(&less), "{less}");
    run.finish();
}

#[test]
fn a_ladder_without_an_end_is_covered_a_minute_at_a_time() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().times("infinity", "30s");
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    let run = run.zoo(&["slowexit", "500"]).start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    let stopping = manager.wait_for("STOPPING=1");
    assert_eq!(stopping.number("EXTEND_TIMEOUT_USEC"), 60_000_000);
    run.finish().expect(0);
    // Not again in every turn.
    let rest = manager.rest();
    let again = rest.iter().filter(|said| said.contains("EXTEND_TIMEOUT"));
    assert_eq!(again.count(), 0, "{rest:?}");
}

#[test]
fn with_ready_notify_the_run_is_ready_when_each_worker_has_said_so() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().workers(2).options(&["--ready", "notify"]);
    let run = run.environment("STOPCTL", Base::program());
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    let run = run.sh(
        "mkfifo gate.$STOPCTL_WORKER; echo \"ready worker=$STOPCTL_WORKER pid=$$\"
        read -r line <gate.$STOPCTL_WORKER
        \"$STOPCTL\" notify --ready
        exec \"$STOPCTL\" sleep infinity",
    );
    let run = run.start();
    run.ready(2);
    manager.wait_for("STATUS=waiting until all are ready: 0 of 2");
    base.sh("echo >gate.1").expect(0);
    let one = manager.wait_for("STATUS=waiting until all are ready: 1 of 2");
    assert!(!one.before.concat().contains("READY=1"), "{one:?}");
    base.sh("echo >gate.0").expect(0);
    let ready = manager.wait_for("READY=1");
    assert_eq!(ready.field("STATUS"), "2 workers running");
    run.signal(Signal::SIGTERM);
    let end = run.finish();
    assert_eq!(end.events.of("worker_ready").len(), 2, "{:#?}", end.events);
}

#[test]
fn what_one_worker_says_that_it_does_is_told_escaped() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().options(&["--notify"]);
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    let mut run = run.zoo(&["speaker"]).start();
    run.ready(1);
    say(&mut run, "status epoch \x1b[31m3");
    let said = manager.wait_for("STATUS=1 worker running: ");
    let status = said.field("STATUS");
    assert_eq!(status, r"1 worker running: epoch \x1b[31m3");
    run.finish().expect(0);
}

#[test]
fn a_reload_is_told_around_the_signal_that_is_passed_on() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().options(&["--forward", "HUP"]);
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    let run = run.zoo(&["handler"]).start();
    run.ready(1);
    manager.wait_for("READY=1");
    let before = u64::try_from(processes::now_ns() / 1000).expect("a time");
    run.signal(Signal::SIGHUP);
    let reload = manager.wait_for("RELOADING=1");
    assert!(reload.number("MONOTONIC_USEC") >= before, "{reload:?}");
    let ready = manager.wait_for("READY=1");
    assert_eq!(ready.before.len(), 0, "{ready:?}");
    run.wait_for(&format!("signal {} ", Signal::SIGHUP as i32));
    run.signal(Signal::SIGTERM);
    // The handler leaves on SIGTERM only.
    base.call(&["stop", "--term"]).expect(0);
    run.finish();
}

#[test]
fn a_supervisor_that_hangs_is_noticed_by_its_watchdog() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().environment("WATCHDOG_USEC", "400000");
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    // Whose watchdog it is, is said.
    let run = run.through("export WATCHDOG_PID=$$; exec \"$@\"");
    let run = run.zoo(&["polite"]).start();
    run.ready(1);
    for _ in 0..4 {
        manager.wait_for("WATCHDOG=1");
    }
    run.signal(Signal::SIGSTOP);
    processes::wait_for_state(run.pid(), 'T');
    manager.rest();
    assert!(manager.is_silent_for(Duration::from_millis(800)));
    run.signal(Signal::SIGCONT);
    manager.wait_for("WATCHDOG=1");
    run.signal(Signal::SIGTERM);
    run.finish().expect(0);
}

#[test]
fn a_watchdog_of_another_process_is_not_answered() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    let run = base.scenario().environment("WATCHDOG_USEC", "1000");
    let run = run.environment("WATCHDOG_PID", "1");
    let run = run.environment("NOTIFY_SOCKET", &manager.address);
    run.zoo(&["fdprinter"]).start().finish().expect(0);
    let told = manager.rest().concat();
    assert!(
        told.contains("READY=1") && !told.contains("WATCHDOG"),
        "{told}"
    );
}

#[test]
fn no_worker_gets_what_was_set_for_its_supervisor() {
    let base = Base::new();
    for (option, socket) in [("--no-guard", None), ("--notify", Some("/ours/notify"))] {
        let run = base.scenario().name("ours").options(&[option]);
        let run = run.environment("NOTIFY_SOCKET", "/nowhere/at/all");
        let run = run.environment("WATCHDOG_USEC", "1000000");
        let run = run.environment("WATCHDOG_PID", "1");
        let end = run.command(&["env"]).start().finish();
        let variables = end.out();
        assert!(!variables.contains("WATCHDOG"), "{variables}");
        assert!(!variables.contains("/nowhere"), "{variables}");
        let got = variables
            .lines()
            .find(|line| line.starts_with("NOTIFY_SOCKET="));
        match socket {
            Some(socket) => assert!(got.is_some_and(|got| got.ends_with(socket)), "{got:?}"),
            None => assert_eq!(got, None),
        }
    }
}

#[test]
fn a_manager_that_is_not_there_does_no_harm() {
    let base = Base::new();
    let closed = Manager::at_path(&base);
    let address = closed.address.clone();
    drop(closed);
    let long = format!("/{}", "x".repeat(200));
    for address in [
        &address,
        "/nowhere/at/all",
        "vsock:2:1",
        "relative",
        &long,
        "@",
    ] {
        let run = base.scenario().environment("NOTIFY_SOCKET", address);
        let run = run.environment("WATCHDOG_USEC", "1");
        let run = run.zoo(&["polite"]).start();
        run.ready(1);
        run.signal(Signal::SIGTERM);
        let end = run.finish();
        end.expect(0);
        assert!(!end.err().contains("NOTIFY"), "{}", end.err());
    }
}

#[test]
fn what_a_manager_has_no_room_for_is_told_when_it_has() {
    let base = Base::new();
    let manager = Manager::at_path(&base);
    manager.fill();
    let run = base
        .scenario()
        .environment("NOTIFY_SOCKET", &manager.address);
    let run = run.zoo(&["polite"]).start();
    run.ready(1);
    let filled = manager.rest();
    assert!(filled.iter().all(|said| said == "X_FILLED=1"), "{filled:?}");
    let ready = manager.wait_for("READY=1");
    assert_eq!(ready.field("STATUS"), "1 worker running");
    // And it never waits for one that goes on not reading.
    manager.fill();
    run.signal(Signal::SIGTERM);
    run.finish().expect(0);
}

/// Has a `speaker` say something.
pub(crate) fn say(run: &mut crate::support::started::Started, line: &str) {
    use std::io::Write as _;
    writeln!(run.stdin(), "{line}").expect("it reads");
}
