//! What a worker of the zoo sees: signals and its flag.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Between two looks at the flag: short beside every bound the tests set.
const LOOK_EVERY_MS: u8 = 2;

/// Every signal that can be taken, blocked and read from a descriptor: real-time ones included.
pub(crate) struct Signals(SignalFd);

impl Signals {
    pub(crate) fn taken() -> Self {
        let every = SigSet::all();
        every.thread_block().expect("block the signals");
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Self(SignalFd::with_flags(&every, flags).expect("signalfd"))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Waits for a signal, at most until it is time to look at the flag again.
    pub(crate) fn wait(&self) -> Vec<u32> {
        let mut ready = [PollFd::new(self.fd(), PollFlags::POLLIN)];
        // EINTR (a SIGCONT after a stop) is a reason to look, as the end of the time is.
        let _ = poll(&mut ready, LOOK_EVERY_MS);
        self.pending()
    }

    pub(crate) fn pending(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        while let Ok(Some(info)) = self.0.read_signal() {
            numbers.push(info.ssi_signo);
        }
        numbers
    }
}

/// The flag of this worker, opened once; without one it stays down.
pub(crate) struct Flag {
    file: Option<File>,
    last: String,
}

impl Flag {
    pub(crate) fn open() -> Self {
        let file = std::env::var_os("STOPCTL_FLAG").and_then(|path| File::open(path).ok());
        let flag = Self {
            file,
            last: String::from("0"),
        };
        // As every client does.
        let _ = flag.text();
        flag
    }

    pub(crate) fn text(&self) -> String {
        let mut bytes = [0; 64];
        let read = self
            .file
            .as_ref()
            .map_or(0, |file| file.read_at(&mut bytes, 0).unwrap_or(0));
        String::from_utf8_lossy(&bytes[..read]).trim_end().into()
    }

    /// The text, if it is another one than at the last look, and twice the same (the owner may
    /// be writing it).
    pub(crate) fn change(&mut self) -> Option<String> {
        let text = self.text();
        let steady = text == self.text() && !text.starts_with('0') && !text.is_empty();
        if !steady || text == self.last {
            return None;
        }
        self.last.clone_from(&text);
        Some(text)
    }
}
