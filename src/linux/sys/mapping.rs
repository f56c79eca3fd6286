//! A page of a file in shared memory, mapped to be read.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;

/// The length of a mapping: the largest page size of any architecture, so that an address this far
/// from the start of a page is the start of a page too. Only the first words are ever touched.
pub(super) const MAPPED: usize = 65_536;

/// The first page of a file in shared memory, mapped read-only until it is dropped (mmap(2)).
///
/// If somebody has truncated the file, a load raises SIGBUS; waiting and waking do not.
#[derive(Debug)]
pub(crate) struct SharedPage {
    start: NonNull<AtomicU32>,
}

// SAFETY: the mapping is read-only here, belongs to this value alone, and is read by atomic loads.
unsafe impl Send for SharedPage {}
// SAFETY: as above: concurrent loads of an atomic are what it is for.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        let (prot, fd) = (libc::PROT_READ, file.as_raw_fd());
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), MAPPED, prot, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    /// The 32-bit word number `index`, below 64.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> &AtomicU32 {
        assert!(index < 64, "beyond the words of this page");
        // SAFETY: `index` is within the page, and a page is aligned for any word.
        let word = unsafe { self.start.add(index) };
        // SAFETY: the mapping lives as long as `self`, and every bit pattern is a valid u32.
        unsafe { word.as_ref() }
    }

    /// Replaces the file with zeroes, for this process alone and for good (mmap(2), `MAP_FIXED`).
    /// Loads by other threads see either the file or the zeroes. If there is no memory for them,
    /// nothing changes.
    pub(crate) fn cover(&self) {
        let (start, prot) = (self.start.as_ptr().cast(), libc::PROT_READ);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: this replaces exactly the mapping that `map` made and that only this value uses;
        // only atomics are read there, zeroes are valid for them, and `drop` unmaps it as before.
        unsafe { libc::mmap(start, MAPPED, prot, flags, -1, 0) };
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this address and length, and ends here.
        unsafe { libc::munmap(self.start.as_ptr().cast(), MAPPED) };
    }
}
