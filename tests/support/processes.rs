//! Looks into /proc: who carries this base directory in its environment, and in which state a
//! process is.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use super::until::until;

/// All processes that were started with a path below `root` in their environment.
pub(crate) fn with_in_environment(root: &Path) -> Vec<i32> {
    all().into_iter().filter(|pid| is_of(*pid, root)).collect()
}

/// Whether this process was started with a path below `root` in its environment.
pub(crate) fn is_of(pid: i32, root: &Path) -> bool {
    let needle = root.as_os_str().as_bytes();
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle))
}

/// Kills them, until a look finds none: a forker may be faster than one round.
pub(crate) fn kill_with_in_environment(root: &Path) {
    for _ in 0..100 {
        let found = with_in_environment(root);
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::yield_now();
    }
}

/// The letter of /proc/PID/stat (`T` stopped, `Z` zombie), if there is such a process.
pub(crate) fn state(pid: i32) -> Option<char> {
    fields(pid)?.first()?.chars().next()
}

/// Waits until it is in this state: what a signal does to a process takes a moment.
#[track_caller]
pub(crate) fn wait_for_state(pid: i32, wanted: char) {
    until(&format!("{wanted}: {}", describe(pid)), || {
        state(pid) == Some(wanted)
    });
}

pub(crate) fn parent(pid: i32) -> Option<i32> {
    fields(pid)?.get(1)?.parse().ok()
}

/// Clock ticks from boot to its start.
pub(crate) fn start(pid: i32) -> Option<u64> {
    fields(pid)?.get(19)?.parse().ok()
}

/// How often it has slept until now: it is woken as often.
pub(crate) fn sleeps(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|number| number.trim().parse().ok())
        .expect("a number of switches")
}

/// The number behind a name in /proc/PID/status, in hexadecimal: `SigIgn`, `SigBlk`.
pub(crate) fn signal_set(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    signal_set_of(&status, name)
}

/// The same from a text that a worker printed.
#[track_caller]
pub(crate) fn signal_set_of(status: &str, name: &str) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .unwrap_or_else(|| panic!("no {name} in {status:?}"));
    u64::from_str_radix(line.trim(), 16).expect("hexadecimal digits")
}

pub(crate) fn children(of: i32) -> Vec<i32> {
    all()
        .into_iter()
        .filter(|pid| parent(*pid) == Some(of))
        .collect()
}

/// `CLOCK_MONOTONIC` in nanoseconds, the clock of the flag's deadline.
pub(crate) fn now_ns() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// What a failed test says of a process.
pub(crate) fn describe(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&line).replace('\0', " ");
    format!("{pid} ({:?}) {words}", state(pid))
}

/// The fields of /proc/PID/stat from the state on: a program's name may contain anything, but
/// ends at the last parenthesis.
fn fields(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(String::from).collect())
}

fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
