//! What the black-box tests are written with. They start the real program in a base directory
//! of their own, talk to it as a user does (signals, commands, pipes), and wait for *lines* and
//! for the *end of a pipe* that every descendant inherits, never for time.
//!
//! A scenario reads:
//!
//! ```text
//! let base = Base::new();
//! let mut run = base.scenario().name("train").zoo(&["polite"]).start();
//! run.wait_for("ready");
//! assert_eq!(base.call(&["stop", "train"]).ended, Ended::Code(0));
//! assert_eq!(run.finish().ended, Ended::Code(0));
//! ```
//!
//! | file | what |
//! |---|---|
//! | `base` | a directory for runs and one for files; the program's clean environment; what must be gone at the end |
//! | `scenario` | how a run is described and started |
//! | `started` | a program that was started: its lines, signals to it, its end |
//! | `transcript` | the lines of two pipes, and waiting for one of them |
//! | `watchdog` | ends what hangs, by pid |
//! | `bystanders` | unrelated processes that count every signal they get |
//! | `terminal` | a terminal: what is on it, keys, its size |
//! | `owner` | the owner of a run, its guard and its flags, from outside |
//! | `held` | a process that a debugger holds |
//! | `random` | numbers that can be had again, and distributions of what was measured |
//! | `examples` | the worker programs that cargo builds as examples |
//! | `pty` | a terminal, and a shell in it that does job control |
//! | `pipe` | a pipe that nobody inherits by chance |
//! | `events` | reading `--events`, and what is true of every such file |
//! | `processes` | looks into /proc |
//! | `until` | waiting for what can only be looked for |
//! | `preload` | code that is loaded into the program before its own |
//! | `need` | what the machine must have for a test |
//! | `python` | the interpreters of this machine |
#![expect(
    dead_code,
    reason = "every test file is a program of its own and uses its part of this"
)]

pub(crate) mod base;
pub(crate) mod bystanders;
pub(crate) mod events;
pub(crate) mod examples;
pub(crate) mod held;
pub(crate) mod need;
pub(crate) mod owner;
pub(crate) mod pipe;
pub(crate) mod preload;
pub(crate) mod processes;
pub(crate) mod pty;
pub(crate) mod python;
pub(crate) mod random;
pub(crate) mod scenario;
pub(crate) mod started;
pub(crate) mod terminal;
pub(crate) mod transcript;
pub(crate) mod until;
pub(crate) mod watchdog;
