//! Words that the kernel marks when the thread that owns them dies (`get_robust_list(2)`).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicUsize};

use super::checked;
use super::mapping::MAPPED;

/// Two pages side by side that are never unmapped: one of our own, then the first page of a file.
/// Side by side, so that the distance between them is a constant.
#[derive(Debug)]
pub(crate) struct TwinPages {
    start: NonNull<libc::c_void>,
}

impl TwinPages {
    /// From the start of our own page to the start of the file's.
    pub(crate) const DISTANCE: usize = MAPPED;

    pub(crate) fn map(file: &File) -> io::Result<Self> {
        let (own, shared) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::MAP_SHARED);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new private mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), 2 * MAPPED, access, own, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the second page lies within the mapping just made, which nothing else uses.
        let second = unsafe { start.byte_add(MAPPED) };
        let (fixed, fd) = (shared | libc::MAP_FIXED, file.as_raw_fd());
        // SAFETY: this replaces only that second page, which is ours and not in use yet.
        let page = unsafe { libc::mmap(second, MAPPED, access, fixed, fd, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    /// The machine word number `index`, below 64, of our own page.
    pub(crate) fn own(&self, index: usize) -> &AtomicUsize {
        assert!(index < 64, "beyond the part that is used");
        // SAFETY: within the first page, which is aligned for any word and never unmapped.
        let word = unsafe { self.start.cast::<AtomicUsize>().add(index) };
        // SAFETY: as above, and every bit pattern is a valid word.
        unsafe { word.as_ref() }
    }

    /// The first word of the file.
    pub(crate) fn shared(&self) -> &AtomicU32 {
        // SAFETY: the second page is the file's, and never unmapped.
        let page = unsafe { self.start.byte_add(MAPPED) };
        // SAFETY: aligned, mapped, and every bit pattern is a valid u32.
        unsafe { page.cast().as_ref() }
    }

    /// Tells the kernel to read the list at the start of our own page when this thread dies
    /// (`set_robust_list(2)`). It writes only to words that name this thread.
    pub(crate) fn register(&self) -> io::Result<()> {
        let (list, size) = (self.start.as_ptr(), ROBUST_LIST_HEAD);
        // SAFETY: the page is never unmapped.
        checked(unsafe { libc::syscall(libc::SYS_set_robust_list, list, size) }).map(drop)
    }
}

/// The size of `struct robust_list_head`.
const ROBUST_LIST_HEAD: usize = size_of::<[usize; 3]>();

/// Makes the kernel forget the list of this thread: if the thread ends now, it ends in order.
pub(crate) fn forget_robust_words() {
    let none = ptr::null::<libc::c_void>();
    // SAFETY: without a list the kernel has nothing to read.
    unsafe { libc::syscall(libc::SYS_set_robust_list, none, ROBUST_LIST_HEAD) };
}
