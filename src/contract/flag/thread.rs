//! The flag for programs that do not look: a token that is cancelled when the worker should stop, or a
//! signal that the process sends itself.
//!
//! Both need a thread, because waiting for a word in shared memory is a blocking call. It has every
//! signal blocked: a handler that runs in it, or a signal that the program has blocked in all of its
//! own threads, would be a surprise.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[cfg(feature = "tokio")]
use tokio_util::sync::CancellationToken;

use super::reader::StopFlag;
use crate::linux::sys::{self, AllBlocked};

/// How long one wait lasts; between two waits the thread checks whether it is still needed.
const PIECE: Duration = Duration::from_secs(3600);

/// [`StopFlag::as_signal`].
pub(super) fn send(flag: Arc<StopFlag>, signal: i32) -> io::Result<()> {
    if !(1..=libc::SIGRTMAX()).contains(&signal) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let send = move || drop(sys::signal_ourselves(signal));
    when_asked(flag, || true, send)
}

/// [`StopFlag::token`].
#[cfg(feature = "tokio")]
pub(super) fn token(flag: Arc<StopFlag>) -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (asked, cancelled) = (token.clone(), token.clone());
    let wanted = move || !cancelled.is_cancelled();
    when_asked(flag, wanted, move || asked.cancel())?;
    Ok(token)
}

/// Starts a thread that calls `tell` when it is time to stop, as long as that is `wanted`.
fn when_asked(
    flag: Arc<StopFlag>,
    wanted: impl Fn() -> bool + Send + 'static,
    tell: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    if !flag.is_supervised() {
        return Ok(());
    }
    let _blocked = AllBlocked::begin();
    let thread = thread::Builder::new().name("stop flag".to_owned());
    thread.spawn(move || {
        while wanted() {
            if flag.wait_timeout(PIECE) {
                return tell();
            }
        }
    })?;
    Ok(())
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::fs::{self, File};
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::contract::flag::format::Request;
    use crate::contract::flag::reader::StopFlag;
    use crate::contract::flag::writer::FlagFile;
    use crate::words::worker_number::WorkerNumber;

    fn flag(dir: &tempfile::TempDir) -> (FlagFile, Arc<StopFlag>) {
        let open = File::open(dir.path()).expect("the directory");
        let written = FlagFile::create(open, dir.path(), WorkerNumber::FIRST);
        let written = written.expect("a flag");
        let read = StopFlag::open(written.path()).expect("the same flag");
        (written, Arc::new(read))
    }

    /// What each thread for a flag says in a line of its status.
    fn of_our_threads(line: &str) -> Vec<String> {
        let tasks = fs::read_dir("/proc/self/task").expect("our threads");
        let statuses = tasks.filter_map(|task| {
            let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            status.starts_with("Name:\tstop flag\n").then_some(status)
        });
        let field = |status: String| {
            let found = status.lines().find_map(|text| text.strip_prefix(line));
            found.expect("the line").trim().to_owned()
        };
        statuses.map(field).collect()
    }

    #[test]
    fn a_raised_flag_becomes_a_signal_from_a_thread_that_blocks_all_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let (mut written, flag) = flag(&dir);
        let seen = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(libc::SIGURG, Arc::clone(&seen)).unwrap();
        flag.as_signal(libc::SIGURG).unwrap();
        let masks = loop {
            // A thread has its name a moment after it has begun.
            let masks = of_our_threads("SigBlk:");
            if !masks.is_empty() {
                break masks;
            }
            std::thread::yield_now();
        };
        for mask in masks {
            let blocked = u64::from_str_radix(&mask, 16).unwrap();
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGALRM, libc::SIGURG] {
                assert_eq!(blocked >> (signal - 1) & 1, 1, "signal {signal}: {mask}");
            }
        }
        assert!(!seen.load(Ordering::Relaxed), "a signal before the raise");
        written.raise(&Request::LOST).unwrap();
        while !seen.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_flag_does_not_become_a_signal_that_does_not_exist() {
        for signal in [-1, 0, libc::SIGRTMAX() + 1] {
            let refused = Arc::new(StopFlag::unsupervised()).as_signal(signal);
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn raising_the_flag_cancels_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let (mut written, flag) = flag(&dir);
        let token = flag.token().unwrap();
        assert!(!token.is_cancelled());
        written.raise(&Request::LOST).unwrap();
        while !token.is_cancelled() {
            std::thread::yield_now();
        }
    }
}
