//! As a service of systemd, with the unit of man/engines.

use crate::beside::{Engine, LOOKS, Seen};
use crate::committed;

/// Runs a script beside systemd. Before it, the unit is there as `work.service`, with these lines
/// added to its [Service], and so is /usr/bin/work, which the workers run.
pub(crate) fn run(work: &str, more: &str, script: &str) -> Option<Seen> {
    let unit = committed::read("man/engines/stopctl.service");
    let before = r#"install "$STOPCTL" /usr/bin/stopctl
printf '#!/bin/sh\n%s\n' "$1" >/usr/bin/work
chmod 755 /usr/bin/work
printf '%s\n' "$2" >/run/systemd/system/work.service
mkdir /run/systemd/system/work.service.d
printf '[Service]\n%s\n' "$3" >/run/systemd/system/work.service.d/more.conf
systemctl daemon-reload
journal() { journalctl --no-pager -o cat -u work "$@"; }
ready() { [ "$(journal | grep -c '^ready')" -ge "$1" ]; }
show() { systemctl show -p ActiveState -p Result -p ExecMainCode -p ExecMainStatus -p NRestarts work; }
nothing() { [ -z "$(ls -A /dev/shm)" ] && [ ! -e /sys/fs/cgroup/system.slice/work.service/cgroup.procs ]; }
"#;
    Engine::Systemd.run(&format!("{before}{script}"), &[work, &unit, more])
}

const FOUR: [&str; 4] = ["went 0", "went 1", "went 2", "went 3"];

#[test]
fn stop_is_a_success_and_leaves_nothing() {
    let script = r"systemctl start work
    until_true ready 4
    timed stop systemctl stop work
    show
    journal
    echo priorities=$(journal -o verbose | grep -c 'PRIORITY=5')
    until_true nothing";
    let Some(seen) = run(LOOKS, "", script) else {
        return;
    };
    seen.is("stop.status", "0").is("ActiveState", "inactive");
    seen.is("Result", "success").is("ExecMainStatus", "0");
    seen.each(&FOUR, 1);
    // Two lines are those of ExecStop=. The journal has taken the prefixes.
    seen.says("stopctl: stopping work (stopctl stop): 4 workers asked", 1);
    seen.says("stopctl: work is over after ", 1)
        .is("priorities", "4");
    seen.says("4 left when asked (workers 0-3)", 2);
    seen.says("<5>", 0).says("\x1b", 0);
}

#[test]
fn restart_stops_by_the_flag_and_starts_again_under_the_same_name() {
    let script = r#"systemctl start work
    until_true ready 4
    first=$(systemctl show -p MainPID --value work)
    timed restart systemctl restart work
    until_true ready 8
    [ "$first" != "$(systemctl show -p MainPID --value work)" ] && echo another=yes
    stopctl status work
    systemctl stop work
    show
    journal"#;
    let Some(seen) = run(LOOKS, "", script) else {
        return;
    };
    seen.is("restart.status", "0").is("another", "yes");
    seen.is("Result", "success").is("NRestarts", "0");
    seen.each(&FOUR, 2);
}

#[test]
fn reload_reaches_the_workers_and_stops_nobody() {
    let work = r#"trap 'echo "reloaded $STOPCTL_WORKER"' HUP
    echo "ready $STOPCTL_WORKER"
    while stopctl sleep 100ms; do :; done
    echo "went $STOPCTL_WORKER""#;
    let more = "ExecStart=\n\
        ExecStart=/usr/bin/stopctl run --name work -n 4 --forward HUP -- /usr/bin/work\n\
        ExecReload=/bin/kill -HUP $MAINPID";
    let script = r"systemctl start work
    until_true ready 4
    systemctl reload work
    reloaded() { [ $(journal | grep -c '^reloaded') = 4 ]; }
    until_true reloaded
    systemctl stop work
    show
    journal";
    let Some(seen) = run(work, more, script) else {
        return;
    };
    seen.is("Result", "success").each(&FOUR, 1);
}

#[test]
fn kill_of_the_main_process_is_a_stop_with_the_reason_term() {
    let script = r"systemctl start work
    until_true ready 4
    systemctl kill --kill-who=main work
    until_true nothing
    show
    journal";
    let Some(seen) = run(LOOKS, "", script) else {
        return;
    };
    seen.is("ActiveState", "inactive").is("Result", "success");
    seen.says("stopping work (SIGTERM): 4 workers asked", 1);
    seen.each(&FOUR, 1);
}

#[test]
fn workers_that_know_only_sigterm_are_a_success_too() {
    let more =
        "ExecStart=\nExecStart=/usr/bin/stopctl run --name work --stop-within 2s -- /usr/bin/work";
    let script = r"systemctl start work
    until_true ready 1
    systemctl stop work
    show
    journal";
    let Some(seen) = run(r#"echo "ready 0"; exec sleep 60"#, more, script) else {
        return;
    };
    seen.is("ActiveState", "inactive").is("Result", "success");
    seen.says("1 needed SIGTERM (worker 0)", 2);
}

#[test]
fn the_start_is_over_when_every_worker_has_said_that_it_is_ready() {
    let work = r#"echo "ready $STOPCTL_WORKER"
    until [ -e /run/go ]; do sleep 0.05; done
    stopctl notify --ready
    while stopctl sleep 60s; do :; done
    echo "went $STOPCTL_WORKER""#;
    let more = "ExecStart=\n\
        ExecStart=/usr/bin/stopctl run --name work -n 4 --ready notify -- /usr/bin/work";
    let script = r"systemctl start --no-block work
    until_true ready 4
    echo before=$(systemctl show -p ActiveState --value work)
    touch /run/go
    active() { systemctl is-active work; }
    until_true active
    systemctl stop work
    show
    journal";
    let Some(seen) = run(work, more, script) else {
        return;
    };
    seen.is("before", "activating").is("Result", "success");
    seen.each(&FOUR, 1);
}

#[test]
fn a_worker_that_needs_more_time_is_given_it_by_systemd_too() {
    let work = r#"echo "ready 0"
    while stopctl sleep 60s; do :; done
    stopctl notify --extend 10s
    sleep 6
    echo drained"#;
    let more = "ExecStart=\n\
        ExecStart=/usr/bin/stopctl run --name work --notify -g 2s --max-grace 1m -- /usr/bin/work\n\
        ExecStop=\nTimeoutStopSec=4s";
    let script = r"systemctl start work
    until_true ready 1
    systemctl stop work
    show
    journal";
    let Some(seen) = run(work, more, script) else {
        return;
    };
    seen.is("Result", "success").says("drained", 1);
    seen.says("1 left when asked (worker 0)", 1)
        .says("timed out", 0);
}

#[test]
fn where_it_is_delegated_each_worker_has_a_control_group() {
    // Its worker leaves somebody who has left everything else.
    let work = r#"env -i setsid -f /bin/sleep 1000
    echo "ready 0"
    while stopctl sleep 60s; do :; done
    echo "went 0""#;
    let more = "ExecStart=\n\
        ExecStart=/usr/bin/stopctl run --name work -g 1s -k 1s --cgroup require -- /usr/bin/work\n\
        Delegate=yes";
    let script = r"systemctl start work
    until_true ready 1
    # The worker, what it waits with, and whom it has started.
    members=/sys/fs/cgroup/system.slice/work.service/stopctl-work-*/0/cgroup.procs
    three() { [ $(cat $members | wc -l) = 3 ]; }
    until_true three
    systemctl stop work
    show
    journal
    until_true nothing";
    let Some(seen) = run(work, more, script) else {
        return;
    };
    seen.is("Result", "success");
    seen.says("went 0", 1)
        .says("left a process behind: sleep", 1);
}

#[test]
fn g12_files_that_are_deleted_at_a_logout_are_put_back() {
    // RemoveIPC deletes what a user has in /dev/shm when nothing of the user is left that systemd
    // knows of: at the last logout, or with the last unit (by the same code). A process that has
    // left its session is not known.
    let script = r#"said='were deleted (by logind, at a logout?): put back'
    useradd --no-create-home tester
    journal() { journalctl --no-pager -o cat -u logout; }
    as_tester() { setpriv --reuid tester --regid tester --clear-groups "$@"; }
    systemd-run -q --unit logout -p Type=exec setpriv --reuid tester --regid tester --clear-groups \
        stopctl run --name work -n 4 -- /usr/bin/work
    until_true ready 4
    systemd-run --wait -q -p User=tester -p RemoveIPC=yes true
    # Said more than once if systemd is kept waiting between two of the files that it deletes.
    put_back() { as_tester stopctl list --names | grep -x work && journal | grep "$said"; }
    until_true put_back
    timed stop as_tester stopctl stop work
    until_true nothing
    journal"#;
    let Some(seen) = run(LOOKS, "", script) else {
        return;
    };
    seen.is("stop.status", "0").each(&FOUR, 1);
}

#[test]
fn the_shutdown_of_the_machine_stops_by_the_flag() {
    // When the script ends, systemd stops everything, and then itself.
    let more = "StandardOutput=append:/run/test/out\nStandardError=append:/run/test/out";
    let script = r"systemctl start work
    until_true grep -c 'ready 3' /run/test/out
    until_true stopctl status work";
    let Some(seen) = run(LOOKS, more, script) else {
        return;
    };
    seen.each(&FOUR, 1)
        .says("4 left when asked (workers 0-3)", 2);
}

#[test]
fn it_runs_under_the_manager_of_a_user() {
    let script = r#"useradd --no-create-home tester
    uid=$(id -u tester)
    systemctl start "user@$uid"
    as_tester() {
        setpriv --reuid tester --regid tester --clear-groups env "XDG_RUNTIME_DIR=/run/user/$uid" "$@"
    }
    as_tester systemd-run --user -q --unit work -p Type=exec -p KillMode=mixed \
        stopctl run --name work -n 4 -- /usr/bin/work
    journal() { journalctl --no-pager -o cat "_UID=$uid"; }
    until_true ready 4
    as_tester stopctl list
    timed stop as_tester systemctl --user stop work
    journal
    until_true nothing"#;
    let Some(seen) = run(LOOKS, "", script) else {
        return;
    };
    seen.is("stop.status", "0").each(&FOUR, 1);
    seen.says("stopping work (SIGTERM): 4 workers asked", 1);
}

#[test]
fn under_kill_mode_control_group_it_is_said_once_which_line_is_missing() {
    let work = r#"echo "ready $STOPCTL_WORKER"; exec sleep 60"#;
    let script = r"systemctl start work
    until_true ready 4
    systemctl stop --no-block work
    until_true nothing
    journal";
    let Some(seen) = run(work, "KillMode=control-group\nExecStop=", script) else {
        return;
    };
    seen.says("was killed by SIGTERM, and not by stopctl", 4);
    seen.says("KillMode=mixed", 1);
}

#[test]
fn hardening_keeps_nothing_from_working() {
    let more = "User=nobody\nPrivateTmp=yes\nProtectSystem=strict\nProtectHome=yes\n\
                PrivateDevices=yes\nNoNewPrivileges=yes\nMemoryDenyWriteExecute=yes\n\
                RestrictNamespaces=yes\nSystemCallFilter=@system-service\nRestrictRealtime=yes\n\
                LockPersonality=yes\nProtectKernelTunables=yes\nProtectControlGroups=yes";
    let script = r"systemctl start work
    until_true ready 4
    timed stop systemctl stop work
    show
    journal
    until_true nothing";
    let Some(seen) = run(LOOKS, more, script) else {
        return;
    };
    seen.is("stop.status", "0").is("Result", "success");
    seen.each(&FOUR, 1);
    seen.says("warning", 0);
}
