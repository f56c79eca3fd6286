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
//! * It raises the flag before any SIGTERM, and sends SIGTERM no earlier than the grace after it.
//! * It starts no worker once a stop has begun, and signals no process that is not proven to be its
//!   own.
//! * It gives every worker one final record, which is true.
//!
//! # What it does not do
//!
//! * It never prints, installs a logger, or ends the process of its caller: the program `stopctl`
//!   does that, in `src/bin/stopctl`.
//! * It never restarts a worker, and never runs on more than one machine.
//! * It starts no thread, except where a worker wants its flag as a signal, or as the token of
//!   asynchronous work (feature `tokio`).
//!   `run::supervisor::supervise` owns the signals and children of the process while it runs, so it
//!   belongs in a program that does nothing else.
//!
//! # The house
//!
//! The code has eight rooms and the program. A file may import from its own room and from the rooms
//! above it in this list, and from no others; `tests/house.rs` reads the list.
//!
//! | room | what lives there |
//! |---|---|
//! | `words` | plain values, and what people type: durations, names, signals, reasons |
//! | `decide` | what is decided without a clock, a process or a file: the ladder and its times, the outcome of a worker, the verdict on a run |
//! | `linux` | the border with the kernel: all `unsafe` code (`sys`), processes and their identity, signals, terminals, watches |
//! | `contract` | what is on disk and on the wire: the flag, the files `owner`, `control` and `record`, the notify socket |
//! | `tree` | the processes of a worker |
//! | `enforce` | how the owner of a run enforces the ladder: a worker on its ladder, the guard, a takeover |
//! | `outside` | everybody who is not the owner: finding a run, following it, asking it, taking over what a dead owner left |
//! | `run` | a run of our own: its plan, the launch, starting a worker, the supervisor |
//! | `bin/stopctl` | the program: the command line, and every word that a person reads |
//!
//! # Where to look
//!
//! | what | where | its tests |
//! |---|---|---|
//! | when the flag is raised, when SIGTERM and SIGKILL follow | `src/decide/ladder.rs` | `cargo test --test ladder` |
//! | the flag of a worker is raised | `src/contract/flag/writer.rs` | `cargo test --test running flag_memory::` |
//! | SIGTERM and SIGKILL are sent to a worker | `src/enforce/worker/body.rs`, through `src/linux/process.rs` | `cargo test --test ending stopping::` |
//! | the processes of a worker are found | `src/tree` | `cargo test --test ending tree::` |
//! | a worker is started, and reaped | `src/run/spawn.rs`, `src/run/supervisor.rs` | `cargo test --test running startup::` |
//! | the loop of the supervisor, which blocks in one call only | `src/run/supervisor.rs` | `cargo test --test running one_loop::` |
//! | a supervisor has died, and the run goes on | `src/enforce/guard.rs`, `src/enforce/takeover.rs`, `src/outside/rescue.rs` | `cargo test --test losing` |
//! | somebody else requests a stop | `src/outside/stop.rs`, through `src/contract/control.rs` | `cargo test --test asking control::` |
//! | root acts for another user | `src/linux/users.rs` | `cargo test --test asking users::` |
//! | a message about any of this is worded | `src/bin/stopctl/say` | `cargo test --test running messages::` |
//! | an option of the command line | `src/bin/stopctl/cli` | `cargo test --test pages` |

/// Plain values, and what people type.
pub mod words {
    #[cfg(feature = "cli")]
    pub mod duration;
    #[cfg(feature = "cli")]
    pub mod ended;
    #[cfg(feature = "cli")]
    pub mod escape;
    pub mod moment;
    #[cfg(feature = "cli")]
    pub mod name;
    #[cfg(feature = "cli")]
    pub mod pid;
    pub mod reason;
    #[cfg(feature = "cli")]
    pub mod signal_name;
    #[cfg(feature = "cli")]
    pub mod worker_number;
}

/// What is decided without a clock, a process or a file.
#[cfg(feature = "cli")]
pub mod decide {
    pub mod ladder;
    pub mod outcome;
    pub mod rhythm;
    pub mod times;
    pub mod verdict;
}

/// The border with the kernel.
pub mod linux {
    #[cfg(feature = "cli")]
    pub mod cgroup;
    #[cfg(feature = "cli")]
    pub mod files;
    #[cfg(feature = "cli")]
    pub mod interrupts;
    #[cfg(feature = "cli")]
    pub mod notices;
    pub mod plain;
    #[cfg(feature = "cli")]
    pub mod proc;
    #[cfg(feature = "cli")]
    pub mod process;
    #[cfg(feature = "cli")]
    pub mod signals;
    #[cfg(feature = "cli")]
    pub mod stream;
    pub(crate) mod sys;
    #[cfg(feature = "cli")]
    pub mod terminal;
    #[cfg(feature = "cli")]
    pub mod users;
    #[cfg(feature = "cli")]
    pub mod watch;
}

/// What is on disk and on the wire.
pub mod contract {
    #[cfg(feature = "cli")]
    pub mod base;
    #[cfg(feature = "cli")]
    pub mod control;
    pub mod flag;
    #[cfg(feature = "cli")]
    pub mod notify;
    pub mod owner;
    #[cfg(feature = "cli")]
    pub mod record;
    #[cfg(feature = "cli")]
    pub mod run_dir;
    #[cfg(feature = "cli")]
    pub mod standing;
}

/// The processes of a worker.
#[cfg(feature = "cli")]
pub mod tree {
    mod census;
    mod leader;
    mod members;
    mod search;
    mod straggler;

    pub use census::flag_of;
    pub use leader::Leader;
    pub use members::Tree;
    pub use search::Search;
    pub use straggler::Straggler;
}

/// How the owner of a run enforces the ladder.
#[cfg(feature = "cli")]
pub mod enforce {
    pub mod event;
    pub(crate) mod guard;
    pub(crate) mod run;
    pub mod takeover;
    pub mod turn;
    pub mod worker;
}

/// Everybody who is not the owner of a run.
#[cfg(feature = "cli")]
pub mod outside {
    pub mod fate;
    pub mod find;
    pub mod follow;
    pub mod found;
    pub mod holder;
    pub mod leftovers;
    pub mod outer;
    pub mod rescue;
    pub mod sealed;
    pub mod signal;
    pub mod state;
    pub mod stop;
}

/// A run of our own.
#[cfg(feature = "cli")]
pub mod run {
    pub mod launch;
    pub mod plan;
    pub mod spawn;
    pub mod supervisor;
}

#[cfg(feature = "cli")]
mod failpoint;

pub use contract::flag::format::Request;
pub use contract::flag::reader::{FlagError, StopFlag};
pub use linux::sys::now;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use linux::sys::start;
