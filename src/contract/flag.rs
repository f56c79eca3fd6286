//! The flag: 64 bytes of text in shared memory that a worker reads. See stopctl-flag(7).

pub mod format;
pub mod reader;
#[cfg(feature = "tokio")]
mod token;
#[cfg(feature = "cli")]
pub mod writer;
