//! Supervisors that are stopped, or held by a debugger, are silent and not dead.

use nix::sys::signal::Signal;

use super::scene::told;
use crate::support::base::Base;
use crate::support::bystanders::Bystanders;
use crate::support::held::Held;
use crate::support::owner::{guard_of, named, pid_of_owner};
use crate::support::processes;
use crate::support::until::until;

#[test]
fn c8_a_stopped_supervisor_is_continued_and_stays_the_owner() {
    let base = Base::new();
    let bystanders = Bystanders::around(&base);
    let run = base
        .scenario()
        .name("asleep")
        .workers(2)
        .options(&["-v"])
        .zoo(&["polite", "4"])
        .start();
    guard_of(&run);
    run.ready(2);
    run.signal(Signal::SIGSTOP);
    until("it is stopped", || processes::state(run.pid()) == Some('T'));
    let stop = base.call(&["stop", "asleep"]);
    stop.expect(0).says("is stopped: continuing it");
    assert!(!stop.err.contains("taking over"), "C8: {}", stop.err);
    let end = run.finish();
    end.expect(4);
    assert_eq!(told(&end.out(), 1), 2, "C8: {}", end.out());
    bystanders.check();
}

#[test]
fn c9_g18_a_supervisor_in_a_debugger_is_taken_over_and_only_reaps_afterwards() {
    for guarded in [true, false] {
        let base = Base::new();
        let bystanders = Bystanders::around(&base);
        let guard: &[&str] = if guarded { &[] } else { &["--no-guard"] };
        let run = base
            .scenario()
            .name("held")
            .workers(3)
            .options(&["-v"])
            .options(guard)
            .times("10s", "10s")
            .sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" deaf; exec "$0" polite 6"#)
            .zoo_as_argument()
            .start();
        if guarded {
            guard_of(&run);
        }
        run.ready(3);
        let Some(held) = Held::seize(run.pid()) else {
            base.call(&["stop", "held", "--kill"]).expect(0);
            run.finish();
            return;
        };
        let stop = base.begin(&["stop", "held", "--grace", "200ms"]);
        stop.wait_for("is stopped: continuing it");
        stop.wait_for("stays silent (a debugger may hold it): taking over");
        run.wait_for_each("left", 2);
        run.wait_for("signal 15");
        let taker = named(&base, "stopctl-taker");
        assert_eq!(taker.len(), 1, "one owner");
        assert_eq!(pid_of_owner(&base, "held"), Some(taker[0]), "C9");
        // Two owners would be two writers: the ladder is half climbed, and the old one is back.
        drop(held);
        run.wait_for("took over: this one only waits for its workers now");
        assert_eq!(pid_of_owner(&base, "held"), Some(taker[0]), "G18");
        // It does nothing of what it is asked.
        run.signal(Signal::SIGINT);
        run.signal(Signal::SIGTERM);
        base.call(&["stop", "held", "--kill"]).expect(0);
        stop.finish().expect(0).says("held is over");
        let end = run.finish_unchecked();
        let out = end.out();
        assert_eq!(out.matches("signal 15").count(), 1, "G18: {out}");
        // The grace that was asked for may come after the raise.
        assert!((3..=4).contains(&told(&out, 1)), "G18: {out}");
        assert_eq!(told(&out, 2), 1, "G18: {out}");
        end.events.only("deposed");
        assert!(
            end.events.of("flag_raised").is_empty(),
            "G18: {:#?}",
            end.events
        );
        assert!(
            end.events.of("signal_sent").is_empty(),
            "G18: {:#?}",
            end.events
        );
        // Whoever pressed Ctrl-C has a shell that waits for it.
        end.expect_signal(Signal::SIGINT as i32);
        bystanders.check();
    }
}

#[test]
fn c9_a_supervisor_that_a_debugger_lets_go_in_time_stays_the_owner() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("debugged")
        .options(&["-v"])
        .zoo(&["polite", "4"])
        .start();
    guard_of(&run);
    run.ready(1);
    let Some(held) = Held::seize(run.pid()) else {
        base.call(&["stop", "debugged"]).expect(0);
        run.finish();
        return;
    };
    let stop = base.begin(&["stop", "debugged"]);
    stop.wait_for("is stopped: continuing it");
    // Continued in time, it does itself what it was asked for.
    drop(held);
    stop.finish().expect(0);
    let end = run.finish();
    end.expect(4);
    assert!(end.events.of("deposed").is_empty());
}

#[test]
fn k6f_what_the_new_owner_has_written_is_left_as_it_is() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("held")
        .workers(2)
        .options(&["-v", "--no-guard"])
        .times("30s", "30s")
        .sh(r#"[ $STOPCTL_WORKER = 0 ] && exec "$0" deaf; exec "$0" polite 6"#)
        .zoo_as_argument()
        .start();
    run.ready(2);
    let Some(held) = Held::seize(run.pid()) else {
        base.call(&["stop", "held", "--kill"]).expect(0);
        run.finish();
        return;
    };
    let stop = base.begin(&["stop", "held"]);
    stop.wait_for("taking over");
    let second =
        || base.call(&["status", "held", "--json"]).json()["runs"][0]["workers"][1].clone();
    until("the new owner knows of its end", || {
        second()["state"] == "ended"
    });
    let before = second();
    assert_eq!(before["outcome"], "unobserved");
    drop(held);
    run.wait_for("took over: this one only waits for its workers now");
    // It has reaped the worker, and knows its exit status now.
    run.wait_for_events("worker_ended", 1);
    base.call(&["stop", "held", "--worker", "1"]).expect(0);
    assert_eq!(second(), before, "another one's to write");
    base.call(&["stop", "held", "--kill"]).expect(0);
    stop.finish().expect(0);
    run.finish_unchecked();
}

#[test]
fn k6g_an_owner_is_deposed_by_whichever_of_its_owner_files_names_another() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("linked")
        .options(&["-v", "--no-guard"])
        // A flag that has two names is not written: its worker is ended by signals.
        .times("2s", "2s")
        .zoo(&["polite", "6"])
        .start();
    run.ready(1);
    // Another name of the same run, which has the owner file that is then put back.
    let (first, other) = (base.runs().join("linked"), base.runs().join("there"));
    std::fs::create_dir(&other).expect("mkdir");
    for entry in std::fs::read_dir(&first).expect("the directory").flatten() {
        std::fs::hard_link(entry.path(), other.join(entry.file_name())).expect("link");
    }
    std::fs::remove_file(first.join("owner")).expect("remove");
    run.wait_for("put back");
    let Some(held) = Held::seize(run.pid()) else {
        base.call(&["stop", "linked"]).expect(0);
        run.finish();
        return;
    };
    base.call(&["stop", "there"]).expect(0).says("taking over");
    drop(held);
    run.wait_for("took over: this one only waits for its workers now");
    let end = run.finish_unchecked();
    end.events.only("deposed");
    assert!(end.events.of("flag_raised").is_empty(), "{:#?}", end.events);
    // What was put back has no owner any more.
    base.call(&["stop", "--if-running", "linked"]);
}
