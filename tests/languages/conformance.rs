//! One list of cases, and every client gives the answers in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

mod cases;
mod client;
mod scene;

use crate::committed;
use crate::support::examples::probe;
use crate::support::need::{Need, lacks};
use cases::{Case, Kind, Step};
use client::Client;
use scene::Scene;

const STRICT: [&str; 5] = ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const SANITIZED: &str = "-fsanitize=address,undefined";

#[test]
fn the_library_in_rust_conforms() {
    let client = Client::new("rust", Kind::Maps).copy(&probe(), "probe");
    conforms(&client.run(&["probe"]));
}

#[test]
fn the_client_in_c_conforms() {
    c(&[]);
}

#[test]
fn the_client_in_c_conforms_under_the_sanitizers() {
    c(&[SANITIZED]);
}

#[test]
fn the_client_in_c_conforms_without_futex() {
    // It cannot ask the kernel whether the file is still there, and says so.
    c_but(&["-DSTOPCTL_NO_FUTEX"], &["cut_to_nothing"]);
}

#[test]
fn the_client_in_cpp_conforms() {
    cpp(&[]);
}

#[test]
fn the_client_in_cpp_conforms_under_the_sanitizers() {
    cpp(&[SANITIZED]);
}

#[test]
fn the_client_in_sh_conforms_in_dash() {
    sh("dash", &["dash"]);
}

#[test]
fn the_client_in_sh_conforms_in_bash() {
    sh("bash", &["bash"]);
}

#[test]
fn the_client_in_sh_conforms_in_busybox() {
    sh("busybox", &["busybox", "sh"]);
}

#[test]
fn the_client_in_sh_conforms_where_digits_separate_words() {
    if lacks(Need::Program("dash")) {
        return;
    }
    let script = "IFS=0123456789; . ./probe.sh";
    let client = sh_client("sh with another IFS");
    conforms(&client.run(&["dash", "-c", script, "./probe.sh"]));
}

#[test]
fn the_client_in_sh_conforms_with_the_program_on_the_path() {
    if lacks(Need::Program("dash")) {
        return;
    }
    let path = std::env::var("PATH").expect("a PATH");
    let program = Path::new(env!("CARGO_BIN_EXE_stopctl"));
    let path = format!(
        "PATH={}:{path}",
        program.parent().expect("a directory").display()
    );
    let client = sh_client("sh with stopctl");
    conforms(&client.run(&["env", &path, "dash", "probe.sh"]));
}

#[test]
fn the_client_in_node_conforms() {
    if lacks(Need::Program("node")) {
        return;
    }
    let client = Client::new("node", Kind::Reads)
        .file("clients/node/stopctl.mjs", "stopctl.mjs")
        .file("tests/languages/conformance/probe.mjs", "probe.mjs");
    conforms(&client.run(&["node", "probe.mjs"]));
}

#[test]
fn the_client_in_go_conforms() {
    if lacks(Need::Program("go")) {
        return;
    }
    let client = Client::new("go", Kind::Maps)
        .file("clients/go/go.mod", "go.mod")
        .file("clients/go/stopctl.go", "stopctl.go")
        .file("tests/languages/conformance/probe.go", "probe/main.go")
        .build(&["go", "vet", "./..."])
        .build(&["go", "build", "-o", "run", "./probe"]);
    conforms(&client.run(&["run"]));
}

#[test]
fn the_client_in_java_conforms() {
    if lacks(Need::Program("javac")) {
        return;
    }
    let client = Client::new("java", Kind::Maps)
        .file("clients/java/Stopctl.java", "Stopctl.java")
        .file("tests/languages/conformance/Probe.java", "Probe.java")
        .build(&[
            "javac",
            "-Xlint:all",
            "-Werror",
            "Stopctl.java",
            "Probe.java",
        ]);
    conforms(&client.run(&["java", "-XX:TieredStopAtLevel=1", "-cp", ".", "Probe"]));
}

#[test]
fn the_client_in_python_conforms() {
    let probe = "tests/languages/conformance/probe.py";
    if lacks(Need::Program("python3")) {
        return;
    }
    let module = "clients/python/stopctl/__init__.py";
    let client = Client::new("python", Kind::Maps)
        .file(module, module)
        .file(probe, probe);
    conforms(&client.run(&["python3", probe]));
}

#[test]
fn a_client_written_from_the_page_alone_conforms() {
    if lacks(Need::Program("perl")) {
        return;
    }
    let client = Client::new("perl", Kind::Reads).file(
        "tests/languages/conformance/from_the_page.pl",
        "from_the_page.pl",
    );
    conforms(&client.run(&["perl", "from_the_page.pl"]));
}

fn c(options: &[&str]) {
    c_but(options, &[]);
}

fn c_but(options: &[&str], without: &[&str]) {
    if lacks(Need::Program("gcc")) {
        return;
    }
    let compile = ["gcc", "-std=c11", "probe.c", "-o", "probe"];
    let client = Client::new("c", Kind::Maps)
        .file("clients/c/stopctl.h", "stopctl.h")
        .file("tests/languages/conformance/probe.c", "probe.c")
        .build(&[&compile[..], &STRICT, options].concat());
    conforms_but(&client.run(&["probe"]), without);
}

fn cpp(options: &[&str]) {
    if lacks(Need::Program("g++")) {
        return;
    }
    let compile = ["g++", "-std=c++20", "-pthread", "probe.cpp", "-o", "probe"];
    let client = Client::new("c++", Kind::Maps)
        .file("clients/c/stopctl.h", "stopctl.h")
        .file("clients/cpp/stopctl.hpp", "stopctl.hpp")
        .file("tests/languages/conformance/probe.cpp", "probe.cpp")
        .build(&[&compile[..], &STRICT, options].concat());
    conforms(&client.run(&["probe"]));
}

fn sh(name: &'static str, shell: &[&str]) {
    if lacks(Need::Program(name)) {
        return;
    }
    conforms(&sh_client(name).run(&[shell, &["probe.sh"]].concat()));
}

fn sh_client(name: &'static str) -> Client {
    Client::new(name, Kind::Reopens)
        .file("clients/sh/stopctl.sh", "stopctl.sh")
        .file("tests/languages/conformance/probe.sh", "probe.sh")
}

fn conforms(client: &Client) {
    conforms_but(client, &[]);
}

/// Every case, but those whose names begin with one of these.
fn conforms_but(client: &Client, without: &[&str]) {
    for case in cases::all() {
        if without.iter().any(|start| case.name.starts_with(start)) {
            continue;
        }
        let foreign = case.flag == ["foreign"];
        if foreign && (lacks(Need::Root) || !client.runs_as_nobody()) {
            continue;
        }
        check(client, &case, foreign);
    }
}

fn check(client: &Client, case: &Case, as_nobody: bool) {
    let scene = Scene::new(case);
    let mut probe = client.start(scene.variable.as_deref(), as_nobody);
    for step in &case.steps {
        let (question, during, answer, but) = match step {
            Step::Do(change) => {
                scene.change(change, None);
                continue;
            }
            Step::Ask {
                question,
                during,
                answer,
                but,
            } => (question, during, answer, but),
        };
        let what = format!("{}, case {}: {question}", client.name, case.name);
        let waker = (during.as_deref() == Some("wakes")).then(waker);
        probe.ask(question);
        let changing = during.as_deref().map(|change| scene.change(change, waker));
        let given = probe.answer();
        drop(changing);
        let expected = Step::expected(answer, but.as_ref(), client.kind);
        if expected == "dies" {
            let (status, _) = probe.end();
            assert_eq!(given, None, "{what}");
            assert!(!status.success(), "{what}: {status}");
            return;
        }
        if given.as_deref() != Some(expected) {
            let (status, said) = probe.end();
            panic!("{what}: {given:?} and not {expected:?}; {status}, {said}");
        }
    }
    let (status, said) = probe.end();
    let what = format!("{}, case {}", client.name, case.name);
    assert!(status.success(), "{what}: {status}, {said}");
    if let Some(lines) = case.warns {
        assert_eq!(said.lines().count(), lines, "{what} said {said:?}");
    }
}

/// The program that wakes for no reason, built once.
fn waker() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let program = dir.path().join("waker");
        let status = Command::new("cc")
            .arg(committed::path("tests/languages/conformance/waker.c"))
            .arg("-o")
            .arg(&program)
            .status();
        assert!(status.expect("cc").success(), "the waker was not built");
        (dir, program)
    });
    program
}
