//! The clients' examples, under the real supervisor; and what is true of every client's file.

mod attached;
mod callbacks;
mod children;
mod node;
mod servers;
mod signals;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::committed;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};
use crate::support::scenario::Scenario;

/// The files that people copy.
const FILES: [&str; 7] = [
    "clients/c/stopctl.h",
    "clients/cpp/stopctl.hpp",
    "clients/sh/stopctl.sh",
    "clients/node/stopctl.mjs",
    "clients/node/stopctl.d.mts",
    "clients/go/stopctl.go",
    "clients/java/Stopctl.java",
];

/// Compilers of the header for C, each with an old standard.
const C_AND_CPP: [(&str, &str); 2] = [("gcc", "-std=c11"), ("g++", "-std=c++11")];

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

#[test]
fn every_client_begins_with_its_version_and_licence() {
    for name in FILES {
        let text = committed::read(name);
        let head: Vec<&str> = text.lines().take(8).collect();
        let first = head[0];
        assert!(first.contains(env!("CARGO_PKG_VERSION")), "{name}: {first}");
        let licensed = head.iter().any(|line| line.contains("MIT OR Apache-2.0"));
        assert!(licensed, "{name}: {head:?}");
    }
}

#[test]
fn the_header_compiles_in_every_standard_and_in_several_files_of_one_program() {
    if lacks(Need::Program("gcc")) || lacks(Need::Program("g++")) {
        return;
    }
    let base = Base::new();
    let header = "#include \"stopctl.h\"\n";
    let one =
        format!("{header}#include <stdio.h>\nint two(void);\nint main(void) {{ return two(); }}\n");
    let two = "#include <math.h>\n#include \"stopctl.h\"\nint two(void);\nint two(void)\n{\n    \
               struct stopctl_flag stop;\n    stopctl_from_env(&stop);\n    \
               return stopctl_is_set(&stop);\n}\n";
    fs::write(base.file("one.c"), &one).expect("write");
    fs::write(base.file("two.c"), header.to_owned() + two).expect("write");
    fs::write(base.file("late.c"), two).expect("write");
    let ways: [&[&str]; 7] = [
        &["gcc", "-std=c11"],
        &["gcc", "-std=gnu17"],
        &["gcc", "-std=c2x"],
        &["g++", "-x", "c++", "-std=c++11"],
        &["g++", "-x", "c++", "-std=c++14"],
        &["g++", "-x", "c++", "-std=c++17"],
        &["g++", "-x", "c++", "-std=c++20"],
    ];
    for way in ways {
        build(
            &base,
            &[
                way,
                &STRICT,
                &["one.c", "two.c", "-o", "program", &include("c")],
            ]
            .concat(),
        );
    }
    // After another header it works where that one did not hide what it needs.
    build(
        &base,
        &[
            "gcc",
            "-std=gnu11",
            "-Werror",
            "-c",
            "late.c",
            &include("c"),
        ],
    );
    let said = refused(
        &base,
        &["gcc", "-std=c11", "-Werror", "-c", "late.c", &include("c")],
    );
    assert!(
        said.contains("include stopctl.h before every other header"),
        "{said}"
    );
}

#[test]
fn a_loop_in_c_leaves_between_two_pieces_of_work() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    c(&base, "loop");
    let said = asked_to_stop(&base, base.scenario().command(&["./loop"]));
    assert!(said.contains("asked to stop: user; saved "), "{said}");
}

#[test]
fn an_idle_worker_in_c_leaves_at_once() {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let base = Base::new();
    c(&base, "idle");
    let said = asked_to_stop(&base, base.scenario().command(&["./idle"]));
    assert_eq!(said, "ready\nasked to stop\n");
}

#[test]
fn a_worker_in_cpp_leaves_by_its_stop_token() {
    if lacks(Need::Program("g++")) {
        return;
    }
    let base = Base::new();
    token(&base);
    let said = asked_to_stop(&base, base.scenario().command(&["./token"]));
    assert_eq!(said, "ready\nasked to stop: user\n");
}

#[test]
fn a_loop_in_sh_leaves_between_two_pieces_of_work() {
    let script = committed::path("clients/sh/examples/loop.sh");
    let script = script.to_str().expect("UTF-8");
    for shell in [&["dash"][..], &["bash"], &["busybox", "sh"]] {
        if lacks(Need::Program(shell[0])) {
            continue;
        }
        let base = Base::new();
        let worker = [shell, &[script]].concat();
        let said = asked_to_stop(&base, base.scenario().command(&worker));
        let left = said.starts_with("ready\nasked to stop: user; done ");
        assert!(left, "{shell:?}: {said}");
    }
}

#[test]
fn a_worker_in_go_leaves_by_its_context() {
    if lacks(Need::Program("go")) {
        return;
    }
    let base = Base::new();
    go(&base, "./examples/loop", "loop");
    let said = asked_to_stop(&base, base.scenario().command(&["./loop"]));
    assert_eq!(said, "ready\nasked to stop: user; done 0\n");
}

#[test]
fn the_client_in_go_is_formatted_and_vetted_and_passes_its_tests() {
    if lacks(Need::Program("gofmt")) {
        return;
    }
    let module = committed::path("clients/go");
    build_in(&module, &["go", "vet", "./..."]);
    build_in(&module, &["go", "test", "./..."]);
    let output = Command::new("gofmt")
        .args(["-l", "."])
        .current_dir(&module)
        .output();
    assert_eq!(output.expect("gofmt").stdout, b"");
}

#[test]
fn a_worker_in_java_leaves_when_on_stop_interrupts_it() {
    if lacks(Need::Program("javac")) {
        return;
    }
    let base = Base::new();
    java(&base, "Loop");
    let said = asked_to_stop(
        &base,
        base.scenario().command(&["java", "-cp", ".", "Loop"]),
    );
    assert_eq!(said, "ready\nasked to stop: user; done 0\n");
}

#[test]
fn a_waiting_worker_of_any_language_leaves_when_its_supervisor_is_killed() {
    type Make = fn(&Base);
    let script = |name: &str| committed::path(name).display().to_string();
    let (node, shell) = (
        script("clients/node/examples/loop.mjs"),
        script("clients/sh/examples/loop.sh"),
    );
    let workers: [(&[&str], &str, Make); 6] = [
        (&["./token"], "g++", token),
        (&["./poll"], "gcc", |base| c(base, "poll")),
        (&["dash", &shell], "dash", |_| {}),
        (&["node", &node], "node", |_| {}),
        (&["./loop"], "go", |base| {
            go(base, "./examples/loop", "loop");
        }),
        (&["java", "-cp", ".", "Loop"], "javac", |base| {
            java(base, "Loop");
        }),
    ];
    for (worker, tool, make) in workers {
        if lacks(Need::Program(tool)) {
            continue;
        }
        let mut base = Base::new();
        base.leaves_something();
        make(&base);
        let scenario = base.scenario().without_events();
        let run = scenario.options(&["--no-guard"]).command(worker).start();
        run.wait_for("ready");
        run.signal(Signal::SIGKILL);
        // Its streams end when the worker has left, which nobody is there to make it do.
        let end = run.finish();
        end.expect_signal(Signal::SIGKILL as i32);
        assert!(
            end.out().contains("asked to stop: lost"),
            "{worker:?}: {end:?}"
        );
    }
}

/// Starts a worker, stops it when it is ready, and answers what it said. There is no SIGTERM that
/// could end it: it leaves by its flag, though it sleeps for longer than anybody would wait.
fn asked_to_stop(base: &Base, scenario: Scenario<'_>) -> String {
    let run = scenario.name("worker").times("infinity", "10s").start();
    run.wait_for("ready");
    base.call(&["stop", "worker"]).expect(0);
    let end = run.finish();
    assert_eq!(end.events.outcomes(), ["flag"], "{}", end.err());
    end.expect(0);
    end.out()
}

fn c(base: &Base, name: &str) {
    let source = committed::path(&format!("clients/c/examples/{name}.c"));
    let from = [source.to_str().expect("UTF-8"), &include("c"), "-o", name];
    build(base, &[&["gcc", "-std=c11"][..], &STRICT, &from].concat());
}

fn token(base: &Base) {
    let source = committed::path("clients/cpp/examples/token.cpp");
    let compile = ["g++", "-std=c++20", "-pthread", "-o", "token"];
    let from = [
        source.to_str().expect("UTF-8"),
        &include("c"),
        &include("cpp"),
    ];
    build(base, &[&compile[..], &STRICT, &from].concat());
}

/// Builds a program of the module in Go, or a file that uses it.
fn go(base: &Base, what: &str, name: &str) {
    let program = base.file(name);
    let program = program.to_str().expect("UTF-8");
    let module = committed::path("clients/go");
    build_in(&module, &["go", "build", "-o", program, what]);
}

fn java(base: &Base, example: &str) {
    java_with(base, &format!("clients/java/examples/{example}.java"));
}

/// Builds a program in Java, with the client.
fn java_with(base: &Base, program: &str) {
    let files = ["clients/java/Stopctl.java", program].map(|name| {
        let path = committed::path(name);
        path.display().to_string()
    });
    let compile = ["javac", "-Xlint:all", "-Werror", "-d", "."];
    build(base, &[&compile[..], &[&files[0], &files[1]]].concat());
}

fn include(client: &str) -> String {
    format!(
        "-I{}",
        committed::path(&format!("clients/{client}")).display()
    )
}

fn build(base: &Base, command: &[&str]) {
    build_in(base.work(), command);
}

fn build_in(directory: &Path, command: &[&str]) {
    let (worked, said) = compile(directory, command);
    assert!(worked && said.is_empty(), "{command:?}: {said}");
}

fn refused(base: &Base, command: &[&str]) -> String {
    let (worked, said) = compile(base.work(), command);
    assert!(!worked, "{command:?} worked");
    said
}

/// A compiler, with the environment of whoever runs the tests: some keep what they have built.
fn compile(directory: &Path, command: &[&str]) -> (bool, String) {
    let output = Command::new(command[0])
        .args(&command[1..])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command[0]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}
