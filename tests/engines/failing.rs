//! Workers and supervisors that fail, under systemd.

use crate::beside::{DEAF, LOOKS};
use crate::systemd::run;

#[test]
fn a_worker_that_fails_fails_the_unit_with_its_own_status() {
    let work = r#"echo "ready $STOPCTL_WORKER"; [ "$STOPCTL_WORKER" != 2 ] || exit 3"#;
    let script = r"systemctl start work
    until_true nothing
    show
    journal
    echo warnings=$(journal -p 4 -o cat | grep -c 'worker 2 failed: exit status 3')";
    let Some(seen) = run(work, "Restart=no", script) else {
        return;
    };
    seen.is("ActiveState", "failed").is("Result", "exit-code");
    seen.is("ExecMainStatus", "3").is("warnings", "1");
}

#[test]
fn a_worker_that_hangs_is_killed_by_the_ladder_and_not_by_systemd() {
    let more =
        "ExecStart=\nExecStart=/usr/bin/stopctl run --name work --stop-within 3s -- /usr/bin/work";
    let script = r"systemctl start work
    until_true ready 1
    systemctl stop work
    show
    journal
    until_true nothing";
    let Some(seen) = run(DEAF, more, script) else {
        return;
    };
    // stopctl tells what became of the worker, and so the unit has failed.
    seen.is("Result", "exit-code").is("ExecMainStatus", "137");
    seen.says("SIGTERM is ignored by worker 0", 1);
    seen.says("1 needed SIGKILL (worker 0)", 2)
        .says("timed out", 0);
}

#[test]
fn a_supervisor_that_was_killed_takes_the_service_with_it_and_the_next_start_is_clean() {
    // What became of the first is not told of here: whether its workers still saw their flag, and its
    // guard came to its last line, is a matter of milliseconds, for systemd kills them at once.
    let script = r"systemctl start work
    until_true ready 4
    systemctl kill --kill-who=main --signal=KILL work
    until_true ready 8
    show
    systemctl stop work
    journal | awk '/^ready/ { ready++ } ready > 4'
    until_true nothing";
    let Some(seen) = run(LOOKS, "RestartSec=10ms", script) else {
        return;
    };
    // A start by systemd itself, for the unit says on-failure.
    seen.is("NRestarts", "1").is("ActiveState", "active");
    seen.says("4 left when asked (workers 0-3)", 2);
}

#[test]
fn a_supervisor_that_hangs_is_noticed() {
    let script = r#"systemctl start work
    until_true ready 4
    kill -STOP "$(systemctl show -p MainPID --value work)"
    failed() { systemctl is-failed work; }
    until_true failed
    show
    stopctl stop --if-running work
    # The guard is killed, too, perhaps while it removes the last names.
    stopctl clean
    until_true nothing"#;
    let Some(seen) = run(LOOKS, "WatchdogSec=1s\nRestart=no", script) else {
        return;
    };
    seen.is("ActiveState", "failed").is("Result", "watchdog");
}
