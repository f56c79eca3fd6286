//! The interpreters of this machine, and the client they are to use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::need;

const NEWEST_MINOR: u32 = 16;

/// Where the module is: for `PYTHONPATH`.
pub(crate) fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python")
}

pub(crate) fn example(name: &str) -> String {
    let path = client().join("examples").join(name);
    path.to_str().expect("a path in UTF-8").into()
}

/// The first `python3`; the caller returns if there is none.
pub(crate) fn python() -> Option<String> {
    let found = find("sys");
    if found.is_none() {
        need::missing("python3");
    }
    found
}

/// An interpreter that can import this module; the caller returns if there is none.
pub(crate) fn with(module: &str) -> Option<String> {
    let found = find(module);
    if found.is_none() {
        need::missing(&format!("a Python with {module}"));
    }
    found
}

/// One interpreter of each version from 3.8 on.
pub(crate) fn every() -> Vec<String> {
    let mut programs: Vec<PathBuf> = (8..=NEWEST_MINOR)
        .map(|minor| format!("python3.{minor}").into())
        .collect();
    programs.extend(["python3".into(), "/usr/bin/python3".into()]);
    // What pyenv has installed and not chosen is on no path.
    if let Some(home) = std::env::var_os("HOME") {
        let versions = Path::new(&home).join(".pyenv/versions");
        let found = std::fs::read_dir(versions).into_iter().flatten().flatten();
        programs.extend(found.map(|entry| entry.path().join("bin/python")));
    }
    let tell =
        "import sys; sys.version_info >= (3, 8) and print(sys.version.split()[0], sys.executable)";
    let found: BTreeMap<String, String> = programs
        .iter()
        .filter_map(|program| {
            let answer = ask(program, tell)?;
            let (version, path) = answer.split_once(' ')?;
            Some((version.into(), path.into()))
        })
        .collect();
    found.into_values().collect()
}

/// Debian's modules are seen by Debian's interpreter alone, which need not be the first.
fn find(module: &str) -> Option<String> {
    let tell = format!("import sys, {module}; print(sys.executable)");
    ["python3", "/usr/bin/python3"]
        .iter()
        .find_map(|program| ask(Path::new(program), &tell))
}

/// The real path is asked for with the test's own environment: a shim of pyenv needs HOME.
fn ask(program: &Path, code: &str) -> Option<String> {
    let mut command = Command::new(program);
    // Not from here: `build` is a folder in many a working directory.
    let command = command.args(["-c", code]).current_dir("/");
    let answer = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let found = answer.status.success() && !text.trim().is_empty();
    found.then(|| text.trim().to_owned())
}
