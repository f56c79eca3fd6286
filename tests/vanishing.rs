//! Flags, files and directories of a run that somebody deletes, cuts, writes or replaces while it
//! is at work; and workers that are hard to find.

mod support;

#[path = "vanishing/group.rs"]
mod group;
#[path = "vanishing/hidden.rs"]
mod hidden;
#[path = "vanishing/memory.rs"]
mod memory;
#[path = "vanishing/scene.rs"]
mod scene;

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use scene::{BUSY, clients, flag, put_back, waiting};
use support::base::Base;
use support::need::{Need, lacks};
use support::owner::guard_of;
use support::processes;
use support::started::{Started, send};
use support::until::{finds, until};

/// A worker that has its flag open from the start, and looks at nothing else.
const HOLDS: [&str; 1] = ["polite"];

/// Deletes what a run has, as somebody would who does not know what it is.
#[derive(Clone, Copy, Debug)]
enum What {
    Run,
    Base,
    Only(&'static str),
}

const EVERYTHING: [What; 6] = [
    What::Run,
    What::Base,
    What::Only("flag"),
    What::Only("owner"),
    What::Only("control"),
    What::Only("record"),
];

impl What {
    fn delete(self, base: &Base, run: &str) {
        let directory = base.runs().join(run);
        match self {
            Self::Run => fs::remove_dir_all(directory).expect("rm -r of the run"),
            Self::Base => fs::remove_dir_all(base.runs()).expect("rm -r of the base"),
            Self::Only("flag") => fs::remove_file(flag(base, run, 0)).expect("rm of a flag"),
            Self::Only(name) => fs::remove_file(directory.join(name)).expect("rm of a file"),
        }
    }
}

#[test]
fn b6_g12_what_is_deleted_is_put_back_and_old_and_new_flags_are_raised() {
    for what in EVERYTHING {
        let base = Base::new();
        let run = base
            .scenario()
            .name("gone")
            .workers(2)
            .options(&["-v"])
            .zoo(&HOLDS)
            .start();
        guard_of(&run);
        run.ready(2);
        let directory = base.runs().join("gone");
        let old = File::open(flag(&base, "gone", 0)).expect("the flag");
        let deleted = Instant::now();
        what.delete(&base, "gone");
        put_back(&run, &directory, deleted);
        let new = File::open(flag(&base, "gone", 0)).expect("the flag");
        assert_eq!(scene::text(&new), "0", "{what:?}");
        let status = base.call(&["status", "gone"]);
        status.expect(0);
        assert_eq!(status.out.matches("running").count(), 3, "{status:?}");
        base.call(&["list"]).expect(0);
        base.call(&["stop", "gone"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag", "flag"], "{what:?}");
        for file in [&old, &new] {
            assert!(scene::text(file).starts_with("1   user"), "{what:?}");
        }
    }
}

#[test]
fn b6_g12_whoever_deletes_one_file_after_the_other_is_let_finish() {
    // Less than the pause after which a deletion is taken for finished, and longer in all.
    const PAUSE: Duration = Duration::from_millis(40);
    const FINISHED: Duration = Duration::from_millis(100);
    let base = Base::new();
    let scenario = base.scenario().name("gone").options(&["-v"]);
    let run = scenario.zoo(&HOLDS).start();
    run.ready(1);
    guard_of(&run);
    let directory = base.runs().join("gone");
    let files = fs::read_dir(&directory).expect("the run").flatten();
    let files: Vec<_> = files.map(|file| file.path()).collect();
    assert!(files.len() >= 4, "owner, control, record and a flag");
    let begun = Instant::now();
    let mut last = begun;
    for (index, file) in files.iter().enumerate() {
        std::thread::sleep(PAUSE);
        let again = files.iter().take(index).find(|deleted| deleted.exists());
        // Whoever was kept waiting himself has not deleted without a pause.
        assert!(again.is_none() || last.elapsed() >= FINISHED, "{again:?}");
        last = Instant::now();
        fs::remove_file(file).expect("rm of a file");
    }
    put_back(&run, &directory, begun);
    base.call(&["stop", "gone"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn b6_g12_whoever_never_finishes_is_not_waited_for() {
    let base = Base::new();
    let scenario = base.scenario().name("gone").options(&["-v"]);
    let run = scenario.zoo(&HOLDS).start();
    run.ready(1);
    guard_of(&run);
    let directory = base.runs().join("gone");
    let deleted = Instant::now();
    What::Only("record").delete(&base, "gone");
    let (is_back, waits) = channel::<()>();
    let file = directory.join("record.of-somebody-else");
    let busy = std::thread::spawn(move || {
        while waits.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
            fs::write(&file, "").expect("a file");
            fs::remove_file(&file).expect("rm of a file");
        }
    });
    put_back(&run, &directory, deleted);
    drop(is_back);
    busy.join().expect("the deleter");
    base.call(&["stop", "gone"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn b6_g12_who_waited_already_is_not_forgotten() {
    for what in EVERYTHING {
        let base = Base::new();
        let run = base
            .scenario()
            .name("gone")
            .times("400ms", "10s")
            .zoo(&["handler", "5"])
            .start();
        run.ready(1);
        let wait = finds(&base, "gone", base.begin(&["wait", "gone"]));
        let deleted = Instant::now();
        what.delete(&base, "gone");
        put_back(&run, &base.runs().join("gone"), deleted);
        let wait_again = finds(&base, "gone", base.begin(&["wait", "gone"]));
        let stop = finds(&base, "gone", base.begin(&["stop", "gone"]));
        run.wait_for("stopping gone");
        // Once more, while it is being stopped: `stop` waits for its end.
        let deleted = Instant::now();
        what.delete(&base, "gone");
        put_back(&run, &base.runs().join("gone"), deleted);
        run.finish().expect(5);
        assert!(stop.finish().expect(0).took < BUSY, "{what:?}");
        assert!(wait.finish().expect(5).took < BUSY, "{what:?}");
        wait_again.finish().expect(5);
    }
}

#[test]
fn b6_g12_the_guard_knows_what_was_put_back() {
    for what in EVERYTHING {
        let base = Base::new();
        let run = base
            .scenario()
            .name("gone")
            .workers(2)
            .times("10s", "10s")
            .options(&["-v"])
            .zoo(&HOLDS)
            .start();
        let first = guard_of(&run);
        run.ready(2);
        let old = File::open(flag(&base, "gone", 0)).expect("the flag");
        let deleted = Instant::now();
        what.delete(&base, "gone");
        put_back(&run, &base.runs().join("gone"), deleted);
        assert_ne!(guard_of(&run), first, "{what:?}: the guard is renewed");
        let new = File::open(flag(&base, "gone", 0)).expect("the flag");
        run.signal(Signal::SIGKILL);
        let end = run.finish();
        end.expect_signal(9).says("died; its guard (pid ");
        assert_eq!(end.events.outcomes(), ["unobserved"; 2], "{what:?}");
        assert_eq!(
            end.events.signals(0),
            [""; 0],
            "{what:?}: it left when asked"
        );
        for file in [&old, &new] {
            assert!(scene::text(file).starts_with("1   lost"), "{what:?}");
        }
        base.call(&["stop", "gone"]).expect(3);
    }
}

#[test]
fn b6_g12_a_library_learns_of_the_death_by_an_owner_file_that_has_no_name_any_more() {
    let base = Base::new();
    for (client, command) in clients(&base) {
        for what in [What::Run, What::Only("owner")] {
            let scenario = base.scenario().options(&["-v"]).without_events();
            let (run, _) = waiting(scenario, "gone", &command);
            guard_of(&run);
            let deleted = Instant::now();
            what.delete(&base, "gone");
            put_back(&run, &base.runs().join("gone"), deleted);
            let guard = guard_of(&run);
            // At the same instant, as far as two system calls can.
            send(guard, Signal::SIGSTOP);
            send(run.pid(), Signal::SIGKILL);
            send(guard, Signal::SIGKILL);
            let killed = Instant::now();
            run.wait_for("1 lost -");
            let took = killed.elapsed();
            assert!(
                took < Duration::from_millis(1200) + BUSY,
                "{client}: {took:?}"
            );
            run.finish().expect_signal(9);
            base.call(&["stop", "gone"]).expect(0);
        }
    }
}

#[test]
fn r3_whatever_takes_the_place_of_control_the_run_can_be_stopped() {
    let base = Base::new();
    for (kind, script) in [
        ("file", "echo hello >control"),
        (
            "moved file",
            "echo hello >../aside && mv -f ../aside control",
        ),
        ("renamed file", "echo hello >other && mv -f other control"),
        ("link", "ln -sf /dev/null control"),
        ("fifo", "rm control && mkfifo control"),
        ("nothing", "rm control"),
    ] {
        let run = base.scenario().name("replaced").zoo(&HOLDS).start();
        run.ready(1);
        let directory = base.runs().join("replaced");
        let before = fs::symlink_metadata(directory.join("control")).expect("control");
        let answer = base.sh(&format!("cd {} && {script}", directory.display()));
        answer.expect(0);
        // A line for whoever reads it is a request that is none.
        if kind == "file" {
            run.wait_for("no request");
        } else {
            run.wait_for("put back");
            let after = fs::symlink_metadata(directory.join("control")).expect("control");
            assert!(after.file_type().is_fifo(), "R3 {kind}");
            assert_ne!(before.ino(), after.ino(), "R3 {kind}");
            assert_eq!(after.mode() & 0o7777, 0o600, "R3 {kind}");
        }
        base.call(&["stop", "replaced"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag"], "R3 {kind}");
    }
}

#[test]
fn r3_a_file_in_the_place_of_another_one_is_replaced() {
    for name in ["owner", "record", "flag"] {
        let base = Base::new();
        let run = base.scenario().name("replaced").zoo(&HOLDS).start();
        run.ready(1);
        let directory = base.runs().join("replaced");
        let path = match name {
            "flag" => flag(&base, "replaced", 0),
            name => directory.join(name),
        };
        let aside = base.runs().join(".aside");
        fs::write(&aside, "hello").expect("a file");
        let deleted = Instant::now();
        fs::rename(&aside, &path).expect("a rename");
        put_back(&run, &directory, deleted);
        base.call(&["status", "replaced"]).expect(0);
        base.call(&["stop", "replaced"]).expect(0);
        run.finish().expect(0);
    }
}

#[test]
fn b7_a_run_that_took_the_name_of_a_deleted_one_is_left_alone() {
    let base = Base::new();
    let older = base
        .scenario()
        .name("twice")
        .options(&["-v"])
        .zoo(&HOLDS)
        .start();
    older.ready(1);
    let directory = base.runs().join("twice");
    // Nothing is put back while the supervisor is stopped: the newer run is quicker.
    send(older.pid(), Signal::SIGSTOP);
    until("it is stopped", || {
        processes::state(older.pid()) == Some('T')
    });
    fs::remove_dir_all(&directory).expect("rm -r of the run");
    let newer = base.scenario().name("twice").zoo(&HOLDS).start();
    newer.ready(1);
    let before = fs::metadata(&directory).expect("the newer run").ino();
    send(older.pid(), Signal::SIGCONT);
    let said = older.wait_for("cannot be put back").text;
    assert!(said.contains("another run has its name now"), "B7: {said}");
    assert!(
        said.contains(&format!("(pid {})", older.pid())),
        "B7: {said}"
    );
    older.signal(Signal::SIGTERM);
    let end = older.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "B7");
    let after = fs::metadata(&directory).expect("the newer run").ino();
    assert_eq!(before, after, "B7: the newer run has its directory");
    let left = fs::read_dir(base.runs()).expect("the base").count();
    assert_eq!(left, 1, "B7: nothing else is left");
    base.call(&["status", "twice"]).expect(0);
    base.call(&["stop", "twice"]).expect(0);
    let end = newer.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"], "B7");
}

/// The supervisor may be quicker than a client, or the client quicker than the supervisor; what
/// that sees is a flag that cannot be read, which is a stop.
#[test]
fn b5_a_flag_that_is_cut_is_healed_and_no_client_crashes() {
    if lacks(Need::Root) {
        return;
    }
    let base = Base::new();
    for (client, command) in clients(&base) {
        let (run, pid) = waiting(base.scenario(), "cut", &command);
        let path = flag(&base, "cut", 0);
        let file = File::options().write(true).open(&path).expect("the flag");
        file.set_len(0).expect("truncate");
        run.wait_for("the flag of worker 0 was written by somebody else: it is whole again");
        let there = File::open(&path).expect("the flag");
        assert_eq!(there.metadata().expect("metadata").len(), 64, "B5 {client}");
        if processes::state(pid).is_some() {
            base.call(&["stop", "cut", "--if-running"]).expect(0);
        }
        let end = run.finish();
        end.expect(0);
        // By then every look says so, the one without a system call too.
        assert_eq!(
            end.out().matches("stop").count(),
            2,
            "B5 {client}: {}",
            end.out()
        );
    }
}

#[test]
fn b5_a_flag_that_is_cut_and_that_nobody_heals_is_a_stop() {
    if lacks(Need::Root) {
        return;
    }
    let base = Base::new();
    for (client, command) in clients(&base) {
        let (run, _) = waiting(base.scenario(), "cut", &command);
        send(run.pid(), Signal::SIGSTOP);
        until("it is stopped", || processes::state(run.pid()) == Some('T'));
        let file = File::options().write(true).open(flag(&base, "cut", 0));
        file.expect("the flag").set_len(0).expect("truncate");
        let cut = Instant::now();
        run.wait_for("- - -");
        assert!(cut.elapsed() < Duration::from_secs(2) + BUSY, "B5 {client}");
        send(run.pid(), Signal::SIGCONT);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["by_itself"], "B5 {client}");
    }
}

#[test]
fn g13_b10_a_flag_that_root_writes_is_healed() {
    if lacks(Need::Root) {
        return;
    }
    for (what, script) in [
        ("raised", r#"echo 1 >"$1""#),
        ("cut", r#": >"$1""#),
        ("longer", r#"head -c 100000 /dev/zero >"$1""#),
        (
            "garbage",
            r#"printf '\377\377\377\377\377\377' | dd of="$1" conv=notrunc"#,
        ),
        (
            "a deadline",
            r#"printf x | dd of="$1" conv=notrunc bs=1 seek=40"#,
        ),
    ] {
        let base = Base::new();
        // It never looks: so it is there when the flag is healed.
        let run = base
            .scenario()
            .name("scribbled")
            .times("100ms", "10s")
            .zoo(&["handler", "0"])
            .start();
        run.ready(1);
        let path = flag(&base, "scribbled", 0);
        let golden = fs::read(&path).expect("the flag");
        let script = format!("set -- {}; {script}", path.display());
        base.sh(&script).expect(0);
        let file = File::open(&path).expect("the flag");
        until("it is healed", || {
            fs::read(&path).is_ok_and(|text| text == golden)
        });
        base.call(&["stop", "scribbled"]).expect(0);
        let end = run.finish();
        end.expect(0)
            .says("was written by somebody else: it is whole again");
        assert_eq!(end.events.outcomes(), ["term"], "G13 {what}");
        assert!(scene::text(&file).starts_with("2   user"), "G13 {what}");
    }
}

/// Whoever raises a flag by hand asks its worker to stop: one that looked in between stops.
#[test]
fn g13_a_worker_that_looked_at_a_flag_which_root_raised_stops() {
    if lacks(Need::Root) {
        return;
    }
    let base = Base::new();
    let run = base.scenario().name("by-hand").zoo(&["polite"]).start();
    run.ready(1);
    send(run.pid(), Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    base.sh(&format!("echo 1 >{}", flag(&base, "by-hand", 0).display()))
        .expect(0);
    run.wait_for("left");
    send(run.pid(), Signal::SIGCONT);
    let end = run.finish();
    end.expect(0);
    assert_eq!(
        end.events.outcomes(),
        ["by_itself"],
        "nobody asked for a stop"
    );
}

#[test]
fn a_flag_that_was_raised_is_healed_to_what_it_said() {
    if lacks(Need::Root) {
        return;
    }
    let base = Base::new();
    let run = base
        .scenario()
        .name("late")
        .times("500ms", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    let path = flag(&base, "late", 0);
    base.call(&["stop", "late", "--no-wait"]).expect(0);
    until("it is raised", || {
        fs::read(&path).is_ok_and(|text| text[0] == b'1')
    });
    let said = fs::read(&path).expect("the flag");
    let file = File::options().write(true).open(&path).expect("the flag");
    file.set_len(0).expect("truncate");
    run.wait_for("it is whole again");
    let healed = fs::read(&path).unwrap_or_default();
    assert!(healed.is_empty() || healed[0] == b'2' || healed == said);
    run.finish().expect(0);
}

#[test]
fn a_run_that_is_deleted_again_and_again_keeps_its_descriptors() {
    let base = Base::new();
    let scenario = base.scenario().name("often").options(&["-v"]);
    let run = scenario.zoo(&HOLDS).start();
    run.ready(1);
    guard_of(&run);
    let fds =
        |run: &Started| fs::read_dir(format!("/proc/{}/fd", run.pid())).map_or(0, Iterator::count);
    let before = fds(&run);
    for _ in 0..5 {
        let deleted = Instant::now();
        What::Run.delete(&base, "often");
        put_back(&run, &base.runs().join("often"), deleted);
        guard_of(&run);
    }
    // Of each deletion the flag, the owner file and the record, for whoever has them open.
    assert!(fds(&run) <= before + 5 * 3, "{before} were {}", fds(&run));
    base.call(&["stop", "often"]).expect(0);
    run.finish().expect(0);
}
