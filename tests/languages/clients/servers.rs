//! Workers that serve, or that have others work for them: what they have begun, they finish.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use super::{go, java};
use crate::committed;
use crate::support::base::Base;
use crate::support::events::number;
use crate::support::need::{Need, lacks};
use crate::support::started::{End, Started};

#[test]
fn a_server_in_node_finishes_what_it_has_begun() {
    if lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    let script = node("server");
    finishes_its_answer(&base, &["node", &script]);
}

#[test]
fn a_server_in_go_finishes_what_it_has_begun() {
    if lacks(Need::Program("go")) {
        return;
    }
    let base = Base::new();
    go(&base, "./examples/server", "server");
    finishes_its_answer(&base, &["./server"]);
}

#[test]
fn a_cluster_in_node_starts_no_worker_anew_once_a_stop_is_asked_for() {
    if lacks(Need::Program("node")) {
        return;
    }
    let base = Base::new();
    let script = node("cluster");
    let run = begin(&base, &["node", &script]);
    run.wait_for_each("ready", 2);
    let end = stopped(&base, run);
    let said = end.out();
    let started = said
        .lines()
        .filter(|line| line.starts_with("ready"))
        .count();
    assert_eq!(started, 2, "{said}");
    assert!(said.ends_with("asked to stop: user\n"), "{said}");
    end.expect(0);
}

#[test]
fn a_pool_in_java_finishes_what_it_has_begun_and_says_that_something_is_left() {
    if lacks(Need::Program("javac")) {
        return;
    }
    let base = Base::new();
    java(&base, "Pool");
    let run = begin(&base, &["java", "-cp", ".", "Pool"]);
    run.wait_for_each("begun", 2);
    let end = stopped(&base, run);
    let said = end.out();
    let count = |word: &str| said.lines().filter(|line| *line == word).count();
    assert_eq!(count("begun"), count("done"), "{said}");
    assert!(
        count("begun") < 100 && said.ends_with("asked to stop\nsaved\n"),
        "{said}"
    );
    assert_eq!(number(end.events.ended(0), "exit_code"), 75);
}

fn node(example: &str) -> String {
    let script = committed::path(&format!("clients/node/examples/{example}.mjs"));
    script.display().to_string()
}

fn begin(base: &Base, worker: &[&str]) -> Started {
    let scenario = base.scenario().name("serves").times("infinity", "10s");
    scenario.command(worker).start()
}

fn stopped(base: &Base, run: Started) -> End {
    base.call(&["stop", "serves"]);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    end
}

fn finishes_its_answer(base: &Base, worker: &[&str]) {
    let run = begin(base, worker);
    let port = run.wait_for("ready ").number("ready ");
    let port = u16::try_from(port).expect("a port");
    let mut asked = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    let request = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    asked.write_all(request).expect("a request");
    run.wait_for("begun");
    let end = stopped(base, run);
    let mut answer = String::new();
    asked.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("whole\n"), "{answer:?}");
    assert!(
        end.out().ends_with("asked to stop: user\n"),
        "{}",
        end.out()
    );
    end.expect(0);
}
