//! A pipe whose ends no program inherits that another test starts at the moment.

use std::fs::File;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

/// The end that is read, and the one that is written.
pub(crate) fn pipe() -> (File, File) {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
    (reader.into(), writer.into())
}
