//! The flag: 64 bytes of text in shared memory that a worker reads. See stopctl-flag(7).

mod descriptor;
pub mod format;
pub mod reader;
mod thread;
#[cfg(feature = "cli")]
pub mod writer;
