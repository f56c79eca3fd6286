//! The Python client as a package: its own tests on every interpreter, its types, its wheel and
//! sdist, and what a look costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// A copy of the package: building writes beside its sources.
fn copied(base: &Base) -> PathBuf {
    let to = base.file("package");
    let mut copy = Command::new("cp");
    let status = copy.arg("-r").arg(client()).arg(&to).status();
    assert!(status.expect("cp").success());
    to
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
fn its_types_are_strict() {
    let Some(python) = with("mypy.api") else {
        return;
    };
    let base = Base::new();
    let package = copied(&base);
    let package = package.to_str().expect("a path in UTF-8");
    let mut files = vec![format!("{package}/stopctl")];
    // The examples use the module as others do: what they get is typed.
    for name in [
        "loop.py",
        "own_flag.py",
        "idle.py",
        "pool.py",
        "download.py",
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
fn wheel_and_sdist_are_built_and_the_wheel_can_be_installed() {
    let Some(python) = with("build, setuptools, wheel, pip") else {
        return;
    };
    let base = Base::new();
    let package = copied(&base);
    let package = package.to_str().expect("a path in UTF-8");
    let build = ["-m", "build", "--no-isolation", "--outdir", "dist", package];
    run(&base, &python, &build, &[]).expect(0);
    let version = env!("CARGO_PKG_VERSION");
    let wheel = format!("dist/stopctl-{version}-py3-none-any.whl");
    assert!(base.file(&wheel).exists(), "the version is that of stopctl");
    let sdist = format!("dist/stopctl-{version}.tar.gz");
    for (number, built) in [wheel, sdist].iter().enumerate() {
        let target = base.file(&format!("site.{number}"));
        let target = target.to_str().expect("a path in UTF-8");
        let mut install = vec!["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"];
        install.extend(["--no-build-isolation", "--target", target, built]);
        run(&base, &python, &install, &[]).expect(0);
        let site = Path::new(target);
        assert!(site.join("stopctl/py.typed").exists());
        assert!(site.join("stopctl_pytest.py").exists());
        let use_it = "import stopctl; print(stopctl.__version__, stopctl.flag().is_set())";
        let answer = run(&base, &python, &["-c", use_it], &[site]);
        assert_eq!(answer.out, format!("{version} False\n"));
    }
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
