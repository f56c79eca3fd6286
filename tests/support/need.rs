//! What a test needs of the machine. A test that lacks it says so and returns; in CI, which must
//! have everything, it fails.

#[path = "../skipped/note.rs"]
mod note;
#[path = "../skipped/mod.rs"]
mod skipped;

use std::fmt;
use std::process::{Command, Stdio};

#[derive(Clone, Copy)]
pub(crate) enum Need {
    Root,
    /// A program on the PATH.
    Program(&'static str),
    /// `strace` is there and may trace.
    Trace,
    /// `unshare -m` and mounting a tmpfs.
    Mounts,
    /// `unshare -p -f --mount-proc`.
    PidNamespace,
    /// `unshare -T`.
    TimeNamespace,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Program(name) => name,
            Self::Trace => "strace, and to be allowed to trace",
            Self::Mounts => "a mount namespace",
            Self::PidNamespace => "a pid namespace",
            Self::TimeNamespace => "a time namespace",
        })
    }
}

/// Whether the machine lacks it; then the test's caller returns.
#[must_use = "a test without what it needs must return"]
pub(crate) fn lacks(need: Need) -> bool {
    if has(need) {
        return false;
    }
    missing(&need.to_string());
    true
}

/// What a test needs is not here: it says so, or fails if this is CI.
pub(crate) fn missing(what: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "this needs {what}, and CI must have it"
    );
    not_run(&format!("this needs {what}"));
}

/// How often something is tried: `usual`, or what `STOPCTL_TEST_ROUNDS` says, as CI does.
pub(crate) fn rounds(usual: usize) -> usize {
    let asked = std::env::var("STOPCTL_TEST_ROUNDS").ok();
    asked.map_or(usual, |asked| asked.parse().expect("a number of rounds"))
}

/// For what CI is not asked to have.
pub(crate) fn not_run(reason: &str) {
    note::note(reason);
}

fn has(need: Need) -> bool {
    match need {
        Need::Root => nix::unistd::Uid::effective().is_root(),
        Need::Program(name) => works("sh", &["-c", &format!("command -v {name}")]),
        Need::Trace => works("strace", &["-o", "/dev/null", "true"]),
        Need::Mounts => works(
            "unshare",
            &["-m", "sh", "-c", "mount -t tmpfs none /dev/shm"],
        ),
        Need::PidNamespace => works("unshare", &["-p", "-f", "--mount-proc", "true"]),
        Need::TimeNamespace => works("unshare", &["-T", "true"]),
    }
}

fn works(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
