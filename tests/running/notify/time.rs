//! More time: asked for by a worker, given from outside.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::upward::say;
use crate::support::base::Base;

#[test]
fn a_worker_that_asks_for_more_time_gets_it_and_its_flag_says_so() {
    let base = Base::new();
    let run = base.scenario().name("saves").times("2s", "60s");
    let run = run.options(&["--notify", "--max-grace", "120s"]);
    let run = run.environment("STOPCTL", Base::program());
    let run = run.sh("echo \"ready worker=0 pid=$$\"; \"$STOPCTL\" sleep infinity
        read -r before <\"$STOPCTL_FLAG\"
        \"$STOPCTL\" notify --stopping --extend 100s --status saving
        read -r after <\"$STOPCTL_FLAG\"; sleep 2.5
        echo \"before $before\"; echo \"after $after\"; echo saved");
    let run = run.start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    run.wait_for("saved");
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag"]);
    assert_eq!(end.events.ended(0)["extensions"], 1);
    assert_eq!(end.events.only("extended")["why"], "said");
    end.says("worker 0 asked for more time: SIGTERM in ");
    let deadline = |word: &str| {
        let line = end
            .out()
            .lines()
            .find(|l| l.starts_with(word))
            .map(str::to_owned);
        let line = line.expect("a line");
        let field = line.split_whitespace().nth(3).expect("a deadline");
        field.parse::<u64>().expect("nanoseconds")
    };
    let more = (deadline("after") - deadline("before")) / 1_000_000_000;
    assert!((90..110).contains(&more), "{more} s");
}

#[test]
fn a_worker_that_has_less_time_than_it_asked_for_is_told() {
    let base = Base::new();
    let run = base.scenario().name("saves").times("60s", "60s");
    let run = run.options(&["--notify", "--max-grace", "120s"]);
    let run = run.environment("STOPCTL", Base::program());
    let run = run.sh("echo \"ready worker=0 pid=$$\"; \"$STOPCTL\" sleep infinity
        \"$STOPCTL\" notify --extend 90s; echo asked
        \"$STOPCTL\" notify --extend 1h");
    let run = run.start();
    run.ready(1);
    run.signal(Signal::SIGTERM);
    run.wait_for("asked");
    let end = run.finish();
    let most = ", the most that --max-grace allows";
    let told: Vec<String> = end.err().lines().map(str::to_owned).collect();
    let told: Vec<&String> = told.iter().filter(|line| line.ends_with(most)).collect();
    assert_eq!(told.len(), 2, "{}", end.err());
    for whom in [
        "stopctl: worker 0 of saves: SIGTERM in ",
        "stopctl: worker 0 asked for more time: SIGTERM in ",
    ] {
        assert!(told.iter().any(|line| line.starts_with(whom)), "{told:?}");
    }
}

#[test]
fn an_extension_never_takes_time_away_and_ends_with_sigterm() {
    let base = Base::new();
    let run = base.scenario().name("asks").times("60s", "60s");
    let mut run = run.options(&["--notify"]).zoo(&["speaker"]).start();
    run.ready(1);
    // Nobody has asked: there is nothing to extend.
    say(&mut run, "extend 100000");
    say(&mut run, "ready");
    run.wait_for_events("worker_ready", 1);
    run.signal(Signal::SIGTERM);
    run.wait_for_events("flag_raised", 1);
    say(&mut run, "extend 1");
    say(&mut run, "stopping");
    run.wait_for_events("stop_acknowledged", 1);
    base.call(&["stop", "asks", "--term"]).expect(0);
    let end = run.finish_unchecked();
    assert_eq!(end.events.of("extended").len(), 0, "{:#?}", end.events);
    assert_eq!(end.events.outcomes(), ["term"]);
}

#[test]
fn an_operator_gives_time_that_a_later_stop_can_only_shorten() {
    let base = Base::new();
    let run = base.scenario().name("train").workers(2).times("60s", "60s");
    let run = run.zoo(&["handler"]).start();
    run.ready(2);
    let extend = |time: &str, worker: &str| {
        base.call(&[
            "notify", "--run", "train", "--worker", worker, "--extend", time,
        ])
    };
    let refused = |time: &str, worker: &str, why: &str| {
        let told = format!("worker {worker} of train has no more time than before: {why}\n");
        let answer = extend(time, worker);
        answer.expect(1);
        assert_eq!(answer.err, format!("stopctl: {told}"));
    };
    refused("70s", "0", "it was not asked to stop");
    extend("70s", "2")
        .expect(2)
        .says("it has only workers 0, 1");
    base.call(&["stop", "train", "--no-wait"]).expect(0);
    let given = extend("100s", "1");
    given.expect(0);
    assert!(
        given.out.starts_with("worker 1 of train: SIGTERM in "),
        "{given:?}"
    );
    assert!(!given.out.contains("--max-grace"), "{given:?}");
    run.wait_for("worker 1 was given more time: SIGTERM in ");
    assert!(left(&base, 0) <= 60_000 && left(&base, 1) > 90_000);
    // Neither less, nor more than three times the grace, nor by another stop.
    refused("10s", "1", "it has as much already");
    let capped = extend("1000s", "1");
    capped.expect(0);
    let most = ", the most that --max-grace allows";
    assert!(capped.out.trim_end().ends_with(most), "{capped:?}");
    run.wait_for(most);
    refused("1000s", "1", "it has the most that --max-grace allows");
    assert!((150_000..=180_000).contains(&left(&base, 1)));
    base.call(&["stop", "train", "-g", "2000s", "--no-wait"])
        .expect(0);
    base.call(&["notify", "--run", "train", "--extend", "90s"])
        .expect(0);
    assert!((150_000..=180_000).contains(&left(&base, 1)));
    assert!((80_000..=90_000).contains(&left(&base, 0)));
    base.call(&["stop", "train", "-g", "40s", "--no-wait"])
        .expect(0);
    base.call(&["stop", "train", "--term", "-w", "0"]).expect(0);
    assert!(left(&base, 1) <= 40_000);
    refused("50s", "0", "it has ended");
    base.call(&["stop", "train", "--term"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.ended(1)["extensions"], 2, "{:#?}", end.events);
    let given = end.events.of("extended");
    assert!(
        given.iter().all(|event| event["why"] == "given"),
        "{given:?}"
    );
    let most: Vec<bool> = given
        .iter()
        .filter_map(|event| event["capped"].as_bool())
        .collect();
    assert_eq!(most[..2], [false, true], "{given:?}");
}

#[test]
fn without_a_longest_grace_sigterm_can_be_put_off_for_ever() {
    let base = Base::new();
    let run = base.scenario().name("long").times("60s", "60s");
    let run = run
        .options(&["--max-grace", "infinity"])
        .zoo(&["handler"])
        .start();
    run.ready(1);
    base.call(&["stop", "long", "--no-wait"]).expect(0);
    let given = base.call(&["notify", "--run", "long", "--extend", "infinity"]);
    given.expect(0);
    assert_eq!(given.out, "worker 0 of long: no SIGTERM by itself\n");
    base.call(&["stop", "long", "--term"]).expect(0);
    let end = run.finish();
    assert!(end.events.only("extended")["deadline_in_ms"].is_null());
}

#[test]
fn a_run_in_a_run_asks_for_time_only_when_a_worker_of_its_own_does() {
    for (asks, extensions) in [(false, 0), (true, 1)] {
        let base = Base::new();
        let run = base.scenario().name("outer").times("60s", "60s");
        let run = run.options(&["--notify"]);
        let run = run.environment("STOPCTL", Base::program());
        let run = run.environment("ASK", if asks { "--extend 100s" } else { "--status no" });
        let run = run.sh(
            "exec \"$STOPCTL\" run --name inner --notify --max-grace infinity -- /bin/sh -c '
                echo ready worker=0 pid=$$; \"$STOPCTL\" sleep infinity
                \"$STOPCTL\" notify $ASK; sleep 0.3'",
        );
        let run = run.start();
        run.ready(1);
        run.signal(Signal::SIGTERM);
        let end = run.finish();
        end.expect(0);
        let given = end.events.of("extended");
        assert_eq!(given.len(), extensions, "{:#?}", end.events);
        assert_eq!(end.events.outcomes(), ["flag"]);
        end.events.only("worker_ready");
        end.events.only("stop_acknowledged");
    }
}

/// The milliseconds until SIGTERM.
fn left(base: &Base, worker: usize) -> u64 {
    let seen: Value = base.call(&["status", "train", "--json"]).json();
    let left = &seen["runs"][0]["workers"][worker]["deadline_in_ms"];
    left.as_u64()
        .unwrap_or_else(|| panic!("no deadline: {seen}"))
}
