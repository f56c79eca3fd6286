//! Pids that mean somebody else by now: of another boot, of another pid namespace, used again.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::Signal;

use super::scene::orphan;
use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::examples::zoo;
use crate::support::need::{Need, lacks, missing};
use crate::support::owner::{is_orphaned, named};
use crate::support::processes;
use crate::support::python::python;
use crate::support::started::{Started, send};
use crate::support::until::until;

/// Runs a program under a pid of our choice: `clone3(2)`, `set_tid`.
const AS_PID: &str = "
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
tids = (ctypes.c_int * 1)(int(sys.argv[1]))
clone_args = struct.pack('=11Q', 0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(tids), 1, 0)
pid = libc.syscall(435, ctypes.create_string_buffer(clone_args, 88), ctypes.c_size_t(88))
if pid == 0:
    os.setsid()
    os.execv(sys.argv[2], sys.argv[2:])
if pid < 0:
    print('refused', os.strerror(ctypes.get_errno()), flush=True)
    sys.exit(1)
os.waitpid(pid, 0)
";

/// A bystander that has this pid, and leads a session and a group of that number; `None`, once it
/// was said, if there cannot be one.
fn bystander_with(base: &Base, pid: i32) -> Option<Started> {
    let python = python()?;
    if lacks(Need::Root) {
        return None;
    }
    until("the pid is free", || processes::state(pid).is_none());
    let mut command = base.command(python);
    command
        .args(["-c", AS_PID, &pid.to_string()])
        .arg(zoo())
        .arg("canary")
        .env_remove("STOPCTL_DIR")
        .env("HOME", "/")
        .stdin(Stdio::piped());
    let started = Started::begin(command, base.root(), None);
    let line = started.wait_for("re");
    if line.text.starts_with("refused") {
        missing(&format!("clone3 with set_tid ({})", line.text));
        return None;
    }
    assert_eq!(line.number("pid="), i64::from(pid));
    Some(started)
}

#[track_caller]
fn was_left_alone(bystander: Started, row: &str) {
    let end = bystander.finish();
    assert!(end.out().contains("counted 0"), "{row}: {}", end.out());
}

/// Changes bytes of a file in a run's directory.
fn craft(path: &PathBuf, at: u64, bytes: &[u8]) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("chmod");
    let file = File::options()
        .write(true)
        .open(path)
        .expect("a file of the run");
    file.write_all_at(bytes, at).expect("write");
}

/// The words of the line in the file `owner`.
fn owner_words(base: &Base, run: &str) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut file = File::open(base.runs().join(run).join("owner")).expect("an owner file");
    file.read_to_end(&mut bytes).expect("read");
    let line = String::from_utf8_lossy(&bytes[64..]).into_owned();
    line.trim_end().split(' ').map(String::from).collect()
}

fn craft_owner(base: &Base, run: &str, words: &[String]) {
    let mut line = words.join(" ").into_bytes();
    line.resize(192, b'\n');
    craft(&base.runs().join(run).join("owner"), 64, &line);
}

#[test]
fn c14_what_an_older_boot_left_is_removed_and_nobody_is_signalled() {
    // On a disk: memory forgets at each boot.
    let base = Base::below("/var/tmp");
    let bystanders = Bystanders::around(&base);
    let (run, pids) = orphan(&base, base.scenario().zoo(&["deaf"]));
    let mut words = owner_words(&base, "orphan");
    words[3] = "00000000-0000-4000-8000-000000000000".into();
    craft_owner(&base, "orphan", &words);
    base.call(&["stop", "orphan"])
        .expect(0)
        .says("nothing is left of orphan: its machine or container was restarted");
    assert!(!base.runs().join("orphan").exists(), "C14");
    let state = processes::state(pids[0]);
    assert!(matches!(state, Some('S' | 'R')), "C14: it lives: {state:?}");
    send(pids[0], Signal::SIGKILL);
    let end = run.finish();
    assert!(!end.out().contains("signal"), "C14: {}", end.out());
    assert!(!end.out().contains("flag"), "C14: {}", end.out());
    bystanders.check();
}

#[test]
fn c15_whoever_has_the_pid_of_a_dead_supervisor_is_nobody_to_us() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    // Reaped by the shell that started it, so that its pid is free.
    let run = base
        .scenario()
        .name("orphan")
        .without_events()
        .options(&["--no-guard"])
        .through(r#""$@" & echo "supervisor=$!"; wait $!; echo "gone""#)
        .times("100ms", "100ms")
        .zoo(&["deaf"])
        .start();
    let supervisor =
        i32::try_from(run.wait_for("supervisor=").number("supervisor=")).expect("a pid");
    run.ready(1);
    send(supervisor, Signal::SIGKILL);
    run.wait_for("gone");
    let Some(stranger) = bystander_with(&base, supervisor) else {
        base.call(&["stop", "orphan"]).expect(0);
        run.finish();
        return;
    };
    assert!(is_orphaned(&base, "orphan"));
    // As it stands where the kernel was not allowed to mark it.
    let owner = base.runs().join("orphan/owner");
    craft(&owner, 0, &supervisor.to_ne_bytes());
    base.call(&["stop", "orphan"]).expect(0).says("taking over");
    let end = run.finish();
    assert_eq!(
        end.out().matches("signal 15").count(),
        1,
        "C15: {}",
        end.out()
    );
    was_left_alone(stranger, "C15");
    bystanders.check();
}

#[test]
fn c16_whoever_has_the_pid_of_a_dead_worker_is_nobody_to_us() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let scenario = base
        .scenario()
        .workers(2)
        .times("100ms", "100ms")
        .zoo(&["deaf"]);
    let (run, pids) = orphan(&base, scenario);
    send(pids[1], Signal::SIGKILL);
    let stranger = bystander_with(&base, pids[1]);
    base.call(&["stop", "orphan"]).expect(0).says("taking over");
    let end = run.finish();
    assert_eq!(
        end.out().matches("signal 15").count(),
        1,
        "C16: {}",
        end.out()
    );
    if let Some(stranger) = stranger {
        was_left_alone(stranger, "C16");
    }
    bystanders.check();
}

#[test]
fn c17_the_same_pid_and_the_same_tick_are_not_the_same_process() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let scenario = base
        .scenario()
        .workers(2)
        .times("100ms", "100ms")
        .zoo(&["deaf"]);
    let (run, pids) = orphan(&base, scenario);
    send(pids[1], Signal::SIGKILL);
    let stranger = bystander_with(&base, pids[1]);
    if let Some(stranger) = &stranger {
        let _ = stranger;
        // The worker's line in the record, with the tick of the stranger.
        let record = base.runs().join("orphan/record");
        let bytes = fs::read(&record).expect("a record");
        let place = 4096 + 1024;
        let line = String::from_utf8_lossy(&bytes[place..place + 64]).into_owned();
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        assert_eq!(words[0], pids[1].to_string());
        if words[2] == "0" {
            missing("pids with a number of their own (pidfs)");
        } else {
            let start = processes::start(pids[1]).expect("it lives");
            let mut line = format!("{} {start} {}", pids[1], words[2]).into_bytes();
            line.resize(64, b'\n');
            craft(&record, place as u64, &line);
        }
    }
    base.call(&["stop", "orphan"]).expect(0).says("taking over");
    let end = run.finish();
    assert_eq!(
        end.out().matches("signal 15").count(),
        1,
        "C17: {}",
        end.out()
    );
    if let Some(stranger) = stranger {
        was_left_alone(stranger, "C17");
    }
    bystanders.check();
}

#[test]
fn c18_what_is_of_another_pid_namespace_is_not_signalled_and_that_is_said() {
    if lacks(Need::Root) || lacks(Need::Program("unshare")) {
        return;
    }
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let mut inside = base.command("unshare");
    inside
        .args(["-p", "-f", "--mount-proc", "sh", "-c"])
        .arg(r#""$1" run --no-guard --name there -- "$2" deaf & wait $!; echo gone; read -r line"#)
        .arg("sh")
        .arg(Base::program())
        .arg(zoo())
        .stdin(Stdio::piped());
    let inside = Started::begin(inside, base.root(), None);
    inside.wait_for("ready");
    let supervisor = named(&base, "stopctl");
    assert_eq!(supervisor.len(), 1);
    send(supervisor[0], Signal::SIGKILL);
    inside.wait_for("gone");
    base.call(&["stop", "there"])
        .expect(1)
        .says("another pid namespace");
    let state = &base.call(&["list", "--json"]).json()["runs"][0]["state"];
    assert!(base.runs().join("there").exists(), "C18: {state}");
    let end = inside.finish();
    assert!(!end.out().contains("signal"), "C18: {}", end.out());
    assert!(!end.out().contains("flag"), "C18: {}", end.out());
    fs::remove_dir_all(base.runs().join("there")).expect("nobody's any more");
    bystanders.check();
}

#[test]
fn c18_the_first_process_of_a_namespace_takes_everything_with_it() {
    if lacks(Need::Root) || lacks(Need::Program("unshare")) {
        return;
    }
    let base = Base::new();
    let mut inside = base.command("unshare");
    inside
        .args(["-p", "-f", "--mount-proc", Base::program()])
        .args(["run", "--name", "first"])
        .arg(zoo())
        .arg("deaf");
    let inside = Started::begin(inside, base.root(), None);
    inside.wait_for("ready");
    let first: Vec<i32> = named(&base, "stopctl")
        .into_iter()
        .filter(|&pid| processes::parent(pid) == Some(inside.pid()))
        .collect();
    assert_eq!(first.len(), 1);
    send(first[0], Signal::SIGKILL);
    inside.finish();
    base.call(&["stop", "first"])
        .expect(0)
        .says("nothing is left of first");
}
