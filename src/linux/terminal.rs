//! The terminal: whether its keys reach us, and lending it to a worker that needs them.
//!
//! What we lend is the foreground: the process group that has it gets the signals of the keys and
//! may read. Every signal is blocked while we do this, so SIGTTOU does not stop us (tcsetpgrp(3)).

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{self, getpgid, getpgrp, getppid, tcgetpgrp, tcsetpgrp};

use crate::linux::sys;
use crate::words::pid::Pid;

/// Whether Ctrl-C at the terminal that shows our standard error reaches us: our group is in its
/// foreground, and we do not ignore SIGINT.
#[must_use]
pub fn keys_reach_us() -> bool {
    tcgetpgrp(io::stderr()) == Ok(getpgrp()) && !sys::is_ignored(libc::SIGINT)
}

/// Why a worker no longer needs the terminal. As in a shell, this decides which settings stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// It was stopped: our settings are restored, and its own are kept until it is continued.
    Stopped,
    /// It exited by itself: it meant the settings that it has made.
    Exited,
    /// A signal ended it: it had no time to clean up.
    Died,
}

/// The terminal of our session.
#[derive(Debug)]
pub struct Terminal {
    file: Arc<File>,
    /// The settings from before it was lent.
    settings: Termios,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    /// Us, or the process that started us; with the settings of a worker that was stopped.
    Us(Option<Termios>),
    Worker,
}

impl Terminal {
    /// Opens the terminal, if our session has one.
    #[must_use]
    pub fn open() -> Option<Self> {
        let flags = (OFlag::O_CLOEXEC | OFlag::O_NOCTTY).bits();
        let mut options = File::options();
        let options = options.read(true).write(true).custom_flags(flags);
        let file = options.open("/dev/tty").ok()?;
        let settings = tcgetattr(&file).ok()?;
        Some(Self {
            file: Arc::new(file),
            settings,
            holder: Holder::Us(None),
        })
    }

    /// Lends it to a child that is about to be forked. The child takes the foreground by itself, so
    /// it has it before its program runs. `None` if the foreground is not ours.
    pub fn lend_to_child(&mut self) -> Option<Arc<File>> {
        self.is_ours().then(|| {
            self.holder = Holder::Worker;
            Arc::clone(&self.file)
        })
    }

    /// Lends it to the group that `leader` leads, with the settings that the worker had. Returns
    /// whether the foreground was ours.
    pub fn lend(&mut self, leader: Pid) -> bool {
        if !self.is_ours() {
            return false;
        }
        if let Ok(settings) = tcgetattr(&self.file) {
            self.settings = settings;
        }
        if let Holder::Us(Some(settings)) = std::mem::replace(&mut self.holder, Holder::Worker) {
            let _ = tcsetattr(&self.file, SetArg::TCSANOW, &settings);
        }
        let _ = tcsetpgrp(&self.file, unistd::Pid::from_raw(leader.get()));
        true
    }

    /// Whether a worker has it.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        matches!(self.holder, Holder::Worker)
    }

    /// Takes it back, if it was lent. A call can fail here only if the terminal is gone.
    pub fn take_back(&mut self, leaves: Leaves) {
        if !self.is_lent() {
            return;
        }
        self.holder = Holder::Us(None);
        let shell = getpgid(Some(getppid()));
        let taken = tcgetpgrp(&self.file);
        if taken == shell && shell != Ok(getpgrp()) {
            // The shell saw that we were stopped, and has taken the foreground.
            return;
        }
        match leaves {
            Leaves::Stopped => {
                self.holder = Holder::Us(tcgetattr(&self.file).ok());
                self.put_settings_back();
            }
            Leaves::Died => self.put_settings_back(),
            Leaves::Exited => {}
        }
        let _ = tcsetpgrp(&self.file, getpgrp());
    }

    /// Whether our group is in its foreground.
    fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file) == Ok(getpgrp())
    }

    fn put_settings_back(&self) {
        let _ = tcsetattr(&self.file, SetArg::TCSANOW, &self.settings);
    }
}
