//! The Python client as a module that others use: its own tests on every interpreter, its types,
//! and what a look costs.

use std::fs;
use std::path::Path;
use std::thread;

use crate::support::base::{Answer, Base};
use crate::support::python::{client, every, python, with};

fn run(base: &Base, python: &str, arguments: &[&str], path: &[&Path]) -> Answer {
    let mut command = base.command(python);
    let path = std::env::join_paths(path).expect("paths without colons");
    command
        .args(arguments)
        .env("PYTHONPATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    base.answer(command)
}

#[test]
fn its_own_tests_pass_on_every_interpreter() {
    if python().is_none() {
        return;
    }
    // At the same time: most of it is sleeping.
    thread::scope(|scope| {
        for python in every() {
            scope.spawn(move || run_unit_tests(&python));
        }
    });
}

fn run_unit_tests(python: &str) {
    let base = Base::new();
    let tests = client().join("tests");
    let folder = tests.to_str().expect("a path in UTF-8");
    let arguments = ["-m", "unittest", "discover", "-s", folder];
    let answer = run(&base, python, &arguments, &[&client(), &tests]);
    answer.expect(0).says("OK");
}

#[test]
fn it_stops_nobody_under_gevent() {
    with_library("gevent", &["with_green.py", "gevent"]);
}

#[test]
fn it_stops_nobody_under_eventlet() {
    with_library("eventlet", &["with_green.py", "eventlet"]);
}

#[test]
fn trio_waits_for_it() {
    with_library("trio", &["with_trio.py"]);
}

/// Its tests beside a library that changes how a program waits.
fn with_library(library: &str, arguments: &[&str]) {
    let Some(python) = with(library) else { return };
    let base = Base::new();
    let tests = client().join("tests");
    let script = tests.join(arguments[0]);
    let mut command = vec![script.to_str().expect("a path in UTF-8")];
    command.extend(&arguments[1..]);
    let answer = run(&base, &python, &command, &[&client(), &tests]);
    answer.expect(0).says("OK");
}

#[test]
fn its_types_are_strict() {
    let Some(python) = with("mypy.api") else {
        return;
    };
    let base = Base::new();
    let package = client();
    let package = package.to_str().expect("a path in UTF-8");
    let mut files = vec![format!("{package}/stopctl")];
    // The examples use the module as others do: what they get is typed.
    for name in [
        "loop.py",
        "own_flag.py",
        "idle.py",
        "pool.py",
        "download.py",
        "selecting.py",
        "whole.py",
    ] {
        files.push(format!("{package}/examples/{name}"));
    }
    let mut arguments = vec!["-m", "mypy", "--strict", "--config-file="];
    arguments.extend(files.iter().map(String::as_str));
    let answer = run(&base, &python, &arguments, &[]);
    assert!(answer.out.contains("Success"), "{answer:?}");
    answer.expect(0);
}

#[test]
fn its_header_tells_version_and_licence() {
    let module = fs::read_to_string(client().join("stopctl/__init__.py")).expect("the module");
    let header: Vec<&str> = module.lines().take(2).collect();
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        header[0].starts_with(&format!("# stopctl {version}:")),
        "{header:?}"
    );
    assert_eq!(
        header[1],
        concat!("# SPDX-License-Identifier: ", env!("CARGO_PKG_LICENSE"))
    );
    assert!(module.contains(&format!("\n__version__ = \"{version}\"\n")));
}

#[test]
fn the_one_file_is_enough() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let program = base.file("program");
    fs::create_dir(&program).expect("a directory");
    fs::copy(
        client().join("stopctl/__init__.py"),
        program.join("stopctl.py"),
    )
    .expect("the module");
    let code = "import stopctl; print(stopctl.flag().wait(0))";
    let answer = run(&base, &python, &["-c", code], &[&program]);
    assert_eq!(answer.out, "False\n");
}

#[test]
fn a_look_costs_what_is_promised() {
    let Some(python) = python() else { return };
    let base = Base::new();
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/looks.py");
    let bench = bench.to_str().expect("a path in UTF-8");
    run(&base, &python, &[bench, "--check"], &[]).expect(0);
}
