//! stopctl: stopping a program well is a request, not a shot.

// Floor 0: values.
#[cfg(feature = "cli")]
pub mod escape;
#[cfg(feature = "cli")]
pub mod files;
pub mod moment;
pub mod reason;

// Floor 1: the border to the kernel (all that is `unsafe`), and what people type.
#[cfg(feature = "cli")]
pub mod duration;
#[cfg(feature = "cli")]
pub mod name;
#[cfg(feature = "cli")]
pub mod signal_name;
mod sys;

// Floor 2: the words of the contract, and the decision.
#[cfg(feature = "cli")]
pub mod base;
#[cfg(feature = "cli")]
pub mod ended;
#[cfg(feature = "cli")]
pub mod ladder;
pub mod owner;

// Floor 3: one run on one machine.
#[cfg(feature = "cli")]
pub mod control;
pub mod flag;
#[cfg(feature = "cli")]
pub mod outcome;
#[cfg(feature = "cli")]
pub mod process;
#[cfg(feature = "cli")]
pub mod record;
#[cfg(feature = "cli")]
pub mod run_dir;
#[cfg(feature = "cli")]
pub mod signals;
#[cfg(feature = "cli")]
pub mod stream;
#[cfg(feature = "cli")]
pub mod watch;

// Floor 4: what follows from it: trees, verdicts, runs in runs.
#[cfg(feature = "cli")]
pub mod tree;
#[cfg(feature = "cli")]
pub mod verdict;

pub use flag::format::Request;
pub use flag::reader::{FlagError, StopFlag};
pub use sys::now;
