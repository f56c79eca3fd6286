//! Numbers that nobody can guess.

use std::fs::File;
use std::io::{self, Read as _};

use super::checked;

/// Eight bytes that nobody can guess (getrandom(2), or random(4) if that is refused).
pub(crate) fn random() -> io::Result<u64> {
    let mut bytes = [0_u8; 8];
    // SAFETY: `bytes` is a valid place of this length; the kernel never cuts so small a request
    // short.
    let got = checked(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) } as _);
    if got.is_err() {
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    }
    Ok(u64::from_ne_bytes(bytes))
}
