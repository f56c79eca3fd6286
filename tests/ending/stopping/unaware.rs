//! Workers that never look at their flag, and those that look late.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::scene::{BUSY, ms, wait_for_record};
use crate::support::base::Base;
use crate::support::events::{Events, number};
use crate::support::owner::guard_of;
use crate::support::processes;
use crate::support::started::send;

/// A worker that knows nothing but SIGTERM, and needs a while for what it does then.
const SAVES: &str = r#"trap 'sleep 1.5; echo saved; exit 0' TERM
    echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done"#;

/// A worker that looks when it gets SIGUSR1, and leaves when it gets SIGUSR2.
const LOOKS_LATE: &str = r#"trap 'echo got TERM; exit 9' TERM
    trap 'read -r level rest <"$STOPCTL_FLAG"; echo "level $level"' USR1
    trap 'echo leaving; exit 0' USR2
    echo "ready worker=0 pid=$$"; while :; do sleep 0.02; done"#;

/// The level and the milliseconds to the next rung, each time that a flag was written.
fn raised(events: &Events) -> Vec<(u64, u64)> {
    let raised = events.of("flag_raised").into_iter();
    let both = |event: &Value| (number(event, "level"), number(event, "deadline_in_ms"));
    raised.map(both).collect()
}

#[test]
fn a_worker_that_never_looked_gets_the_unaware_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("unaware")
        .options(&["--grace", "1h", "--unaware-grace", "0"])
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "unaware"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.took < BUSY);
    end.says("has never looked at its flag");
}

#[test]
fn a_worker_that_looked_gets_its_whole_grace_in_spite_of_the_unaware_grace() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("aware")
        .options(&["--grace", "10s", "--unaware-grace", "0"])
        .zoo(&["slowexit", "400"])
        .start();
    run.ready(1);
    base.call(&["stop", "aware"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn a_late_first_look_restores_the_full_grace() {
    late_first_look("1h");
}

#[test]
fn a_late_first_look_restores_a_grace_without_end() {
    let raised = late_first_look("infinity");
    assert!(raised.last().expect("raised")["deadline_in_ms"].is_null());
}

/// Answers what was said of the flag.
fn late_first_look(grace: &str) -> Vec<Value> {
    let base = Base::new();
    let run = base
        .scenario()
        .name("late")
        .options(&["--grace", grace, "--unaware-grace", "3s"])
        .sh(LOOKS_LATE)
        .start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "late", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGUSR1);
    run.wait_for("level 1");
    std::thread::sleep(Duration::from_millis(3300));
    send(pid, Signal::SIGUSR2);
    let end = run.finish();
    end.expect(0);
    assert!(!end.out().contains("got TERM"));
    assert_eq!(end.events.ended(0)["looked"], true);
    end.events.of("flag_raised").into_iter().cloned().collect()
}

#[test]
fn k15d_a_whole_ladder_leaves_most_of_its_time_to_who_knows_only_sigterm() {
    for (options, asking) in [
        (&["--stop-within", "10s"][..], &["stop", "only-term"][..]),
        (&[], &["stop", "only-term", "--stop-within", "10s"]),
        (
            &["--grace", "1h"],
            &["stop", "only-term", "--stop-within", "10s"],
        ),
    ] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("only-term")
            .options(options)
            .sh(SAVES)
            .start();
        run.ready(1);
        base.call(asking).expect(0);
        let end = run.finish();
        end.expect(0);
        assert!(end.out().contains("saved"), "{options:?}: {}", end.out());
        assert_eq!(end.events.outcomes(), ["term"]);
        assert_eq!(raised(&end.events), [(1, 1000), (2, 8500)], "{options:?}");
    }
}

#[test]
fn k15d_with_no_grace_for_who_never_looked_it_has_the_whole_time_after_sigterm() {
    let base = Base::new();
    let options = ["--stop-within", "10s", "--unaware-grace", "0"];
    let run = base
        .scenario()
        .name("at-once")
        .options(&options)
        .sh(SAVES)
        .start();
    run.ready(1);
    base.call(&["stop", "at-once"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(raised(&end.events), [(2, 9500)]);
}

#[test]
fn k15d_who_looks_has_the_larger_part_before_sigterm() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("looks")
        .options(&["--stop-within", "10s"]);
    let run = run.zoo(&["slowexit", "1500"]).start();
    run.ready(1);
    base.call(&["stop", "looks"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
    assert_eq!(raised(&end.events), [(1, 8000)]);
}

#[test]
fn k15e_a_late_first_look_gives_the_larger_part_back() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("late")
        .options(&["--stop-within", "100s"]);
    let run = run.sh(LOOKS_LATE).start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "late", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGUSR1);
    run.wait_for("level 1");
    run.wait_for_events("extended", 1);
    send(pid, Signal::SIGUSR2);
    let end = run.finish();
    end.expect(0);
    let raised = raised(&end.events);
    let late = raised[1].1;
    assert_eq!(raised[0], (1, 10_000));
    assert!(late > 70_000 && late <= 80_000, "{raised:?}");
    end.says("worker 0 looks at its flag now");
}

#[test]
fn k15f_an_inner_ladder_is_shared_out_in_the_same_way() {
    let base = Base::new();
    let inner = base.file("inner");
    let inner = inner.to_str().expect("a path in UTF-8");
    let command = [
        Base::program(),
        "run",
        "--grace",
        "1h",
        "--kill-after",
        "1h",
        "--events",
        inner,
    ];
    let command = [&command[..], &["--", "sh", "-c", SAVES]].concat();
    let run = base
        .scenario()
        .name("outer")
        .times("20s", "10s")
        .command(&command)
        .start();
    run.ready(1);
    base.call(&["stop", "outer"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert!(end.out().contains("saved"), "{}", end.out());
    let raised = raised(&Events::read(&base.file("inner")));
    let (grace, kill_after) = (raised[0].1, raised[1].1);
    // A tenth, and SIGKILL at 95 %, of what was left of 20 s.
    assert!((1000..=2000).contains(&grace), "{raised:?}");
    assert!(kill_after.abs_diff(grace * 85 / 10) < 20, "{raised:?}");
}

#[test]
fn k15g_auto_counts_the_grace_from_the_start_of_the_worker() {
    let base = Base::new();
    let options = ["--grace", "400ms", "--unaware-grace", "auto"];
    let run = base
        .scenario()
        .name("server")
        .options(&options)
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    std::thread::sleep(Duration::from_millis(400));
    base.call(&["stop", "server"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(raised(&end.events), [(2, 10_000)], "SIGTERM at once");
    assert!(!end.err().contains("--unaware-grace"), "{}", end.err());
}

#[test]
fn k15g_auto_leaves_its_time_to_who_has_just_begun() {
    let base = Base::new();
    let options = ["--grace", "1h", "--unaware-grace", "auto"];
    let run = base
        .scenario()
        .name("imports")
        .options(&options)
        .sh(LOOKS_LATE)
        .start();
    let pid = run.ready(1)[0];
    base.call(&["stop", "imports", "--no-wait"]).expect(0);
    run.wait_for("stopping");
    send(pid, Signal::SIGUSR1);
    run.wait_for("level 1");
    send(pid, Signal::SIGUSR2);
    let end = run.finish();
    end.expect(0);
    let (level, left) = raised(&end.events)[0];
    assert!(
        level == 1 && left > 3_500_000 && left <= 3_600_000,
        "{left}"
    );
    assert!(!end.out().contains("got TERM"));
}

#[test]
fn k15g_auto_is_nothing_to_who_looks() {
    let base = Base::new();
    let options = ["--grace", "10s", "--unaware-grace", "auto"];
    let run = base
        .scenario()
        .name("looks")
        .options(&options)
        .zoo(&["slowexit", "400"])
        .start();
    run.ready(1);
    std::thread::sleep(Duration::from_millis(600));
    base.call(&["stop", "looks"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(raised(&end.events), [(1, 10_000)]);
    assert_eq!(end.events.outcomes(), ["flag"]);
}

#[test]
fn k15g_what_is_neither_a_time_nor_auto_is_refused() {
    let base = Base::new();
    let answer = base.call(&["run", "--unaware-grace", "automatic", "true"]);
    answer
        .expect(125)
        .says("--unaware-grace: 'automatic' is not a duration")
        .says("or auto");
}

#[test]
fn k15h_who_takes_over_keeps_the_times_of_who_never_looked() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("lost")
        .options(&["-v", "--stop-within", "20s"]);
    let run = run.zoo(&["handler", "0"]).start();
    guard_of(&run);
    wait_for_record(&base, "lost");
    run.ready(1);
    let killed = processes::now_ns();
    run.signal(Signal::SIGKILL);
    let signalled = run.wait_for("signal 15").number(" at ");
    // At a tenth of 20 s: not at 80 %, as for one that looked.
    let after = signalled - killed;
    assert!(after >= ms(2000) && after < ms(2000) + i64::try_from(BUSY.as_nanos()).expect("short"));
    let end = run.finish();
    end.expect_signal(9);
    let raised = raised(&end.events);
    assert_eq!(raised[0].0, 1);
    assert_eq!(raised[1], (2, 17_000));
}

#[test]
fn k15h_the_grace_from_the_start_is_kept_by_who_takes_over() {
    let base = Base::new();
    let options = ["-v", "--grace", "400ms", "--unaware-grace", "auto"];
    let run = base
        .scenario()
        .name("lost")
        .options(&options)
        .zoo(&["handler", "0"])
        .start();
    guard_of(&run);
    wait_for_record(&base, "lost");
    run.ready(1);
    std::thread::sleep(Duration::from_millis(400));
    run.signal(Signal::SIGKILL);
    let end = run.finish();
    end.expect_signal(9);
    assert_eq!(raised(&end.events), [(2, 10_000)]);
}

#[test]
fn k15i_the_line_about_who_never_looked_names_the_option() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("server")
        .times("100ms", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["stop", "server"]).expect(0);
    let end = run.finish();
    end.expect(0);
    end.says("has never looked at its flag, so it may run on until SIGTERM")
        .says("\"stopctl stop server --term\" sends that now")
        .says("\"stopctl run --unaware-grace auto\" waits less for such programs");
}
