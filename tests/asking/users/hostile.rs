//! A user who plants something for root to find. Root acts with the rights of that user, so all that can
//! be had is what that user can have anyway.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{AS_USER, TYPED, USER, apart, is_impossible, run_of_theirs, theirs};
use crate::support::base::Base;
use crate::support::processes;
use crate::support::started::{Ended, Started, send};

/// No command waits for what is planted here: an owner that does not answer has five seconds.
const PROMPT: Duration = Duration::from_secs(60);

/// The owner word of which the kernel says that its thread has died.
const DIED: u32 = 1 << 30;

/// A run of root's, with a worker that nobody but its supervisor may signal.
fn victim(base: &Base) -> (Started, i32) {
    let run = base.scenario().name("train").times("200ms", "200ms");
    let run = run.without_events().zoo(&["polite"]).start();
    let pid = run.ready(1)[0];
    (run, pid)
}

/// Copies the files of a run of root's, with all its true numbers, into the directory of the user.
fn copied(from: &Base, to: &Base) {
    let (source, copy) = (from.runs().join("train"), to.runs().join("train"));
    fs::create_dir(&copy).expect("a directory");
    for entry in fs::read_dir(&source).expect("the run") {
        let name = entry.expect("an entry").file_name();
        if name == "control" {
            mkfifo(&copy.join(&name), Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
        } else {
            fs::copy(source.join(&name), copy.join(&name)).expect("a copy");
        }
    }
    hand_over(&copy);
}

/// Gives a directory, and everything in it, to the user.
fn hand_over(directory: &Path) {
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(USER), Some(USER));
    for entry in fs::read_dir(directory).expect("a directory") {
        give(&entry.expect("an entry").path()).expect("chown");
    }
    give(directory).expect("chown");
}

/// Root's run is as it was: nobody was signalled, and it ends when it is asked.
fn is_unharmed(base: &Base, run: Started, pid: i32) {
    send(pid, Signal::SIGUSR1);
    run.wait_for("look 0");
    base.call(&["stop", "train"])
        .expect(0)
        .says("1 left when asked (worker 0)");
    let end = run.finish();
    end.expect(0);
    assert!(!end.out().contains("signal 15"), "{}", end.out());
}

/// Every number in them is true, so nothing but the kernel stands between the worker and a signal.
#[test]
fn a_dead_run_that_names_the_processes_of_root_ends_nobody() {
    if is_impossible() {
        return;
    }
    for arguments in [&["clean"][..], &["stop", "train"], &["stop", "--kill"]] {
        let (base, planted) = (Base::new(), theirs());
        let (run, pid) = victim(&base);
        copied(&base, &planted);
        let owner = planted.runs().join("train/owner");
        let owner = fs::OpenOptions::new().write(true).open(owner);
        owner
            .expect("the owner file")
            .write_all_at(&DIED.to_ne_bytes(), 0)
            .expect("a word");
        let answer = planted.call(&[arguments, &["--user", TYPED]].concat());
        answer.expect(1).says("1 could not be ended (worker 0)");
        is_unharmed(&base, run, pid);
        fs::remove_dir_all(planted.runs().join("train")).expect("the planted run");
    }
}

/// SIGCONT is the one signal that may go to another user's process, if that is of the same session.
#[test]
fn an_owner_that_is_a_stopped_process_of_root_is_not_continued() {
    if is_impossible() {
        return;
    }
    let (base, planted) = (Base::new(), theirs());
    let (run, pid) = victim(&base);
    copied(&base, &planted);
    run.signal(Signal::SIGSTOP);
    processes::wait_for_state(run.pid(), 'T');
    planted
        .call(&["stop", "--user", TYPED, "train"])
        .expect(1)
        .says("taking over");
    assert_eq!(processes::state(run.pid()), Some('T'));
    run.signal(Signal::SIGCONT);
    is_unharmed(&base, run, pid);
    fs::remove_dir_all(planted.runs().join("train")).expect("the planted run");
}

/// What is asked of a run whose owner is alive goes into the FIFO beside its files, and no link leads
/// to another one.
#[test]
fn links_lead_root_nowhere() {
    if is_impossible() {
        return;
    }
    let (base, planted) = (Base::new(), theirs());
    let (run, pid) = victim(&base);
    let train = planted.runs().join("train");
    // A link to the directory of a run, and a directory of links to its files.
    symlink(base.runs().join("train"), &train).expect("a link");
    for arguments in [
        &["status", "train"][..],
        &["stop", "train"],
        &["stop", "--kill"],
    ] {
        let answer = planted.call(&[arguments, &["--user", TYPED]].concat());
        assert_ne!(answer.ended, Ended::Code(0));
    }
    fs::remove_file(&train).expect("the link");
    fs::create_dir(&train).expect("a directory");
    for name in ["owner", "record", "control"] {
        symlink(base.runs().join("train").join(name), train.join(name)).expect("a link");
    }
    hand_over(&train);
    planted
        .call(&["status", "--user", TYPED, "train"])
        .expect(125);
    planted
        .call(&["stop", "--user", TYPED, "--all", "--kill"])
        .expect(1);
    planted.call(&["clean", "--user", TYPED]).expect(1);
    fs::remove_dir_all(&train).expect("the planted run");
    // And a link in the place of the whole directory.
    fs::remove_dir(planted.runs()).expect("remove");
    symlink(base.runs(), planted.runs()).expect("a link");
    for arguments in [&["list"][..], &["stop", "train"], &["clean"]] {
        let answer = planted.call(&[arguments, &["--user", TYPED]].concat());
        answer.expect(125).says("a link is not taken");
    }
    fs::remove_file(planted.runs()).expect("the link");
    is_unharmed(&base, run, pid);
}

/// In the places of its files: FIFOs that nobody writes to, a file that ends nowhere, text with an escape
/// sequence.
#[test]
fn what_is_no_run_is_named_at_once_and_hurts_nothing() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let place = |name: &str| base.runs().join(name);
    for name in ["pipes", "huge", ".gone-\x1b[31m", ".new-\x1b[31m"] {
        fs::create_dir(place(name)).expect("a directory");
    }
    for name in ["owner", "record", "control"] {
        mkfifo(&place("pipes").join(name), Mode::S_IRWXU).expect("a FIFO");
        let file = File::create(place("huge").join(name)).expect("a file");
        file.set_len(1 << 40).expect("a hole");
    }
    fs::write(place(".new-\x1b[31m").join("owner"), "3 x").expect("a file");
    for name in ["pipes", "huge", ".gone-\x1b[31m", ".new-\x1b[31m"] {
        hand_over(&place(name));
    }
    for (arguments, code) in [
        (&["list"][..], 125),
        (&["status", "pipes"], 125),
        (&["status", "huge", "--watch"], 125),
        (&["wait", "huge"], 125),
        (&["signal", "pipes", "USR1"], 125),
        (&["stop", "huge"], 1),
        (&["stop", "--all"], 1),
        (&["clean", "-n"], 1),
        (&["clean"], 1),
    ] {
        let answer = base.call(&[arguments, &["--user", TYPED]].concat());
        answer.expect(code);
        assert!(answer.took < PROMPT, "{answer:?}");
        let all = [answer.out, answer.err].concat();
        assert!(!all.contains('\x1b'), "{arguments:?}: {all}");
        let names_one = ["pipes", "huge"].iter().any(|name| all.contains(name));
        assert!(names_one, "{arguments:?}: {all}");
    }
    fs::remove_dir_all(base.runs()).expect("remove");
}

/// Texts of a record go to root's terminal.
#[test]
fn texts_of_a_record_are_shown_escaped() {
    if is_impossible() {
        return;
    }
    let base = theirs();
    let run = run_of_theirs(&base, "polite", ("1h", "1h"));
    let record = base.runs().join("train/record");
    let bytes = fs::read(&record).expect("the record");
    let text = String::from_utf8_lossy(&bytes[8..4096]).into_owned();
    let evil = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        let mut forged = text.replacen(from, to, 1).trim_end().to_owned();
        forged.extend(std::iter::repeat_n('\n', 4096 - 8 - forged.len()));
        let file = fs::OpenOptions::new().write(true).open(&record);
        file.expect("the record")
            .write_all_at(forged.as_bytes(), 8)
            .expect("write");
    };
    evil(r#""reason":null"#, r#""reason":"\u001b[2Jreason""#);
    let watch = base.begin(&["status", "--user", TYPED, "--watch"]);
    watch.wait_for("train");
    let list = base.call(&["list", "--user", TYPED]);
    evil(r#""lacks":[]"#, r#""lacks":["\u001b[2Jlack"]"#);
    let status = base.call(&["status", "--user", TYPED]);
    assert!(status.out.contains(r"refused \x1b[2Jlack"), "{status:?}");
    evil(r#""command":["#, r#""command":["\u001b[2J","#);
    let again = base.call(&["list", "--user", TYPED]);
    for answer in [list, status, again] {
        let all = [&*answer.expect(0).out, &*answer.err].concat();
        assert!(!all.contains('\x1b'), "{all}");
    }
    run.signal(Signal::SIGTERM);
    run.finish().expect(0);
    let told = watch.finish();
    assert!(!told.out().contains('\x1b'), "{}", told.out());
}

/// While somebody removes it and makes it again, it is there, or half of it, or nothing.
#[test]
fn a_directory_that_vanishes_and_comes_back_confuses_nobody() {
    if is_impossible() {
        return;
    }
    let (base, planted) = (Base::new(), theirs());
    let (run, pid) = victim(&base);
    copied(&base, &planted);
    let (runs, store) = (planted.runs().to_owned(), planted.file("store"));
    fs::create_dir(&store).expect("a directory");
    fs::set_permissions(
        planted.root().join("work"),
        fs::Permissions::from_mode(0o755),
    )
    .expect("chmod");
    chown(&store, Some(USER), Some(USER)).expect("chown");
    fs::rename(runs.join("train"), store.join("train")).expect("rename");
    let mut mover = Command::new("/bin/sh");
    mover.args(["-c", &format!("{AS_USER} sh -c \"$0\"")]);
    mover.arg(format!(
        "while :; do mv {0}/train {1}/train; mv {1}/train {0}/train; done 2>/dev/null",
        store.display(),
        runs.display()
    ));
    let mut mover = mover.spawn().expect("a shell");
    for _ in 0..20 {
        for arguments in [
            &["list"][..],
            &["status", "train"],
            &["wait", "--timeout", "0"],
        ] {
            let answer = planted.call(&[arguments, &["--user", TYPED]].concat());
            let crashed = !matches!(answer.ended, Ended::Code(_));
            assert!(!crashed && answer.took < PROMPT, "{answer:?}");
        }
    }
    mover.kill().expect("the shell");
    mover.wait().expect("the shell");
    for place in [&runs, &store] {
        let _ = fs::remove_dir_all(place.join("train"));
    }
    is_unharmed(&base, run, pid);
}

/// One user who plants something does not keep root from the runs of the others, and has none of theirs.
#[test]
fn all_users_are_listed_whatever_one_of_them_has_planted() {
    let Some(answer) = apart(
        r#"
        "$STOPCTL" run -q --name roots -- "$STOPCTL" sleep 1h &
        until [ "$("$STOPCTL" list --names)" = roots ]; do :; done
        # The place of another, a link to the runs of root, and what only looks like a directory of runs.
        as 61022 mkdir /dev/shm/stopctl-61023
        as 61021 ln -s stopctl-0 /dev/shm/stopctl-61021
        as 61024 touch /dev/shm/stopctl-0.1
        as 61025 mkfifo /dev/shm/stopctl-61025
        as 61026 sh -c 'mkdir -p /dev/shm/stopctl-61026/file &&
            truncate -s 1T /dev/shm/stopctl-61026/file/record &&
            mkfifo /dev/shm/stopctl-61026/file/owner'
        as 61027 sh -c 'mkdir -m 777 /dev/shm/stopctl-61027'
        as 61023 "$STOPCTL" run -q --name theirs -- "$STOPCTL" sleep 1h &
        until "$STOPCTL" list --names --user 61023 | grep -q theirs; do :; done
        "$STOPCTL" list --all-users | awk '{ print $1, $2, $3 }'
        "$STOPCTL" list --all-users 2>/dev/null >/dev/null || echo "$?"
        "$STOPCTL" stop -q roots
        "$STOPCTL" stop -q --user 61023 theirs
        wait
        "#,
    ) else {
        return;
    };
    let listed = "USER NAME STATE\nroot roots running\n61023 theirs running\n125\n";
    assert_eq!(answer.expect(0).out, listed);
    let said = [
        "stopctl: /dev/shm/stopctl-61021: is not a directory (a link is not taken)\n",
        "stopctl: /dev/shm/stopctl-61025: is not a directory (a link is not taken)\n",
        "stopctl: 61026: file: the run's record is damaged\n",
        "stopctl: /dev/shm/stopctl-61027: others may write into it (mode 0777)\n",
    ];
    assert_eq!(answer.err, said.concat());
}

/// One user has more runs than root may open at once.
#[test]
fn the_runs_of_one_user_take_no_descriptors_from_those_of_the_next() {
    let Some(answer) = apart(
        r#"
        for user in 61021 61022; do
            as "$user" "$STOPCTL" run -q --name one -- "$STOPCTL" sleep 1h &
        done
        until [ "$("$STOPCTL" list --all-users | grep -c ' running ')" = 2 ]; do :; done
        as 61021 sh -c 'cd /dev/shm/stopctl-61021 && seq 30 | xargs -I{} cp -r one copy{}'
        (ulimit -n 40; "$STOPCTL" list --all-users | grep -c '^61022  *one  *running')
        rm -r /dev/shm/stopctl-61021/copy*
        for user in 61021 61022; do "$STOPCTL" stop -q --user "$user" one; done
        wait
        "#,
    ) else {
        return;
    };
    assert_eq!(answer.expect(0).out, "1\n");
    answer
        .says("stopctl: 61021: copy")
        .says("Too many open files");
}
