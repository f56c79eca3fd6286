//! Numbers and clocks of one namespace are never used in another.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use nix::sys::signal::Signal;

use super::places::{is_gone, proves as proves_by_number, through};
use crate::support::base::Base;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks};
use crate::support::owner::named;
use crate::support::processes;
use crate::support::python;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// Without `--mount-proc`: `/proc` shows the processes of the namespace outside.
const NO_OWN_PROC: &str = "exec unshare -p -f";

/// How late something may be on a busy machine, in nanoseconds.
const BUSY: i64 = 15_000_000_000;

const REFUSE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/running/environment/refuse.py"
);

/// So many bystanders get the pids of a namespace that come next.
const BYSTANDERS: usize = 12;

/// What the worker leaves behind has none of these pids, and the kernel has other processes for them
/// outside.
#[test]
fn k1g_whom_the_proc_of_another_pid_namespace_shows_is_nobody_here() {
    if lacks(Need::PidNamespace) || lacks(Need::Program("nsenter")) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("ns")
        .workers(3)
        // The one that leaves has time for it, and the others are asked with a shorter grace.
        .times("1m", "300ms")
        .options(&["-v"])
        .through(&format!("{NO_OWN_PROC} \"$@\""))
        .sh(r#"case $STOPCTL_WORKER in
            0) exec "$0" forker 2 ;;
            1) exec "$0" deaf ;;
            *) exec "$0" polite ;;
        esac"#)
        .zoo_as_argument()
        .start();
    run.wait_for("/proc shows the processes of another pid namespace");
    run.wait_for_each("ready", 5);
    let first = processes::children(run.pid())[0];
    let enter = format!("exec nsenter -t {first} -p");
    let bystanders = format!(
        r#"{enter} sh -c 'for n in $(seq {BYSTANDERS}); do
            env -i "$1" canary <&3 3<&- & done; wait' sh "$1" 3<&0"#
    );
    let mut shell = base.command("/bin/sh");
    shell
        .args(["-c", &bystanders, "sh"])
        .arg(zoo())
        .stdin(Stdio::piped());
    let bystanders = Started::begin(shell, base.root(), None);
    bystanders.wait_for_each("ready", BYSTANDERS);
    let status = through(&base, &enter, &["status", "ns", "--json"]).json();
    let lacks = &status["runs"][0]["lacks"];
    assert_eq!(lacks, &serde_json::json!(["proc"]), "{status}");
    for worker in ["0", "1"] {
        let stop = through(
            &base,
            &enter,
            &["stop", "ns", "--worker", worker, "--grace", "300ms"],
        );
        stop.expect(0);
    }
    // The other worker has had nothing of it.
    let status = through(&base, &enter, &["status", "ns", "--json"]).json();
    assert_eq!(status["runs"][0]["workers"][2]["state"], "running");
    // Not by a command in there: with the first process that would be killed, too.
    send(first, Signal::SIGTERM);
    let end = run.finish();
    end.expect(137);
    assert_eq!(end.events.outcomes()[1..], ["kill", "flag"]);
    // With the first process the kernel kills all of the namespace; nobody else sent them anything.
    let out = bystanders.finish().out();
    assert!(!out.contains("signal"), "{out}");
}

/// Without `/proc`, and without a kernel that tells it otherwise, neither knows where it is: that is
/// no agreement.
#[test]
fn k1h_two_who_do_not_know_where_they_are_are_not_in_one_place() {
    const NO_PROC: &str = "mount -t tmpfs none /proc &&";
    let Some(python) = python::python() else {
        return;
    };
    if lacks(Need::Root) || lacks(Need::Mounts) || lacks(Need::PidNamespace) {
        return;
    }
    for (is_old, why) in [
        (true, "of which pid namespace"),
        (false, "another pid namespace"),
    ] {
        let old = format!("{python} {REFUSE} ENOSYS pidfd_open");
        let old = if is_old { old.as_str() } else { "" };
        let base = Base::new();
        let script = format!(
            r#"{NO_PROC} {{ {old} "$1" run --no-guard --name there -- "$2" deaf & wait $!
            echo gone; read -r line; }}"#
        );
        let mut inside = base.command("unshare");
        inside
            .args(["-m", "-p", "-f", "sh", "-c", &script, "sh"])
            .args([Base::program().as_ref(), zoo().as_os_str()])
            .stdin(Stdio::piped());
        let inside = Started::begin(inside, base.root(), None);
        inside.wait_for("ready");
        let supervisor = named(&base, "stopctl");
        send(supervisor[0], Signal::SIGKILL);
        inside.wait_for("gone");
        let there = format!("exec unshare -m -p -f sh -c '{NO_PROC} exec {old} \"$@\"' sh");
        through(&base, &there, &["stop", "there"])
            .expect(1)
            .says(why);
        through(&base, &there, &["clean"]).expect(1).says(why);
        through(&base, &there, &["run", "--name", "there", "--", "true"])
            .expect(125)
            .says(why);
        assert!(base.runs().join("there/record").exists(), "removed");
        let end = inside.finish();
        assert!(!end.out().contains("signal"), "{}", end.out());
        assert!(!end.out().contains("flag"), "{}", end.out());
        fs::remove_dir_all(base.runs().join("there")).expect("nobody's any more");
    }
}

/// As machine containers do it, each of which has a number of its own for its "boot".
#[test]
fn k1i_a_number_that_was_put_over_that_of_the_boot_is_no_other_boot() {
    if lacks(Need::Root) || lacks(Need::Mounts) || lacks(Need::PidNamespace) {
        return;
    }
    let boot_id = "/proc/sys/kernel/random/boot_id";
    for (place, number) in [
        ("/dev/shm", "number"),
        ("/dev/shm", "/proc/sys/kernel/random/uuid"),
        ("/var/tmp", "number"),
    ] {
        let base = Base::below(place);
        fs::write(
            base.file("number"),
            "00000000-0000-4000-8000-000000000000\n",
        )
        .expect("write");
        let over = format!("mount --bind {number} {boot_id} && exec \"$@\"");
        let here = format!("exec unshare -m sh -c '{over}' sh");
        let apart = format!("exec unshare -m -p -f --mount-proc sh -c '{over}' sh");
        let run = base.scenario().name("live").zoo(&["polite"]).start();
        run.ready(1);
        for words in [&here, &apart] {
            through(&base, words, &["list"]).expect(0);
            through(&base, words, &["clean"]);
            through(&base, words, &["run", "--name", "other", "--", "true"]).expect(0);
            through(&base, words, &["run", "--name", "live", "--", "true"]).expect(125);
            assert!(base.runs().join("live/owner").exists(), "removed: {words}");
        }
        // Asking hurts nobody, and works from everywhere.
        through(&base, &here, &["stop", "live"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert!(!end.err().contains("put back"), "{}", end.err());
    }
}

/// The words of the line in the file `owner`.
fn owner_words(owner: &Path) -> Vec<String> {
    let bytes = fs::read(owner).expect("an owner file");
    let line = String::from_utf8_lossy(&bytes[64..]).into_owned();
    line.trim_end().split(' ').map(String::from).collect()
}

/// A disk may be of an older boot, of which nothing is left. Memory is of this one, so that another number
/// there tells of another machine, or of nobody. Either way no pid of it is signalled.
#[test]
fn k1j_the_pids_of_another_boot_are_nobodys() {
    for (place, is_past) in [("/dev/shm", false), ("/var/tmp", true)] {
        let mut base = Base::below(place);
        let scenario = base.scenario().name("old").without_events();
        let run = scenario.options(&["--no-guard"]).zoo(&["polite"]).start();
        let pid = run.ready(1)[0];
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        let owner = base.runs().join("old/owner");
        let mut words = owner_words(&owner);
        words[3] = "00000000-0000-4000-8000-000000000000".into();
        let mut line = words.join(" ").into_bytes();
        line.resize(192, b'\n');
        fs::set_permissions(&owner, fs::Permissions::from_mode(0o600)).expect("chmod");
        let file = fs::File::options().write(true).open(&owner);
        file.and_then(|file| file.write_all_at(&line, 64))
            .expect("write");
        let stop = base.call(&["stop", "old", "--kill"]);
        if is_past {
            stop.expect(0).says("was restarted");
        } else {
            stop.expect(1).says("another boot or machine");
        }
        assert_ne!(base.runs().join("old").exists(), is_past);
        assert!(!is_gone(pid));
        base.leaves_something();
        send(pid, Signal::SIGKILL);
        let end = run.finish();
        assert!(!end.out().contains("signal 15"), "{}", end.out());
    }
}

/// Whoever goes on with a ladder takes no rung too early or much too late because its clock counts
/// from another moment; and tells the workers the deadlines of their own.
#[test]
fn k1k_a_ladder_keeps_its_clock_when_it_is_taken_over_in_another_time_namespace() {
    if lacks(Need::Root) || lacks(Need::TimeNamespace) {
        return;
    }
    for offset in ["86400", "-10", "-1"] {
        for is_inside in [false, true] {
            let other = format!("exec unshare -T --monotonic {offset} --fork");
            let (there, here) = if is_inside {
                (other.as_str(), "exec")
            } else {
                ("exec", other.as_str())
            };
            let base = Base::new();
            let run = base
                .scenario()
                .name("time")
                .without_events()
                .options(&["--no-guard"])
                .times("1s", "500ms")
                .through(&format!("{there} \"$@\""))
                .zoo(&["deaf"])
                .start();
            run.ready(1);
            base.call(&["stop", "time", "--no-wait"]).expect(0);
            let due = run.wait_for("flag 1   user").deadline();
            send(named(&base, "stopctl")[0], Signal::SIGKILL);
            until("its supervisor is dead", || {
                named(&base, "stopctl").is_empty()
            });
            through(&base, here, &["stop", "time"]).expect(0);
            let sent = run.wait_for("signal 15 at").number(" at ");
            assert!(sent >= due, "{offset}: SIGTERM is early: {sent} {due}");
            assert!(sent - due < BUSY, "{offset}: SIGTERM is late: {sent} {due}");
            let end = run.finish();
            let out = end.out();
            let flag = out.lines().find(|line| line.starts_with("flag 2   user"));
            let flag = flag.unwrap_or_else(|| panic!("no second rung: {out}"));
            let next: i64 = flag
                .split_whitespace()
                .nth(3)
                .and_then(|ns| ns.parse().ok())
                .expect("a deadline");
            assert!((next - sent).abs() < BUSY, "{offset}: {flag} {sent}");
        }
    }
}

/// A time namespace may have another clock for starts alone. A start that it counts proves nothing,
/// neither that a process is the worker nor that the worker has ended.
#[test]
fn k1t_where_only_starts_are_counted_otherwise_the_ladder_goes_on_too() {
    let Some(python) = python::python() else {
        return;
    };
    if lacks(Need::Root) || lacks(Need::TimeNamespace) {
        return;
    }
    // Without the numbers of pidfds only the start is left to go by.
    let blind = format!("{python} {REFUSE} ENOSYS fstatfs");
    for (refused, proves) in [(blind.as_str(), false), ("", proves_by_number())] {
        let mut base = Base::new();
        let scenario = base.scenario().name("time").without_events();
        let run = scenario
            .options(&["--no-guard", "--stop-within", "1s"])
            .through(&format!("exec {refused} \"$@\""))
            .zoo(&["deaf"])
            .start();
        let pid = run.ready(1)[0];
        run.signal(Signal::SIGKILL);
        run.wait_for_exit();
        let here = format!("exec unshare -T --boottime 86400 --fork {refused}");
        through(&base, &here, &["clean", "-n"])
            .expect(1)
            .says("would stop 1 worker of time");
        let stop = through(&base, &here, &["stop", "time"]);
        run.wait_for("flag 1   lost");
        assert_eq!(is_gone(pid), proves, "{stop:?}");
        assert_eq!(base.runs().join("time").exists(), !proves, "{stop:?}");
        if !proves {
            stop.expect(1);
            base.leaves_something();
            send(pid, Signal::SIGKILL);
        }
        run.finish();
    }
}

/// The deadline in an outer flag is on the outer clock.
#[test]
fn k1l_a_nested_run_in_another_time_namespace_fits_its_ladder_into_the_outer_one() {
    if lacks(Need::Root) || lacks(Need::TimeNamespace) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("outer")
        .times("6s", "2s")
        .environment("STOPCTL", Base::program())
        .sh(r#"exec unshare -T --monotonic 86400 --fork "$STOPCTL" run -v --name inner -- "$0" deaf"#)
        .zoo_as_argument()
        .start();
    run.wait_for("ready worker=0");
    let asked = Instant::now();
    let stop = base.begin(&["stop", "outer"]);
    // 80 % of what is left, of which a second may be lost with the fraction of the Unix time.
    run.wait_for("signal 15 at");
    let grace = asked.elapsed().as_millis();
    assert!((3500..5900).contains(&grace), "{grace} ms");
    stop.finish().expect(0);
    run.finish();
}

/// Whoever is root of a user namespace is a user like any other outside.
#[test]
fn k1m_the_root_of_a_user_namespace_and_the_real_one_do_not_meet() {
    const BOTH: &str = r#"
        mount -t tmpfs -o mode=1777 none /dev/shm || exit 77
        unset STOPCTL_DIR
        user() { setpriv --reuid=61015 --regid=61015 --clear-groups unshare $map "$@"; }
        for map in '-r' '--map-user=0 -U' '-r unshare -U --map-current-user'; do
            for first in user ''; do
                [ "$first" ] && second='' || second=user
                $first "$STOPCTL" run -q --name first -- "$ZOO" polite >/dev/null &
                until ls /dev/shm/*/first/control >/dev/null 2>&1; do :; done
                $second "$STOPCTL" list | grep first && echo "seen: $map"
                $second "$STOPCTL" run --name first -- true || echo "second: $?, $map, '$first'"
                $first "$STOPCTL" stop first 2>/dev/null || echo "not stopped: $map, '$first'"
                wait $! || echo "first: $?, $map, '$first'"
            done
        done
        ls -A /dev/shm
        echo done"#;
    if lacks(Need::Root) || lacks(Need::Mounts) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::below("/var/tmp").for_every_user();
    let mut command = base.command("unshare");
    command
        .args(["-m", "sh", "-c", BOTH])
        .env("STOPCTL", base.stopctl_path())
        .env("ZOO", base.zoo_path());
    let answer = base.answer(command);
    assert_eq!(
        (answer.out.as_str(), answer.err.as_str()),
        ("done\n", ""),
        "{answer:?}"
    );
}
