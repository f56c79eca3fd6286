//! Whether a worker has looked at its flag: what is told of it, and what is not, when nobody is
//! told at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::HOLDS;
use super::scene::{BUSY, flag, scribble, text};
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::python;
use crate::support::scenario::Scenario;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// Looks when it gets SIGUSR1, and leaves when it gets SIGUSR2.
const LOOKS_LATE: &str = r#"trap 'echo got TERM; exit 9' TERM
    trap 'read -r level rest <"$STOPCTL_FLAG"; echo "level $level"' USR1
    trap 'echo leaving; exit 0' USR2
    echo "ready worker=$STOPCTL_WORKER pid=$$"; while :; do sleep 0.02; done"#;

const REFUSE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/running/environment/refuse.py"
);

fn quiet<'b>(base: &'b Base, name: &str) -> Scenario<'b> {
    base.scenario().name(name).without_events()
}

fn looked(base: &Base, run: &str) -> Value {
    let status = base.call(&["status", run, "--json"]);
    status.json()["runs"][0]["workers"][0]["looked"].clone()
}

/// Whether a process has an inotify instance.
fn has_inotify(run: &Started) -> bool {
    let fds = fs::read_dir(format!("/proc/{}/fd", run.pid())).expect("its descriptors");
    let mut targets = fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    targets.any(|target| target == Path::new("anon_inode:inotify"))
}

#[test]
fn k19a_a_look_is_told_when_somebody_asks_without_an_inotify_instance() {
    let base = Base::new();
    let run = quiet(&base, "quiet").sh(LOOKS_LATE).start();
    let pid = run.ready(1)[0];
    // It has shown that it stays.
    until("it has a guard", || {
        !crate::support::owner::named(&base, "stopctl-guard").is_empty()
    });
    assert_eq!(looked(&base, "quiet"), false);
    let watch = base.begin(&["status", "quiet", "--watch"]);
    watch.wait_for(" running ");
    send(pid, Signal::SIGUSR1);
    run.wait_for("level 0");
    watch.wait_for("looked at the flag");
    assert_eq!(looked(&base, "quiet"), true);
    assert!(!has_inotify(&run));
    base.call(&["stop", "quiet", "--no-wait"]).expect(0);
    run.wait_for("stopping quiet");
    send(pid, Signal::SIGUSR2);
    let end = run.finish();
    end.expect(0);
    assert!(!end.err().contains("never looked"), "{}", end.err());
    watch.finish();
}

#[test]
fn k19b_who_never_looked_is_told_so_and_a_look_of_ours_is_none() {
    let base = Base::new();
    let run = quiet(&base, "quiet")
        .times("100ms", "1s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    // Whoever heals, copies or lists it reads it, too.
    let path = flag(&base, "quiet", 0);
    base.sh(&format!("rm {}", path.display())).expect(0);
    run.wait_for("put back");
    base.call(&["list"]).expect(0);
    assert_eq!(looked(&base, "quiet"), false);
    base.call(&["stop", "quiet"]).expect(0);
    run.finish().expect(0).says("has never looked at its flag");
}

#[test]
fn k19c_nobody_else_finds_the_flags_of_a_run() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new();
    let run = quiet(&base, "hidden").zoo(&["handler", "0"]).start();
    run.ready(1);
    let directory = base.runs().join("hidden");
    let others = base.sh(&format!(
        r#"chmod 711 "$PWD/.."; exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '
            ls "$1"; cat "$1"/[0-9]*; head -c 64 "$1/owner" | wc -c; ls "$1/.."' sh {}"#,
        directory.display()
    ));
    assert!(others.err.contains("Permission denied"), "{others:?}");
    assert!(others.out.contains("64"), "owner is readable: {others:?}");
    assert!(others.out.contains("hidden"), "so are names: {others:?}");
    assert_eq!(looked(&base, "hidden"), false);
    base.call(&["stop", "hidden", "--term"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn k19d_where_no_look_can_be_seen_none_is_denied() {
    let Some(python) = python::python() else {
        return;
    };
    let wrapper = format!("exec {python} {REFUSE} EMFILE inotify_init1 \"$@\"");
    // In memory the kernel notes who reads; on a disk it does not.
    let disk = Base::below(env!("CARGO_TARGET_TMPDIR"));
    for (base, known) in [(Base::new(), true), (disk, false)] {
        let base = base_with_runs(base, known);
        let run = base
            .scenario()
            .name("blind")
            .through(&wrapper)
            .options(&["--grace", "1h", "--unaware-grace", "0"])
            .sh(r#"trap 'exit 9' TERM
                read -r level rest <"$STOPCTL_FLAG"; echo "ready worker=0 pid=$$"
                while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do sleep 0.05; done"#)
            .start();
        run.ready(1);
        run.wait_for("cannot be told");
        until("its start is on record", || {
            let status = base.call(&["status", "blind", "--json"]).json();
            status["runs"][0]["workers"][0]["state"] == "running"
        });
        let status = base.call(&["status", "blind"]);
        if known {
            assert_eq!(looked(&base, "blind"), true);
        } else {
            assert!(looked(&base, "blind").is_null());
            assert!(status.out.contains("unknown"), "{status:?}");
        }
        base.call(&["stop", "blind"]).expect(0);
        let end = run.finish();
        end.expect(0);
        let told = &end.events.ended(0)["looked"];
        assert!(if known { *told == true } else { told.is_null() });
        assert!(!end.err().contains("never looked"), "{}", end.err());
    }
}

/// The runs of a base in memory are below it as they are; those of one on a disk are there, too.
fn base_with_runs(base: Base, in_memory: bool) -> Base {
    if in_memory {
        return base;
    }
    let runs = base.root().join("runs");
    base.with_runs_at(runs)
}

#[test]
fn k19e_a_look_that_nobody_was_told_of_counts_when_the_guard_goes_on() {
    for is_deleted in [false, true] {
        let base = Base::new();
        let run = quiet(&base, "quiet")
            .options(&["-g", "1h", "--unaware-grace", "0"])
            .sh(LOOKS_LATE)
            .start();
        let pid = run.ready(1)[0];
        until("it has a guard", || {
            !crate::support::owner::named(&base, "stopctl-guard").is_empty()
        });
        send(pid, Signal::SIGUSR1);
        run.wait_for("level 0");
        if is_deleted {
            fs::remove_dir_all(base.runs().join("quiet")).expect("rm -r of the run");
        }
        run.signal(Signal::SIGKILL);
        run.wait_for("its supervisor died");
        send(pid, Signal::SIGUSR2);
        run.wait_for("leaving");
        let end = run.finish();
        end.expect_signal(9);
        assert!(!end.err().contains("never looked"), "{}", end.err());
        assert!(!end.out().contains("got TERM"), "{}", end.out());
    }
}

#[test]
fn k19f_a_late_look_gains_its_time_though_nobody_is_told_at_once() {
    let Some(python) = python::python() else {
        return;
    };
    let refused = format!("exec {python} {REFUSE} EMFILE inotify_init1 \"$@\"");
    for wrapper in [r#"exec "$@""#, &refused] {
        let base = Base::new();
        let run = quiet(&base, "late")
            .through(wrapper)
            .options(&["--grace", "1h", "--unaware-grace", "2s"])
            .sh(LOOKS_LATE)
            .start();
        let pid = run.ready(1)[0];
        base.call(&["stop", "late", "--no-wait"]).expect(0);
        run.wait_for("stopping");
        let path = flag(&base, "late", 0);
        send(pid, Signal::SIGUSR1);
        run.wait_for("level 1");
        // Its flag tells of the whole grace once SIGTERM would have come.
        let deadline = || {
            let said = fs::File::open(&path).map(|file| text(&file));
            let said = said.unwrap_or_default();
            said.split_whitespace()
                .nth(2)
                .and_then(|digits| digits.parse().ok())
        };
        let soon = stopctl::now() + Duration::from_secs(60);
        until("it has more time", || {
            deadline().is_some_and(|at: u64| at > soon.nanos())
        });
        send(pid, Signal::SIGUSR2);
        let end = run.finish();
        end.expect(0);
        assert!(end.took < BUSY);
        assert!(!end.out().contains("got TERM"), "{}", end.out());
    }
}

#[test]
fn k19h_a_flag_is_healed_though_nobody_is_told_of_looks() {
    let base = Base::new();
    let run = quiet(&base, "healed").zoo(&["handler", "0"]).start();
    run.ready(1);
    until("it has a guard", || {
        !crate::support::owner::named(&base, "stopctl-guard").is_empty()
    });
    let path = flag(&base, "healed", 0);
    for script in [r#"echo 1 >"$1""#, r#": >"$1""#] {
        scribble(&base, &path, script);
        until("it is healed", || {
            fs::read(&path).is_ok_and(|text| text.len() == 64 && text[0] == b'0')
        });
    }
    base.call(&["stop", "healed", "--term"]).expect(0);
    run.finish().expect(0).says("it is repaired");
}

/// Has files in memory of its own in the place of the runs, mounted as `MOUNT` says.
const OF_ITS_OWN: &str = r#"mkdir -p "$STOPCTL_DIR" && exec unshare -m sh -c '
    mount -t tmpfs -o "mode=755,$MOUNT" none "$STOPCTL_DIR" && exec "$@"' sh "$@""#;

#[test]
fn k19j_a_look_is_seen_however_the_files_in_memory_are_mounted() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    for mount in ["strictatime", "relatime", "lazytime", "noatime"] {
        let base = Base::new();
        let run = quiet(&base, "mounted")
            .environment("MOUNT", mount)
            .through(OF_ITS_OWN)
            .workers(2)
            .times("100ms", "5s")
            .sh(
                r#"[ "$STOPCTL_WORKER" = 1 ] || read -r level rest <"$STOPCTL_FLAG"
                echo "ready worker=$STOPCTL_WORKER pid=$$"; exec sleep 100"#,
            )
            .start();
        run.ready(2);
        run.signal(Signal::SIGTERM);
        let end = run.finish();
        end.expect_signal(15);
        end.says("stopctl: worker 1 (")
            .says(" has never looked at its flag");
    }
}

#[test]
fn k4f_a_directory_that_is_deleted_while_workers_are_started_keeps_nobody_from_being_started() {
    const WORKERS: usize = 60;
    let base = Base::new();
    let run = base
        .scenario()
        .name("early")
        .workers(WORKERS)
        .times("1s", "5s")
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    let directory = base.runs().join("early");
    for number in [1, 20, 40] {
        run.wait_for(&format!("worker {number} started: pid "));
        // Some of it may have just been put back.
        let _ = fs::remove_dir_all(&directory);
    }
    run.wait_for(&format!("worker {} started: pid ", WORKERS - 1));
    until("it is put back", || {
        base.call(&["status", "early"]).out.contains("running")
    });
    base.call(&["stop", "early"]).expect(0);
    let end = run.finish_unchecked();
    assert!(!end.err().contains("could not be started"), "{}", end.err());
    assert_eq!(end.events.of("worker_ended").len(), WORKERS);
}
