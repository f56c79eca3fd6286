//! What a registry would have, installed into fresh environments by pip, pipx and uv, and used there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::committed;
use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks, not_run};
use crate::support::python::with;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What of Python is installed, and whether a supervisor is there.
const MODULE: &str = "import stopctl, importlib.util as util; print(stopctl.__version__, \
                      bool(util.find_spec('stopctl_pytest')), stopctl.flag().supervised)";

/// What was built before.
struct Built {
    /// The folder of the wheels and of the sdist.
    wheels: PathBuf,
    /// The program that was packed.
    program: PathBuf,
}

impl Built {
    /// `None` if nothing was built, which is said.
    fn named() -> Option<Self> {
        let named = |variable| {
            let path = std::env::var_os(variable)?;
            Some(fs::canonicalize(path).unwrap_or_else(|error| panic!("{variable}: {error}")))
        };
        let both = named("STOPCTL_TEST_WHEELS").zip(named("STOPCTL_TEST_STATIC"));
        if both.is_none() {
            not_run(
                "this needs STOPCTL_TEST_WHEELS and STOPCTL_TEST_STATIC, wheels and their program",
            );
        }
        both.map(|(wheels, program)| Self { wheels, program })
    }

    /// The wheel that has the program.
    fn wheel(&self) -> PathBuf {
        let entries = fs::read_dir(&self.wheels).expect("the wheels");
        entries
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.to_string_lossy().ends_with("_x86_64.whl"))
            .expect("a wheel for x86_64")
    }

    /// It is the program, byte for byte: nothing starts before it.
    fn is(&self, installed: &Path) {
        let bytes = |path: &Path| fs::read(path).expect("a program");
        let same = bytes(installed) == bytes(&self.program);
        assert!(same, "{} is another program", installed.display());
    }
}

/// A command that finds programs in this folder first, as in a shell of the one who installed it.
fn with_path(base: &Base, folder: &Path, program: &str, arguments: &[&str]) -> Answer {
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // env looks in this PATH; the test itself would look in its own.
    let mut command = base.command("env");
    command.arg(program).args(arguments).env("PATH", path);
    base.answer(command)
}

/// Two workers, each of which is supervised.
fn two_workers_run(base: &Base, folder: &Path, python: &str) {
    let worker = "import os; print('flag', open(os.environ['STOPCTL_FLAG']).read(1))";
    let run = ["run", "-n", "2", "--", python, "-c", worker];
    let answer = with_path(base, folder, "stopctl", &run);
    assert_eq!(answer.expect(0).out, "flag 0\nflag 0\n");
    let version = with_path(base, folder, "stopctl", &["--version"]);
    assert_eq!(version.out, format!("stopctl {VERSION}\n"));
}

/// What installs, with what is here: no registry is asked, and no Python downloaded.
fn installer(base: &Base, program: impl Into<OsString>, arguments: &[&str]) -> Command {
    let mut command = base.command(program.into());
    command
        .args(arguments)
        .env("PIP_NO_INDEX", "1")
        .env("UV_OFFLINE", "1")
        .env("UV_PYTHON_DOWNLOADS", "never");
    command
}

#[test]
fn pip_brings_the_program_the_module_and_the_pages_of_one_version() {
    let Some(built) = Built::named() else { return };
    let Some(python) = with("venv, ensurepip") else {
        return;
    };
    if lacks(Need::Program("man")) {
        return;
    }
    let base = Base::new();
    let mut make = base.command(&python);
    make.args(["-m", "venv"]).arg(base.file("environment"));
    base.answer(make).expect(0);
    let programs = base.file("environment/bin");
    let mut pip = installer(&base, programs.join("pip"), &["install", "--quiet"]);
    // By its name: pip itself chooses among what there is.
    pip.arg("--find-links").arg(&built.wheels).arg("stopctl");
    base.answer(pip).expect(0);

    built.is(&programs.join("stopctl"));
    two_workers_run(&base, &programs, "python");
    let run = ["run", "--", "python", "-c", MODULE];
    let answer = with_path(&base, &programs, "stopctl", &run);
    assert_eq!(answer.expect(0).out, format!("{VERSION} True True\n"));

    let shared = base.file("environment/share");
    for (name, page) in [
        ("stopctl-run", "man/man1/stopctl-run.1"),
        ("stopctl-flag", "man/man7/stopctl-flag.7"),
    ] {
        let found = with_path(&base, &programs, "man", &["-w", name]);
        assert_eq!(
            found.out,
            format!("{}\n", shared.join(page).display()),
            "{found:?}"
        );
    }
    for file in [
        "bash-completion/completions/stopctl",
        "zsh/site-functions/_stopctl",
        "fish/vendor_completions.d/stopctl.fish",
        "doc/stopctl/copyright",
    ] {
        assert!(shared.join(file).is_file(), "no {file}");
    }

    let mut pip = installer(&base, programs.join("pip"), &["uninstall", "--quiet"]);
    pip.args(["--yes", "stopctl"]);
    base.answer(pip).expect(0);
    let mut find = base.command("find");
    find.arg(base.file("environment"))
        .args(["-name", "*stopctl*", "-type", "f"]);
    assert_eq!(base.answer(find).out, "", "what is left");
}

#[test]
fn pipx_and_uv_bring_the_command_for_the_whole_account() {
    let Some(built) = Built::named() else { return };
    let Some(python) = with("sys") else { return };
    for (program, install, pages) in [
        ("pipx", &["install"][..], ".local/share/man"),
        // It links no pages.
        (
            "uv",
            &["tool", "install"],
            ".local/share/uv/tools/stopctl/share/man",
        ),
    ] {
        if lacks(Need::Program(program)) {
            continue;
        }
        let base = Base::new();
        let mut install = installer(&base, program, install);
        install.args(["--python", &python]);
        install.arg(built.wheel());
        base.answer(install).expect(0);
        let programs = base.file(".local/bin");
        built.is(&programs.join("stopctl"));
        two_workers_run(&base, &programs, &python);
        let page = base.file(pages).join("man1/stopctl-run.1");
        assert!(page.is_file(), "{program}: no {}", page.display());
    }
}

#[test]
fn a_machine_without_a_program_gets_the_module_alone() {
    let Some(built) = Built::named() else { return };
    let Some(python) = with("pip") else { return };
    let base = Base::new();
    for (machine, has_program) in [
        ("manylinux2014_x86_64", true),
        ("musllinux_1_1_x86_64", true),
        ("linux_riscv64", false),
    ] {
        let mut pip = installer(&base, &python, &["-m", "pip", "install", "--quiet"]);
        pip.args(["--no-deps", "--only-binary=:all:", "--platform", machine])
            .arg("--target")
            .arg(base.file(machine))
            .arg("--find-links")
            .arg(&built.wheels)
            .arg("stopctl");
        base.answer(pip).expect(0);
        let program = base.file(machine).join("bin/stopctl");
        assert_eq!(program.exists(), has_program, "{machine}");
        let mut module = base.command(&python);
        module
            .args(["-c", MODULE])
            .env("PYTHONPATH", base.file(machine));
        let answer = base.answer(module);
        assert_eq!(answer.expect(0).out, format!("{VERSION} True False\n"));
    }
}

#[test]
fn no_wheel_is_made_of_a_program_that_needs_libraries() {
    if lacks(Need::Program("hatchling")) {
        return;
    }
    let base = Base::new();
    let mut build = base.command("hatchling");
    build
        .args(["build", "--target", "wheel", "--directory"])
        .arg(base.work())
        .current_dir(committed::path("clients/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // The one that is tested; the released one is linked statically.
        .env("STOPCTL_PROGRAM", Base::program());
    let answer = base.answer(build);
    answer.expect(1).says("is not linked statically");
    let files = fs::read_dir(base.work()).expect("the folder");
    assert_eq!(files.count(), 0, "something was built");
}
