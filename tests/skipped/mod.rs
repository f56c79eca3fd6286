//! What this machine cannot run. Each reason is said when it is met first (`note.rs`), and once more,
//! with how many tests it kept, at the end of `cargo test`: its last program, `what_was_skipped`, reads
//! what the others have noted.

use std::fs;
use std::path::{Path, PathBuf};

/// The reasons that were noted in this `cargo test`, each with a test.
pub(crate) fn noted() -> Vec<(String, String)> {
    let notes = fs::read_to_string(file()).unwrap_or_default();
    let mut lines = notes.lines();
    if lines.next() != Some(cargo().as_str()) {
        return Vec::new();
    }
    let pair = |line: &str| {
        let (reason, test) = line.split_once('\t')?;
        Some((reason.to_owned(), test.to_owned()))
    };
    lines.filter_map(pair).collect()
}

/// Where they are noted: first the `cargo test`, then a line for each reason and test.
pub(crate) fn file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped")
}

/// The process that starts all programs of a `cargo test`, by its pid and the time of its start.
pub(crate) fn cargo() -> String {
    let pid = std::os::unix::process::parent_id();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of its program, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let since = fields.split_whitespace().nth(19).unwrap_or_default();
    format!("{pid} {since}")
}
