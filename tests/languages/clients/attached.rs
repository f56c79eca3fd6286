//! A program may ask for its flag again and again: it opens it once.

use std::fs;

use super::{C_AND_CPP, STRICT, build, go, include, java_with};
use crate::committed;
use crate::support::base::Base;
use crate::support::events::number;
use crate::support::need::{Need, lacks};

#[test]
fn a_worker_in_c_or_cpp_opens_its_flag_once() {
    for (compiler, standard) in C_AND_CPP {
        if lacks(Need::Program(compiler)) {
            continue;
        }
        let base = Base::new();
        let source = committed::path("tests/languages/clients/attached.c");
        let source = source.to_str().expect("UTF-8");
        let language = if compiler == "gcc" { "c" } else { "c++" };
        let from = [
            standard,
            "-x",
            language,
            source,
            &include("c"),
            "-o",
            "attached",
        ];
        build(&base, &[&[compiler][..], &STRICT, &from].concat());
        opens_it_once(&base, &["./attached"]);
    }
}

#[test]
fn a_worker_in_go_opens_its_flag_once() {
    if lacks(Need::Program("go")) {
        return;
    }
    let base = Base::new();
    go(
        &base,
        "../../tests/languages/clients/attached.go",
        "attached",
    );
    opens_it_once(&base, &["./attached"]);
}

#[test]
fn a_worker_in_java_opens_its_flag_once_even_if_it_is_interrupted() {
    if lacks(Need::Program("javac")) {
        return;
    }
    let base = Base::new();
    java_with(&base, "tests/languages/clients/Attached.java");
    opens_it_once(&base, &["java", "-cp", ".", "Attached"]);
}

#[test]
fn a_worker_in_node_opens_its_flag_once_and_may_give_its_signal_to_many() {
    if lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    let path = |name: &str| committed::path(name).display().to_string();
    let script = path("tests/languages/clients/attached.mjs");
    let client = path("clients/node/stopctl.mjs");
    opens_it_once(&base, &["node", &script, &client]);
}

fn opens_it_once(base: &Base, worker: &[&str]) {
    let scenario = base.scenario().name("asks").times("infinity", "10s");
    let run = scenario.command(worker).start();
    run.wait_for("ready");
    run.wait_for_events("worker_started", 1);
    let pid = number(run.events_so_far().only("worker_started"), "pid");
    let runs = base.runs().to_str().expect("UTF-8").to_owned();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its mappings");
    let mapped = maps.lines().filter(|line| line.contains(&runs)).count();
    let opened = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let opened = opened
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|file| file.starts_with(&runs))
        .count();
    // The flag and the owner file, each mapped or open or both.
    assert!(
        mapped <= 2 && opened <= 2,
        "{worker:?}: {mapped} mapped, {opened} open"
    );
    base.call(&["stop", "asks"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    assert!(!end.out().contains("warned"), "{}", end.out());
}
