//! The two programs of the tests that cargo builds as examples: the zoo, and the probe of the
//! conformance tests.
//!
//! `cargo test` builds them with everything else. `cargo test --test NAME` does not: cargo builds a
//! package's programs for a single test program, and no example. So they are built here when they
//! are missing, or older than something that they were built from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The path of the fixture program.
pub(crate) fn zoo() -> PathBuf {
    static ZOO: OnceLock<PathBuf> = OnceLock::new();
    ZOO.get_or_init(|| built("zoo")).clone()
}

/// The path of what answers the questions of the conformance tests with the library.
pub(crate) fn probe() -> PathBuf {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| built("probe")).clone()
}

fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("the folder of the profile");
    let example = profile.join("examples").join(name);
    if !is_fresh(&example) {
        build(name, profile);
    }
    assert!(
        example.exists(),
        "cargo has built {name}, but not as {}",
        example.display()
    );
    example
}

/// Whether everything that it was built from is older. Cargo writes the list beside it.
fn is_fresh(example: &Path) -> bool {
    let Some(built) = changed(example) else {
        return false;
    };
    let Ok(list) = fs::read_to_string(example.with_extension("d")) else {
        return false;
    };
    let sources = list
        .split_once(": ")
        .map_or("", |(_, sources)| sources)
        .trim_end()
        .replace("\\ ", "\0");
    sources
        .split(' ')
        .map(|source| source.replace('\0', " "))
        .all(|source| changed(Path::new(&source)).is_some_and(|at| at <= built))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// Several tests may ask at once: cargo locks the folder, and all but the first find it done.
fn build(name: &str, profile: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--example", name, "--target-dir"])
        .arg(profile.parent().expect("the folder that cargo builds in"))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.status().expect("cargo, which has built this test");
    assert!(built.success(), "cargo could not build {name}");
}
