//! The owner word: a robust futex (`get_robust_list(2)`), which the kernel itself marks when the
//! thread that it names dies.
//!
//! The list that the kernel then walks is in memory of our own, at a constant distance before the
//! file's page. So the file contains no pointer of ours.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::linux::sys::TwinPages;

/// `struct robust_list_head` and one `struct robust_list`, in machine words.
const FIRST: usize = 0;
const FUTEX_OFFSET: usize = 1;
const PENDING: usize = 2;
const ENTRY: usize = 3;

/// A word in shared memory that may name the thread which owns it. If it names ours, the kernel marks
/// it with `FUTEX_OWNER_DIED` when we die, no matter how.
#[derive(Debug)]
pub(super) struct RobustWord {
    pages: TwinPages,
    /// Whether the kernel took the list: some sandboxes forbid it.
    watched: bool,
}

impl RobustWord {
    /// Maps `file` and makes the kernel watch its first word. As long as the word does not name us,
    /// the kernel leaves it alone.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        let pages = TwinPages::map(file)?;
        let head = address(pages.own(FIRST));
        let entry = address(pages.own(ENTRY));
        let entry_to_word = TwinPages::DISTANCE - (entry - head);
        let list = [
            (FIRST, entry),
            (FUTEX_OFFSET, entry_to_word),
            (PENDING, 0),
            // The head ends the list.
            (ENTRY, head),
        ];
        for (place, value) in list {
            pages.own(place).store(value, Ordering::Relaxed);
        }
        let watched = pages.register().is_ok();
        Ok(Self { pages, watched })
    }

    /// Maps `file` and makes the kernel watch its first word in addition to those that it watches
    /// already. `self` is the word that was mapped first: its page contains the head of the list.
    pub(super) fn map_another(&self, file: &File) -> io::Result<Self> {
        let pages = TwinPages::map(file)?;
        let first = self.pages.own(FIRST);
        let entry = pages.own(ENTRY);
        // ORDER: the new entry points to the others before the head points to it. If we die in
        // between, the kernel still finds a whole list.
        entry.store(first.load(Ordering::Relaxed), Ordering::Relaxed);
        first.store(address(entry), Ordering::Release);
        let watched = self.watched;
        Ok(Self { pages, watched })
    }

    /// Makes our thread `tid` the owner if the word is still `expected`. The caller has checked that
    /// the file is whole: if it is truncated in the moment after that, this raises SIGBUS.
    pub(super) fn own(&self, expected: u32, tid: i32) -> bool {
        let tid = tid.unsigned_abs();
        // Without the bit for waiters, the word says that the kernel does not watch us.
        let ours = if self.watched {
            tid | libc::FUTEX_WAITERS
        } else {
            tid
        };
        // ORDER: the kernel watches the word before it names us: a reader that sees our id there can
        // rely on that.
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        self.word()
            .compare_exchange(expected, ours, success, failure)
            .is_ok()
    }

    /// The word itself.
    pub(super) fn word(&self) -> &AtomicU32 {
        self.pages.shared()
    }
}

fn address(word: &AtomicUsize) -> usize {
    word.as_ptr().expose_provenance()
}
