//! stopctl: stopping a program well is a request, not a shot.
//!
//! A supervisor gives every worker a *flag*: 64 bytes of text in shared memory, named by the
//! environment variable `STOPCTL_FLAG`. To stop a worker it raises the flag, waits a *grace* for
//! the worker to leave by its own door, and only then uses SIGTERM, and then SIGKILL: the
//! *ladder*.
//!
//! # For a worker
//!
//! [`StopFlag`] is all a worker written in Rust needs. Without default features the crate is that
//! and libc:
//!
//! ```toml
//! stopctl = { version = "0.1", default-features = false }
//! ```
//!
//! ```
//! let stop = stopctl::StopFlag::from_env()?;
//! # let mut work = (0..3).into_iter();
//! while !stop.is_set() {
//!     // … the next piece of work …
//! #   if work.next().is_none() { break }
//! }
//! # Ok::<(), stopctl::FlagError>(())
//! ```
//!
//! # What it does
//!
//! * It raises the flag before any SIGTERM, and uses SIGTERM no earlier than the grace after it.
//! * It starts no worker once a stop has begun, and signals nobody that is not proven to be its own.
//! * It gives every worker one final record, and that is true.
//!
//! # What it does not
//!
//! * It never prints, exits or installs a logger: the program `stopctl` does, in
//!   `src/bin/stopctl`.
//! * It never restarts a worker, and never runs on more than one machine.
//! * It starts no thread. [`supervisor::supervise`] owns the process's signals and children while
//!   it runs, so it belongs into a program that does nothing else.
//!
//! # The house
//!
//! A file imports only from the floors below its own; a test reads the `use` lines.
//!
//! | floor | what | files |
//! |---|---|---|
//! | 11 | who starts and reaps | [`supervisor`] |
//! | 10 | who waits for its death, and who finds it dead | `guard`, [`taker`] |
//! | 9 | who enforces in its place; everything that must stand before the first worker | [`takeover`], [`launch`] |
//! | 8 | what an owner has in its hands | `enforcement` |
//! | 7 | one worker on its ladder, and what a run is to be | [`worker`], [`plan`] |
//! | 6 | what happens in a run, runs in runs, starting a worker, and what the dead left | [`event`], [`leftovers`], [`outer`], [`spawn`] |
//! | 5 | what follows from it: trees, verdicts, who owns a run; writing for others | [`standing`], [`stream`], [`tree`], [`verdict`] |
//! | 4 | one run on one machine | [`cgroup`], [`control`], [`flag`], [`interrupts`], [`notices`], [`notify`], [`outcome`], [`process`], [`record`], [`run_dir`], [`signals`], [`terminal`], [`watch`] |
//! | 3 | the words of the contract, and the decision | [`base`], [`ended`], [`ladder`], [`owner`] |
//! | 2 | making, opening and writing files | [`files`] |
//! | 1 | the border to the kernel (all that is `unsafe`), and what people type | [`duration`], [`name`], [`proc`], [`signal_name`], `sys` |
//! | 0 | values | [`escape`], `failpoint`, [`moment`], [`reason`] |

// Floor 0: values.
#[cfg(feature = "cli")]
pub mod escape;
#[cfg(feature = "cli")]
mod failpoint;
pub mod moment;
pub mod reason;

// Floor 1: the border to the kernel (all that is `unsafe`), and what people type.
#[cfg(feature = "cli")]
pub mod duration;
#[cfg(feature = "cli")]
pub mod name;
#[cfg(feature = "cli")]
pub mod proc;
#[cfg(feature = "cli")]
pub mod signal_name;
mod sys;

// Floor 2: making, opening and writing files.
#[cfg(feature = "cli")]
pub mod files;

// Floor 3: the words of the contract, and the decision.
#[cfg(feature = "cli")]
pub mod base;
#[cfg(feature = "cli")]
pub mod ended;
#[cfg(feature = "cli")]
pub mod ladder;
pub mod owner;

// Floor 4: one run on one machine.
#[cfg(feature = "cli")]
pub mod cgroup;
#[cfg(feature = "cli")]
pub mod control;
pub mod flag;
#[cfg(feature = "cli")]
pub mod interrupts;
#[cfg(feature = "cli")]
pub mod notices;
#[cfg(feature = "cli")]
pub mod notify;
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
pub mod terminal;
#[cfg(feature = "cli")]
pub mod watch;

// Floor 5: what follows from it: trees, verdicts, who owns a run; writing for others.
#[cfg(feature = "cli")]
pub mod standing;
#[cfg(feature = "cli")]
pub mod stream;
#[cfg(feature = "cli")]
pub mod tree;
#[cfg(feature = "cli")]
pub mod verdict;

// Floor 6: what happens in a run, runs in runs, starting a worker, and what the dead left.
#[cfg(feature = "cli")]
pub mod event;
#[cfg(feature = "cli")]
pub mod leftovers;
#[cfg(feature = "cli")]
pub mod outer;
#[cfg(feature = "cli")]
pub mod spawn;

// Floor 7: one worker on its ladder, and what a run is to be.
#[cfg(feature = "cli")]
pub mod plan;
#[cfg(feature = "cli")]
pub mod worker;

// Floor 8: everything that must stand before the first worker, and what an owner has in its hands.
#[cfg(feature = "cli")]
mod enforcement;
#[cfg(feature = "cli")]
pub mod launch;

// Floor 9: who enforces in the place of a supervisor.
#[cfg(feature = "cli")]
pub mod takeover;

// Floor 10: who waits for its death, and who finds it dead.
#[cfg(feature = "cli")]
mod guard;
#[cfg(feature = "cli")]
pub mod taker;

// Floor 11: who starts and reaps.
#[cfg(feature = "cli")]
pub mod supervisor;

pub use flag::format::Request;
pub use flag::reader::{FlagError, StopFlag};
pub use sys::now;
