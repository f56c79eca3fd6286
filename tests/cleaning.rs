//! What dead runs left: `clean`, and what every new run does about it; and what the other commands
//! say of such runs. Rows C14, G11, G21 and G22.
#![cfg(feature = "cli")]

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

mod support;

use support::base::{Answer, Base, zoo};
use support::need::{Need, lacks, rounds};
use support::processes;
use support::started::{Ended, Started, send};
use support::until::{finds, until};

/// Kills supervisor and guard, and nobody else. Stopped first, the supervisor cannot replace its
/// guard, and the guard does not see it die.
fn die(run: &Started) {
    run.signal(Signal::SIGSTOP);
    processes::wait_for_state(run.pid(), 'T');
    for child in processes::children(run.pid()) {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        // It has the supervisor's name until it has given itself its own.
        if name.starts_with("stopctl") {
            send(child, Signal::SIGKILL);
            until("the guard is dead", || {
                processes::state(child).is_none_or(|state| state == 'Z')
            });
        }
    }
    run.signal(Signal::SIGKILL);
    assert_eq!(run.wait_for_exit(), Ended::Signal(9));
}

/// A run of one worker, and the pid of that.
fn one_worker(base: &Base, name: &str, habit: &str, times: (&str, &str)) -> (Started, i32) {
    let scenario = base.scenario().name(name).times(times.0, times.1);
    let run = scenario.without_events().zoo(&[habit]).start();
    let pid = run.ready(1)[0];
    (run, pid)
}

/// The line of text in an owner file, with one of its five words replaced.
fn forge(owner: &Path, word: usize, by: &str) {
    fs::set_permissions(owner, fs::Permissions::from_mode(0o644)).expect("chmod");
    let bytes = fs::read(owner).expect("the owner file");
    let line = String::from_utf8_lossy(&bytes[64..]);
    let mut words: Vec<&str> = line.trim_end().split(' ').collect();
    words[word] = by;
    let mut text = words.join(" ").into_bytes();
    text.resize(256 - 64, b'\n');
    let file = fs::OpenOptions::new().write(true).open(owner);
    let file = file.expect("the owner file");
    file.write_all_at(&text, 64).expect("write");
    fs::set_permissions(owner, fs::Permissions::from_mode(0o444)).expect("chmod");
}

const BOOT: usize = 3;
const NAMESPACE: usize = 4;

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names
}

/// `status` and `list` say the same of the only run, in words and to programs.
fn told(base: &Base, name: &str, word: &str, words: &str, code: i32) {
    let status = base.call(&["status", name]);
    status.expect(code);
    assert!(status.out.contains(words), "{status:?}");
    let list = base.call(&["list"]);
    assert!(list.expect(0).out.contains(words), "{list:?}");
    for arguments in [&["status", name, "--json"][..], &["list", "--json"]] {
        let run = &base.call(arguments).json()["runs"][0];
        assert_eq!((&run["name"], &run["state"]), (&name.into(), &word.into()));
    }
}

#[test]
fn there_may_be_nothing_to_clean() {
    let base = Base::new();
    base.call(&["clean"]).expect(0).says("nothing to clean");
    base.call(&["clean", "-n"])
        .expect(0)
        .says("nothing to clean");
    assert!(!base.runs().exists(), "looking makes no directory");
    fs::create_dir(base.runs()).expect("a directory");
    assert_eq!(base.call(&["clean", "-q"]).expect(0).err, "");
    base.call(&["clean", "train"]).expect(2);
}

#[test]
fn a_dead_run_is_told_of_cleaned_and_only_then_gone() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("dead")
        .workers(3)
        .times("300ms", "300ms")
        .without_events()
        .sh(r#"case $STOPCTL_WORKER in
                 0) exec "$0" polite ;;
                 1) exec "$0" deaf ;;
                 2) exit 3 ;;
               esac"#)
        .zoo_as_argument()
        .start();
    run.ready(2);
    let ended = || {
        let workers = &base.call(&["status", "dead", "--json"]).json()["runs"][0]["workers"];
        workers[2]["state"] == "ended"
    };
    while !ended() {
        std::thread::yield_now();
    }
    die(&run);
    told(
        &base,
        "dead",
        "owner_died",
        "its supervisor died, not being stopped",
        3,
    );
    base.call(&["wait", "dead"])
        .expect(125)
        .says("may still run");

    let before = entries(&base.runs().join("dead"));
    base.call(&["clean", "-n"])
        .expect(1)
        .says("would stop 2 workers of dead and remove it");
    assert_eq!(before, entries(&base.runs().join("dead")));
    told(
        &base,
        "dead",
        "owner_died",
        "its supervisor died, not being stopped",
        3,
    );
    assert!(!run.so_far().iter().any(|line| line.text.contains("flag")));

    base.call(&["clean"])
        .expect(0)
        .says("cleaned dead: 1 ended by itself (2), 2 not observed (0, 1)");
    run.wait_for("flag 1   lost");
    run.wait_for("flag 1   lost");
    run.wait_for("flag 2   lost");
    run.wait_for("signal 15");
    run.finish().expect_signal(9);
    base.call(&["clean"]).expect(0).says("nothing to clean");
}

#[test]
fn several_dead_runs_are_stopped_side_by_side() {
    let base = Base::new();
    let start = |number| one_worker(&base, &format!("run{number}"), "blind", ("1s", "1s")).0;
    let runs: Vec<Started> = (0..4).map(start).collect();
    runs.iter().for_each(die);
    let cleaned = base.call(&["clean"]);
    cleaned.expect(0);
    for number in 0..4 {
        cleaned.says(&format!("cleaned run{number}: 1 not observed (0)"));
    }
    assert!(cleaned.took.as_secs() < 6, "one after another: {cleaned:?}");
    for run in runs {
        run.finish().expect_signal(9);
    }
}

#[test]
fn a_live_run_is_not_touched() {
    let base = Base::new();
    let live = base.scenario().name("live").zoo(&["polite"]).start();
    live.ready(1);
    let (dead, _) = one_worker(&base, "dead", "polite", ("5s", "5s"));
    die(&dead);
    let cleaned = base.call(&["clean"]);
    cleaned.expect(0).says("cleaned dead");
    assert!(!cleaned.err.contains("live"), "{cleaned:?}");
    dead.finish().expect_signal(9);
    base.call(&["stop", "live"]).expect(0);
    let end = live.finish();
    assert_eq!(end.expect(0).events.outcomes(), ["flag"]);
    assert_eq!(end.events.raised()[0]["reason"], "user");
}

#[test]
fn g22_no_run_that_is_being_started_is_touched() {
    for round in 0..rounds(2) {
        let base = Base::new();
        let mut starts = base.command("/bin/sh");
        starts
            .args([
                "-c",
                r#"i=0; while [ $i -lt 50 ]; do
                     "$STOPCTL" run --name "run$i" -- true || echo "run$i: $?" &
                     i=$((i + 1))
                   done; wait; echo all over"#,
            ])
            .env("STOPCTL", Base::program());
        let starts = Started::begin(starts, base.root(), None);
        let over = || starts.so_far().iter().any(|line| line.text == "all over");
        while !over() {
            let cleaned = base.call(&["clean"]);
            cleaned.expect(0);
            assert!(!cleaned.err.contains("cleaned"), "{round}: {cleaned:?}");
        }
        let end = starts.finish();
        assert_eq!(
            (end.out().as_str(), end.err().as_str()),
            ("all over\n", ""),
            "{round}"
        );
    }
}

#[test]
fn c14_what_is_of_another_boot_is_removed_and_nobody_is_signalled() {
    for how in ["clean", "stop", "run"] {
        let mut base = Base::new();
        let (run, pid) = one_worker(&base, "old", "polite", ("1s", "1s"));
        die(&run);
        let other = "00000000-0000-4000-8000-000000000000";
        forge(&base.runs().join("old/owner"), BOOT, other);
        if how == "clean" {
            base.call(&["clean", "-n"])
                .expect(1)
                .says("would remove old");
        }
        let answer = match how {
            "clean" => base.call(&["clean"]),
            "stop" => base.call(&["stop", "old"]),
            _ => base.call(&["run", "--name", "old", "--", "true"]),
        };
        answer.expect(0).says("machine or container was restarted");
        assert!(entries(base.runs()).is_empty(), "{how}");
        // The worker has the pid of one of that other boot, for all that can be known.
        send(pid, Signal::SIGUSR1);
        run.wait_for("look 0");
        send(pid, Signal::SIGKILL);
        base.leaves_something();
        let said = run.finish();
        assert!(!said.out().contains("signal 15"), "{how}: {said:?}");
    }
}

#[test]
fn g21_a_dead_container_with_the_same_name_is_cleaned_and_started() {
    if lacks(Need::PidNamespace) {
        return;
    }
    for how in ["clean", "run"] {
        let base = Base::new();
        let mut pod = base.command("unshare");
        pod.args(["-p", "-f", "--mount-proc", Base::program(), "run"])
            .args(["--name", "pod", "--"])
            .arg(zoo())
            .arg("blind");
        let pod = Started::begin(pod, base.root(), None);
        pod.wait_for("ready");
        // As PID 1 of its namespace it takes everybody with it.
        send(processes::children(pod.pid())[0], Signal::SIGKILL);
        pod.finish();
        assert_eq!(entries(base.runs()), ["pod"]);
        let answer = if how == "clean" {
            base.call(&["clean"])
        } else {
            base.call(&["run", "--name", "pod", "--", "true"])
        };
        answer.expect(0).says("restarted");
    }
}

#[test]
fn g11_a_third_run_cleans_takes_the_name_and_signals_no_stranger() {
    for _ in 0..rounds(3) {
        let base = Base::new();
        let mut canary = base.canary();
        let (one, _) = one_worker(&base, "one", "deaf", ("100ms", "100ms"));
        let (two, pid) = one_worker(&base, "two", "polite", ("100ms", "100ms"));
        die(&one);
        die(&two);
        // The worker of the second has ended, and a stranger has its pid.
        send(pid, Signal::SIGKILL);
        two.finish().expect_signal(9);
        give_pid(&base.runs().join("two/record"), canary.pid());

        base.call(&["run", "--name", "one", "--", "true"])
            .expect(0)
            .says("run 'one' was left by its dead supervisor: stopping its 1 worker")
            .says("run 'two' was left by its dead supervisor: cleaning up")
            .says("waiting until nothing is left of the run 'one'");
        one.finish().expect_signal(9);
        // Whoever ends the second one may still be at it.
        base.call(&["stop", "two", "--if-running"]).expect(0);
        canary.close_stdin();
        assert_eq!(canary.wait_for("counted").number("counted"), 0);
        canary.finish().expect(0);
    }
}

/// Writes another pid to the start time of worker 0, as if that pid had been given to somebody else.
fn give_pid(record: &Path, pid: i32) {
    const SLOT: u64 = 4096;
    let file = fs::OpenOptions::new().read(true).write(true).open(record);
    let file = file.expect("the record");
    let mut line = [0; 64];
    file.read_exact_at(&mut line, SLOT).expect("the slot");
    let text = String::from_utf8_lossy(&line);
    let (_, rest) = text.trim_end().split_once(' ').expect("pid and start");
    let mut forged = format!("{pid} {rest}").into_bytes();
    forged.resize(64, b'\n');
    file.write_all_at(&forged, SLOT).expect("write");
}

#[test]
fn a_run_that_waits_for_its_name_dies_of_a_signal() {
    let base = Base::new();
    let (dead, _) = one_worker(&base, "name", "deaf", ("1m", "1m"));
    die(&dead);
    for (signal, number) in [(Signal::SIGINT, 2), (Signal::SIGTERM, 15)] {
        let next = base.begin(&["run", "--name", "name", "--", "true"]);
        next.wait_for("waiting until");
        next.signal(signal);
        next.finish().expect_signal(number);
    }
    // It was asked all the same.
    dead.wait_for("flag 1   lost");
    base.call(&["stop", "name", "--kill"]).expect(0);
    dead.finish().expect_signal(9);
}

#[test]
fn the_name_of_a_live_run_is_taken() {
    let base = Base::new();
    let live = base.scenario().name("live").zoo(&["polite"]).start();
    live.ready(1);
    base.call(&["run", "--name", "live", "--", "true"])
        .expect(125)
        .says("there is a run named 'live' already");
    base.call(&["stop", "live"]).expect(0);
    live.finish().expect(0);
}

#[test]
fn directories_of_dead_makers_are_removed_and_others_are_not() {
    for how in ["clean", "run"] {
        let base = Base::new();
        let (live, _) = one_worker(&base, "live", "polite", ("5s", "5s"));
        let (dead, pid) = one_worker(&base, "dead", "polite", ("5s", "5s"));
        die(&dead);
        send(pid, Signal::SIGKILL);
        dead.finish().expect_signal(9);
        let make = |name: &str, owner_of: Option<&str>| {
            let directory = base.runs().join(name);
            fs::create_dir(&directory).expect("a directory");
            fs::write(directory.join("record"), "half of it").expect("a file");
            if let Some(run) = owner_of {
                fs::copy(base.runs().join(run).join("owner"), directory.join("owner"))
                    .expect("a copy");
            }
            directory
        };
        make(".gone-0000000000000001", None);
        make(".gone-0000000000000002", Some("live"));
        make(".new-0000000000000003", Some("dead"));
        let old = make(".new-0000000000000004", None);
        let mut age = Command::new("touch");
        age.args(["-d", "2 minutes ago"]).arg(&old);
        assert!(age.status().expect("touch").success());
        let starting = make(".new-0000000000000005", Some("live"));
        let fresh = make(".new-0000000000000006", None);
        make(".nobodys", None);

        let left = [
            ".new-0000000000000005",
            ".new-0000000000000006",
            ".nobodys",
            "live",
        ];
        if how == "clean" {
            let told = base.call(&["clean", "-n"]);
            for number in 1..=4 {
                told.says(&format!("000{number}"));
            }
            assert_eq!(entries(base.runs()).len(), 9, "-n touches nothing");
            base.call(&["clean"])
                .expect(0)
                .says("removed .gone-0000000000000001");
        } else {
            base.call(&["run", "--name", "dead", "--", "true"])
                .expect(0);
        }
        assert_eq!(entries(base.runs()), left, "{how}");
        for directory in [starting, fresh, base.runs().join(".nobodys")] {
            fs::remove_dir_all(directory).expect("remove");
        }
        base.call(&["stop", "live"]).expect(0);
        live.finish().expect(0);
    }
}

#[test]
fn what_cannot_be_verified_is_named_and_left() {
    let base = Base::new();
    let (run, _) = one_worker(&base, "far", "polite", ("5s", "5s"));
    let owner = base.runs().join("far/owner");
    let own = fs::read(&owner).expect("the owner file");
    let own = String::from_utf8_lossy(&own[64..]).trim_end().to_owned();
    let namespace = own
        .split(' ')
        .nth(NAMESPACE)
        .expect("five words")
        .to_owned();
    forge(&owner, NAMESPACE, "1");
    told(
        &base,
        "far",
        "unverifiable",
        "cannot be verified from here",
        0,
    );
    for arguments in [&["clean"][..], &["clean", "-n"]] {
        base.call(arguments)
            .expect(1)
            .says("left alone: far: its owner")
            .says("cannot be verified");
    }
    base.call(&["wait", "far", "--timeout", "100ms"])
        .expect(124);
    forge(&owner, NAMESPACE, &namespace);
    base.call(&["stop", "far"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a_dead_run_of_another_pid_namespace_is_told_of_and_left() {
    let mut base = Base::new();
    let (run, pid) = one_worker(&base, "far", "polite", ("5s", "5s"));
    die(&run);
    forge(&base.runs().join("far/owner"), NAMESPACE, "1");
    told(
        &base,
        "far",
        "owner_died",
        "its supervisor died, not being stopped",
        3,
    );
    base.call(&["wait", "far"]).expect(125).says("died");
    base.call(&["clean"]).expect(1).says("left alone: far");
    base.call(&["stop", "far"])
        .expect(1)
        .says("another pid namespace");
    base.call(&["run", "--name", "far", "--", "true"])
        .expect(125);
    assert_eq!(entries(base.runs()), ["far"]);
    send(pid, Signal::SIGKILL);
    run.finish();
    base.leaves_something();
}

#[test]
fn what_cannot_be_read_is_named_and_left() {
    let base = Base::new();
    fs::create_dir(base.runs()).expect("a directory");
    fs::write(base.runs().join("file"), "").expect("a file");
    fs::create_dir(base.runs().join("empty")).expect("a directory");
    base.call(&["clean"])
        .expect(1)
        .says("left alone: file: ")
        .says("left alone: empty: its file 'owner' is missing");
    assert_eq!(entries(base.runs()), ["empty", "file"]);
    base.call(&["run", "--", "true"]).expect(0);
    fs::remove_file(base.runs().join("file")).expect("remove");
    fs::remove_dir(base.runs().join("empty")).expect("remove");
}

#[test]
fn a_dead_run_with_a_broken_record_is_named_and_left() {
    let mut base = Base::new();
    let (run, pid) = one_worker(&base, "broken", "polite", ("5s", "5s"));
    die(&run);
    fs::write(base.runs().join("broken/record"), [b'x'; 8192]).expect("the record");
    for arguments in [&["clean", "-n"][..], &["clean"]] {
        base.call(arguments)
            .expect(1)
            .says("left alone: broken: the run's record is damaged");
    }
    let started = base.call(&["run", "--", "true"]);
    assert_eq!(started.expect(0).err, "", "it is for clean to tell");
    assert_eq!(entries(base.runs()), ["broken"]);
    send(pid, Signal::SIGKILL);
    run.finish().expect_signal(9);
    base.leaves_something();
}

#[test]
fn a_run_whose_supervisor_is_stopped_is_suspended() {
    let base = Base::new();
    let (run, _) = one_worker(&base, "held", "polite", ("1m", "1m"));
    run.signal(Signal::SIGSTOP);
    processes::wait_for_state(run.pid(), 'T');
    let words = "suspended (its supervisor is stopped)";
    told(&base, "held", "suspended", words, 0);
    run.signal(Signal::SIGCONT);
    base.call(&["stop", "held"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn a_run_that_is_being_taken_over_says_by_whom() {
    let base = Base::new();
    let (run, _) = one_worker(&base, "taken", "deaf", ("1m", "1m"));
    die(&run);
    // The answer is whole although whoever took over goes on: nobody's stream is held.
    base.call(&["stop", "taken", "--no-wait"])
        .expect(0)
        .says("taking over");
    told(
        &base,
        "taken",
        "taken_over",
        "its supervisor died, being stopped by pid",
        0,
    );
    base.call(&["wait", "taken", "--timeout", "100ms"])
        .expect(124);
    base.call(&["clean"]).expect(0).says("nothing to clean");
    let wait = finds(&base, "taken", base.begin(&["wait", "taken"]));
    base.call(&["stop", "taken", "--kill"]).expect(0);
    wait.finish().expect(125);
    run.finish().expect_signal(9);
}

#[test]
fn what_could_not_be_ended_is_taken_up_again() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::new();
    // /dev/shm ignores set-uid bits; the build directory does not.
    let program = zoo().with_file_name(format!("foreigner-{}", std::process::id()));
    fs::copy(zoo(), &program).expect("copy");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("chmod");
    let runs = base.runs();
    fs::create_dir(runs).expect("a directory");
    std::os::unix::fs::chown(runs, Some(65534), Some(65534)).expect("chown");
    let run = base
        .scenario()
        .name("foreign")
        .without_events()
        .options(&["--stop-within", "1s"])
        .through(r#"exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@""#)
        .stdin(std::process::Stdio::null())
        .command(&[program.to_str().expect("a path in UTF-8"), "foreigner"])
        .start();
    let pid = run.ready(1)[0];
    run.signal(Signal::SIGTERM);
    assert_eq!(run.wait_for_exit(), Ended::Code(120));
    let clean = || -> Answer {
        let mut clean = base.command("setpriv");
        clean
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args([Base::program(), "clean"]);
        base.answer(clean)
    };
    clean()
        .expect(1)
        .says("foreign is still there: 1 could not be ended (0)");
    assert_eq!(entries(runs), ["foreign"]);
    send(pid, Signal::SIGKILL);
    let _ = fs::remove_file(&program);
    run.finish().expect(120);
    clean()
        .expect(0)
        .says("cleaned foreign: 1 not observed (0)");
}
