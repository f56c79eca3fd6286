//! What dead runs left: `clean`, and what every new run does about it; and what the other commands
//! say of such runs. Rows C14, G11, G21 and G22.

mod names;
pub(crate) mod scene;
mod unknown;

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks};
use crate::support::processes;
use crate::support::started::{Ended, Started, send};
use crate::support::until::finds;
use scene::{die, entries, one_worker, told};

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
        .says("cleaned dead: 1 failed (worker 2), 2 not observed (workers 0, 1)");
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
        cleaned.says(&format!("cleaned run{number}: 1 not observed (worker 0)"));
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
    let base = Base::below("/var/tmp").for_every_user();
    let program = base.set_uid_zoo();
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
            .arg(base.stopctl_path())
            .arg("clean");
        base.answer(clean)
    };
    clean()
        .expect(1)
        .says("foreign is still there: 1 could not be ended (worker 0)");
    assert_eq!(entries(runs), ["foreign"]);
    send(pid, Signal::SIGKILL);
    run.finish().expect(120);
    clean()
        .expect(0)
        .says("cleaned foreign: 1 not observed (worker 0)");
}
