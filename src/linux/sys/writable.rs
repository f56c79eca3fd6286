//! A part of a file in shared memory, mapped so that the kernel can write it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::{self, NonNull};

use super::checked;
use super::mapping::MAPPED;

/// A part of a file in shared memory, mapped for writing until it is dropped (mmap(2)).
///
/// No load or store of ours ever touches it: the kernel fills it, and answers `EFAULT` if the file
/// is too short.
#[derive(Debug)]
pub(crate) struct WritablePart {
    start: NonNull<libc::c_void>,
    /// How many bytes lie between the start of the mapping and the part.
    skipped: usize,
    length: usize,
}

impl WritablePart {
    pub(crate) fn map(file: &File, place: u64, length: usize) -> io::Result<Self> {
        let skipped = usize::try_from(place % MAPPED as u64).map_err(io::Error::other)?;
        let offset = libc::off_t::try_from(place - skipped as u64).map_err(io::Error::other)?;
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        let (kind, mapped) = (libc::MAP_SHARED, skipped + length);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), mapped, access, kind, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            start,
            skipped,
            length,
        })
    }

    /// Fills it from its beginning with what can be read from `from` (read(2)); returns the number
    /// of bytes read.
    pub(crate) fn fill(&self, from: BorrowedFd<'_>) -> io::Result<usize> {
        // SAFETY: the part lies within the mapping.
        let part = unsafe { self.start.as_ptr().byte_add(self.skipped) };
        // SAFETY: the mapping is a valid place of this length, and no reference to it exists.
        let read = unsafe { libc::read(from.as_raw_fd(), part, self.length) };
        usize::try_from(checked(read as libc::c_long)?).map_err(io::Error::other)
    }
}

impl Drop for WritablePart {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this address and length, and ends here.
        unsafe { libc::munmap(self.start.as_ptr(), self.skipped + self.length) };
    }
}
