//! Notes why a test is not run.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Mutex;
use std::thread;

use super::skipped::{cargo, file, noted};

/// Notes that the test which calls this is not run.
pub(crate) fn note(reason: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock();
    let known = noted();
    if !known.iter().any(|(met, _)| met == reason) {
        // Past the test harness, which keeps what a test that passes has printed.
        let _ = writeln!(std::io::stderr(), "skipped: {reason}");
    }
    if known.is_empty() {
        let _ = fs::write(file(), format!("{}\n", cargo()));
    }
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let notes = File::options().append(true).open(file());
    // Where nothing can be noted, it was said.
    let _ = notes.and_then(|mut notes| writeln!(notes, "{reason}\t{test}"));
}
