//! Whoever takes over raises every flag first: whatever its limits are, whatever else lies in the
//! directory, and whether or not the record can be read.

use std::fs;
use std::os::unix::fs::{FileExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::scene::{MIXED, orphan, told};
use crate::support::base::{Answer, Base};
use crate::support::bystanders::Bystanders;
use crate::support::owner::{Flags, guard_of, is_raised, open_to_spoil, pid_of_owner};
use crate::support::processes;
use crate::support::started::{Ended, Started};
use crate::support::until::until;

/// More than the open files that a taker is allowed.
const MANY: usize = 40;

/// Runs `stopctl ARGUMENTS` with a limit of the shell, such as `ulimit -n 24`.
fn limited(base: &Base, limit: &str, arguments: &str) -> Answer {
    base.sh(&format!("{limit}; exec \"$STOPCTL\" {arguments}"))
}

/// Each of [`MIXED`] is ended as its ladder says.
#[track_caller]
fn each_had_its_ladder(out: &str) {
    let deaf = MANY - 3;
    assert_eq!(told(out, 1), MANY - 1, "{out}");
    assert_eq!(out.matches("left").count(), 3, "{out}");
    assert_eq!(out.matches("signal 15").count(), deaf + 1, "{out}");
}

#[test]
fn k7a_a_stop_with_fewer_descriptors_than_workers_does_the_whole_ladder() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let scenario = base.scenario().workers(MANY).times("1s", "500ms");
    let (run, _) = orphan(&base, scenario.sh(MIXED).zoo_as_argument());
    limited(&base, "ulimit -n 24", "stop orphan")
        .expect(0)
        .says("40 not observed");
    each_had_its_ladder(&run.finish().out());
    bystanders.check();
}

#[test]
fn k7b_a_guard_with_room_for_one_descriptor_a_worker_does_the_whole_ladder() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("tight")
        .workers(MANY)
        .times("1s", "500ms")
        .options(&["-v"])
        // About as few as the supervisor itself can do with.
        .through("ulimit -n 100; exec \"$@\"")
        .sh(MIXED)
        .zoo_as_argument()
        .start();
    guard_of(&run);
    run.ready(MANY);
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    each_had_its_ladder(&end.out());
    end.says("tight is over");
    bystanders.check();
}

/// A straggler that no descriptor could be kept for is told from a stranger, and ended, all the
/// same.
#[test]
fn k7c_stragglers_that_are_more_than_descriptors_are_ended_too() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let scenario = base.scenario().times("100ms", "100ms");
    let (run, _) = orphan(&base, scenario.zoo(&["forker", "40"]));
    limited(&base, "ulimit -n 24", "stop orphan").expect(0);
    run.finish();
    bystanders.check();
}

#[test]
fn k7d_who_may_write_no_file_raises_the_flags_and_keeps_the_record() {
    for guarded in [true, false] {
        let base = Base::new();
        let scenario = base.scenario().workers(2).times("300ms", "300ms");
        let scenario =
            scenario.sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" waiter; exec "$0" deaf"#);
        let run = if guarded {
            // Events it cannot write either.
            let scenario = scenario.zoo_as_argument().options(&["-v"]).without_events();
            let run = scenario.name("orphan").start();
            let guard = guard_of(&run);
            run.ready(2);
            let limit = format!("prlimit --pid {guard} --fsize=0");
            base.sh(&limit).expect(0);
            run.signal(Signal::SIGKILL);
            run
        } else {
            let (run, _) = orphan(&base, scenario.zoo_as_argument());
            let stop = limited(&base, "ulimit -f 0", "stop orphan");
            stop.expect(0).says("orphan is over: 2 not observed");
            run
        };
        let end = run.finish();
        let out = end.out();
        assert!(out.contains("left, because of lost"), "{out}");
        // The deaf one: its flag says what is used on it, before it is.
        assert_eq!((told(&out, 1), told(&out, 2)), (1, 1), "{out}");
    }
}

/// What lies in the directory besides flags, and has such a name.
fn litter(directory: &Path, outside: &Path) {
    fs::create_dir(directory.join("7.0123456789abcdef")).expect("a directory");
    mkfifo(&directory.join("8.0123456789abcdef"), Mode::S_IRWXU).expect("a FIFO");
    symlink(outside, directory.join("9.0123456789abcdef")).expect("a link");
    symlink("nowhere", directory.join("0.0000000000000000")).expect("a link");
    fs::hard_link(outside, directory.join("10.0123456789abcdef")).expect("another name");
    UnixListener::bind(directory.join("11.0123456789abcdef")).expect("a socket");
    fs::write(directory.join("0.0123456789abcdef"), "0").expect("a flag of nobody");
    fs::write(directory.join("12.0123456789abcde"), "0").expect("no flag's name");
}

#[test]
fn k7e_one_bad_entry_keeps_no_flag_down_and_is_named() {
    for guarded in [true, false] {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let outside = base.file("outside");
        fs::write(&outside, "0 of somebody else").expect("a file");
        let scenario = base.scenario().times("30s", "30s").zoo(&["polite"]);
        let directory = base.runs().join("orphan");
        let (run, said) = if guarded {
            let run = scenario.name("orphan").options(&["-v"]).start();
            guard_of(&run);
            run.ready(1);
            litter(&directory, &outside);
            run.signal(Signal::SIGKILL);
            (run, None)
        } else {
            let (run, _) = orphan(&base, scenario);
            litter(&directory, &outside);
            let stop = base.call(&["stop", "orphan"]);
            (run, Some(stop.expect(0).err.clone()))
        };
        let end = run.finish();
        assert!(end.out().contains("left"), "{end:?}");
        let said = said.unwrap_or_else(|| end.err());
        for bad in ["7", "8", "9", "10", "11"] {
            let named = format!("flag {bad}.0123456789abcdef of orphan cannot be raised");
            assert!(said.contains(&named), "{named}: {said}");
        }
        let text = fs::read_to_string(&outside).expect("the file");
        assert_eq!(text, "0 of somebody else");
        bystanders.check();
    }
}

/// Overwrites a part of the file.
fn spoil(path: &Path, how: &str) {
    let file = open_to_spoil(path);
    match how {
        "cut" => file.set_len(0).expect("cut"),
        "half" => file.set_len(4096).expect("cut"),
        "junk" => file.write_all_at(&[b'x'; 4096], 0).expect("junk"),
        _ => {
            let text = fs::read_to_string(path).expect("the record");
            let at = text.find(r#""version":1"#).expect("a version") + 10;
            file.write_all_at(b"7", at as u64).expect("a version");
        }
    }
}

/// Makes this all that is in the file.
fn scribble(path: &Path, bytes: &[u8]) {
    let file = open_to_spoil(path);
    file.set_len(0).expect("cut");
    file.write_all_at(bytes, 0).expect("written");
}

#[test]
fn k7f_a_record_that_cannot_be_read_keeps_no_flag_down_and_the_taker_says_so() {
    for how in ["cut", "half", "junk", "version"] {
        let mut base = Base::new();
        base.leaves_something();
        let run = base
            .scenario()
            .name("spoilt")
            .workers(2)
            .options(&["-v"])
            .without_events()
            .zoo(&["waiter"])
            .start();
        guard_of(&run);
        run.ready(2);
        stop_and_kill(&run, || spoil(&base.runs().join("spoilt/record"), how));
        let end = run.finish();
        assert_eq!(end.out().matches("because of lost").count(), 2, "{how}");
        end.says("its workers were asked to stop, but the run's record");
    }
}

/// Kills a supervisor that had no time to mend anything.
fn stop_and_kill(run: &Started, act: impl FnOnce()) {
    run.signal(Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    act();
    run.signal(Signal::SIGKILL);
}

#[test]
fn k7g_an_owner_file_that_names_nobody_is_owned_again() {
    let cut: &dyn Fn(&Path) = &|path| spoil(path, "cut");
    let junk: &dyn Fn(&Path) = &|path| scribble(path, b"a slip\n");
    let zeroes: &dyn Fn(&Path) = &|path| scribble(path, &[0; 256]);
    let gone: &dyn Fn(&Path) = &|path| fs::remove_file(path).expect("a file of ours");
    for act in [cut, junk, zeroes, gone] {
        for guarded in [true, false] {
            let base = Base::new();
            let bystanders = Bystanders::around(&base);
            let options: &[&str] = if guarded { &["-v"] } else { &["--no-guard"] };
            let scenario = base.scenario().name("cut").without_events();
            let run = scenario
                .times("300ms", "10s")
                .options(options)
                .zoo(&["handler", "0"])
                .start();
            if guarded {
                guard_of(&run);
            }
            run.ready(1);
            let flags = Flags::of(&base, "cut");
            let owner = base.runs().join("cut/owner");
            stop_and_kill(&run, || act(&owner));
            if !guarded {
                base.call(&["stop", "cut"]).expect(0).says("taking over");
            }
            flags.wait_until_raised();
            let end = run.finish();
            assert_eq!(end.out().matches("signal 15").count(), 1, "{end:?}");
            bystanders.check();
        }
    }
}

/// Whether this process holds another one by a pidfd.
fn holds_a_process(pid: i32) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    let mut open = open
        .flatten()
        .filter_map(|one| fs::read_link(one.path()).ok());
    open.any(|link| link.to_string_lossy().contains("pidfd"))
}

#[test]
fn k7h_a_supervisor_that_lives_signs_again_what_was_cut() {
    for text in ["", "a slip\n"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("cut")
            .workers(2)
            .zoo(&["polite"])
            .start();
        run.ready(2);
        let owner = base.runs().join("cut/owner");
        scribble(&owner, text.as_bytes());
        base.call(&["stop", "cut", "--worker", "0"]).expect(0);
        assert_eq!(pid_of_owner(&base, "cut"), Some(run.pid()));
        // Whoever waits is told of its death by the kernel again.
        let waiter = base.begin(&["wait", "cut"]);
        until("it has found the run", || holds_a_process(waiter.pid()));
        scribble(&owner, text.as_bytes());
        let stop = base.call(&["stop", "cut"]);
        assert!(!stop.expect(0).err.contains("died"), "{stop:?}");
        waiter.finish().expect(0);
        run.finish().expect(0);
    }
}

/// A flag is raised once, and says when SIGTERM comes from the first word on.
#[test]
fn k7i_the_first_word_of_a_taker_has_a_deadline() {
    let base = Base::new();
    let scenario = base.scenario().workers(3).times("30s", "30s");
    let (run, _) = orphan(&base, scenario.zoo(&["polite"]));
    base.call(&["stop", "orphan"]).expect(0);
    let out = run.finish().out();
    assert_eq!(told(&out, 1), 3, "{out}");
    let flags = out.lines().filter_map(|line| line.strip_prefix("flag "));
    let flags: Vec<&str> = flags.collect();
    assert!(flags.iter().all(|text| is_raised(text)), "{out}");
    assert!(!out.contains("lost -"), "{out}");
}

/// `owner` and `control` are what all versions have in common, and what is left when the record was
/// damaged.
#[test]
fn k7j_a_run_whose_record_cannot_be_read_is_stopped_all_the_same() {
    for how in ["cut", "half", "junk", "version"] {
        for arguments in [&["stop", "spoilt"][..], &["stop", "--all"]] {
            let base = Base::new();
            let run = base
                .scenario()
                .name("spoilt")
                .workers(2)
                .zoo(&["polite"])
                .start();
            run.ready(2);
            spoil(&base.runs().join("spoilt/record"), how);
            base.call(arguments).expect(0).says("spoilt is over");
            let end = run.finish();
            end.expect(0);
            assert_eq!(end.events.outcomes(), ["flag", "flag"], "{how}");
        }
    }
}

/// Whoever only looks sees the truth again as soon as there is something to tell.
#[test]
fn k7k_a_record_that_was_cut_is_written_again() {
    for how in ["cut", "half"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("spoilt")
            .workers(3)
            .times("30s", "30s")
            .zoo(&["polite"])
            .start();
        let pids = run.ready(3);
        spoil(&base.runs().join("spoilt/record"), how);
        base.call(&["stop", "spoilt", "--worker", "0"]).expect(0);
        run.wait_for("is written again");
        until("it is whole", || {
            base.call(&["status", "spoilt"]).ended == Ended::Code(0)
        });
        let workers =
            base.call(&["status", "spoilt", "--json"]).json()["runs"][0]["workers"].clone();
        assert_eq!(
            (&workers[1]["pid"], &workers[2]["pid"]),
            (&pids[1].into(), &pids[2].into())
        );
        // Who takes over by it finds them.
        run.signal(Signal::SIGKILL);
        let end = run.finish_unchecked();
        assert_eq!(end.out().matches("left").count(), 3, "{how}: {end:?}");
    }
}

#[test]
fn k7l_an_orphan_whose_record_cannot_be_read_is_asked_and_named() {
    let mut base = Base::new();
    base.leaves_something();
    let scenario = base.scenario().workers(2).zoo(&["polite"]);
    let (run, _) = orphan(&base, scenario);
    spoil(&base.runs().join("orphan/record"), "version");
    base.call(&["stop", "orphan"])
        .expect(1)
        .says("its workers were asked to stop, but the run's record has version 7");
    let end = run.finish();
    assert_eq!(end.out().matches("left").count(), 2, "{end:?}");
}
