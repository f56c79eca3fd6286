//! The terminal: whose keys reach us, and lending it to a worker that is to have them.
//!
//! What is lent is the foreground: the group that has it gets the signals of the keys and may read.
//! Every signal is blocked while we do this, so SIGTTOU does not stop us for it (tcsetpgrp(3)).

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgid, getpgrp, getppid, tcgetpgrp, tcsetpgrp};

use crate::linux::sys;

/// Whether Ctrl-C at the terminal that shows our standard error is for us: our group has its
/// foreground, and we heed SIGINT.
#[must_use]
pub fn keys_reach_us() -> bool {
    tcgetpgrp(io::stderr()) == Ok(getpgrp()) && !sys::is_ignored(libc::SIGINT)
}

/// Why a worker does not need the terminal any more: as with a shell, it decides which settings
/// stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// It was stopped: ours are put back, and its own kept until it goes on.
    Stopped,
    /// It left by its own door: what it has set, it meant to.
    Exited,
    /// A signal ended it: it had no time to tidy up.
    Died,
}

/// The terminal of our session.
#[derive(Debug)]
pub struct Terminal {
    file: Arc<File>,
    /// The settings that were there before it was lent.
    settings: Termios,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    /// Us, or whoever started us. With the settings of a worker that was stopped.
    Us(Option<Termios>),
    Worker,
}

impl Terminal {
    /// Opens it, if our session has one.
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

    /// Lends it to a child that is about to be born: that takes the foreground by itself, so it has
    /// it before its program runs. `None` if it is not ours to lend.
    pub fn lend_to_child(&mut self) -> Option<Arc<File>> {
        self.is_ours().then(|| {
            self.holder = Holder::Worker;
            Arc::clone(&self.file)
        })
    }

    /// Lends it to the group of a worker, with the settings that it had. Answers whether it was ours
    /// to lend.
    pub fn lend(&mut self, group: i32) -> bool {
        if !self.is_ours() {
            return false;
        }
        if let Ok(settings) = tcgetattr(&self.file) {
            self.settings = settings;
        }
        if let Holder::Us(Some(settings)) = std::mem::replace(&mut self.holder, Holder::Worker) {
            let _ = tcsetattr(&self.file, SetArg::TCSANOW, &settings);
        }
        let _ = tcsetpgrp(&self.file, Pid::from_raw(group));
        true
    }

    /// Whether a worker has it.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        matches!(self.holder, Holder::Worker)
    }

    /// Takes it back, if it was lent. Whatever fails here fails because it was closed.
    pub fn take_back(&mut self, leaves: Leaves) {
        if !self.is_lent() {
            return;
        }
        self.holder = Holder::Us(None);
        let shell = getpgid(Some(getppid()));
        let taken = tcgetpgrp(&self.file);
        if taken == shell && shell != Ok(getpgrp()) {
            // A shell that found us stopped has it again.
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

    /// Whether our group has its foreground.
    fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file) == Ok(getpgrp())
    }

    fn put_settings_back(&self) {
        let _ = tcsetattr(&self.file, SetArg::TCSANOW, &self.settings);
    }
}
