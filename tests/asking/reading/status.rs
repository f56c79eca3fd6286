//! `status` and `list`.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::base::Base;

#[test]
fn status_tells_each_worker_of_a_running_run() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("told")
        .workers(2)
        .zoo(&["polite"])
        .start();
    let pids = run.ready(2);
    run.wait_for_events("flag_first_read", 2);
    let answer = base.call(&["status", "told", "--json"]);
    answer.expect(0);
    let json = answer.json();
    assert_eq!(json["schema"], 1);
    let told = &json["runs"][0];
    assert_eq!(told["name"], "told");
    assert_eq!(told["state"], "running");
    assert_eq!(told["pid"], run.pid());
    assert_eq!(
        told["directory"],
        base.runs().join("told").to_str().expect("UTF-8")
    );
    assert!(told["age_ms"].is_u64(), "{told}");
    assert!(told["command"].to_string().contains("zoo"), "{told}");
    assert!(told.get("reason").is_none_or(Value::is_null), "{told}");
    let workers = told["workers"].as_array().expect("a list");
    assert_eq!(workers.len(), 2);
    for (number, worker) in workers.iter().enumerate() {
        assert_eq!(worker["worker"], number);
        assert_eq!(worker["pid"], pids[number]);
        assert_eq!(worker["state"], "running");
        assert_eq!(worker["level"], 0);
        assert_eq!(worker["looked"], true);
        assert!(
            worker.get("outcome").is_none(),
            "absent means not known: {worker}"
        );
    }
    let human = base.call(&["status", "told"]);
    human.expect(0);
    for pid in pids {
        assert!(human.out.contains(&pid.to_string()), "{human:?}");
    }
    base.call(&["stop", "told"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn status_of_a_stopping_run_tells_level_reason_and_time_left() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("slow")
        .workers(2)
        .times("1h", "1s")
        .sh(r#"[ $STOPCTL_WORKER = 1 ] && exit 3; exec "$0" deaf"#)
        .zoo_as_argument()
        .start();
    run.ready(1);
    run.wait_for("worker 1 failed");
    base.call(&["stop", "slow", "--no-wait", "--reason", "deploy"])
        .expect(0);
    run.wait_for("flag 1");
    let json = base.call(&["status", "slow", "--json"]).json();
    let told = &json["runs"][0];
    assert_eq!(told["state"], "stopping");
    assert_eq!(told["reason"], "deploy");
    let workers = told["workers"].as_array().expect("a list");
    assert_eq!(workers[0]["state"], "stopping");
    assert_eq!(workers[0]["level"], 1);
    let left = workers[0]["deadline_in_ms"].as_u64().expect("a time");
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(workers[1]["state"], "ended");
    assert_eq!(workers[1]["outcome"], "by_itself");
    assert_eq!(workers[1]["exit_code"], 3);
    run.signal(Signal::SIGQUIT);
    run.finish().expect(3);
}

#[test]
fn status_of_nothing_is_3() {
    let base = Base::new();
    base.call(&["status"]).expect(3);
    base.call(&["status", "nobody"]).expect(3);
    let json = base.call(&["status", "nobody", "--json"]);
    json.expect(3);
    assert_eq!(json.json(), json!({"schema": 1, "runs": []}));
}

#[test]
fn looking_at_a_run_is_not_a_workers_look() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("unseen")
        .times("100ms", "10s")
        .zoo(&["handler", "0"])
        .start();
    run.ready(1);
    base.call(&["status", "unseen"]).expect(0);
    base.call(&["list"]).expect(0);
    base.call(&["stop", "unseen"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.ended(0)["looked"], false);
    assert!(end.events.of("flag_first_read").is_empty());
}

#[test]
fn a_look_just_before_the_end_counts() {
    let base = Base::new();
    for round in 0..100 {
        let run = base
            .scenario()
            .sh(r#"read -r level rest <"$STOPCTL_FLAG"; exit 0"#)
            .start();
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.ended(0)["looked"], true, "round {round}");
    }
}

#[test]
fn list_names_every_run_in_three_forms() {
    let base = Base::new();
    assert_eq!(
        base.call(&["list", "--json"]).json(),
        json!({"schema": 1, "runs": []})
    );
    assert_eq!(base.call(&["list", "--names"]).out, "");
    base.call(&["list"]).expect(0);
    let one = base.scenario().name("one").zoo(&["polite"]).start();
    one.ready(1);
    let two = base
        .scenario()
        .name("two")
        .workers(2)
        .zoo(&["polite"])
        .start();
    two.ready(2);
    assert_eq!(base.call(&["list", "--names"]).out, "one\ntwo\n");
    let json = base.call(&["list", "--json"]).json();
    let names: Vec<&Value> = json["runs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| &run["name"])
        .collect();
    assert_eq!(names, ["one", "two"]);
    let human = base.call(&["list"]).out;
    for word in ["one", "two", "running", "zoo"] {
        assert!(human.contains(word), "no {word}: {human}");
    }
    base.call(&["stop", "--all"]).expect(0);
    one.finish().expect(0);
    two.finish().expect(0);
}

#[test]
fn times_in_json_are_rfc_3339_in_utc() {
    let base = Base::new();
    let run = base.scenario().name("dated").zoo(&["polite"]).start();
    run.ready(1);
    let json = base.call(&["status", "dated", "--json"]).json();
    let started = json["runs"][0]["started"]
        .as_str()
        .expect("a time")
        .to_string();
    let checked = base.sh(&format!("date -u -d '{started}' +%s; date -u +%s"));
    checked.expect(0);
    let seconds: Vec<i64> = checked
        .out
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert!(
        (0..=10).contains(&(seconds[1] - seconds[0])),
        "{started}: {checked:?}"
    );
    assert!(started.ends_with('Z'), "{started}");
    base.call(&["stop", "dated"]).expect(0);
    run.finish().expect(0);
}
