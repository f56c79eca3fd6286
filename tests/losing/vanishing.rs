//! Flags, files and directories of a run that somebody deletes, cuts, writes or replaces while it
//! is at work; and workers that are hard to find.

mod group;
mod hidden;
mod killed;
mod looks;
mod memory;
mod replaced;
mod scene;
mod spoilt;

use std::fs::{self, File};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::base::Base;
use crate::support::owner::guard_of;
use crate::support::started::send;
use crate::support::until::finds;
use scene::{BUSY, clients, flag, put_back, waiting};

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
    let (mut last, mut paused) = (begun, false);
    for (index, file) in files.iter().enumerate() {
        std::thread::sleep(PAUSE);
        let again = files.iter().take(index).find(|deleted| deleted.exists());
        // Whoever was kept waiting himself has paused, and what was put back then is still there.
        paused |= last.elapsed() >= FINISHED;
        assert!(again.is_none() || paused, "{again:?}");
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
