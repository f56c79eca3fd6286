//! The terminal: whose keys reach us.

use nix::unistd::{getpgrp, tcgetpgrp};

use crate::sys;

/// Whether Ctrl-C at the terminal that shows our standard error is for us: our group has its
/// foreground, and we heed SIGINT.
#[must_use]
pub fn keys_reach_us() -> bool {
    tcgetpgrp(std::io::stderr()) == Ok(getpgrp()) && !sys::is_ignored(libc::SIGINT)
}
