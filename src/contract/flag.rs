//! The flag: 64 bytes of text in shared memory that a worker reads. See stopctl-flag(7).

pub mod format;
pub mod reader;
#[cfg(feature = "tokio")]
pub mod token;
#[cfg(feature = "cli")]
pub mod writer;
