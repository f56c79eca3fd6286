//! A process that copies itself, executes another program, or ends.

use std::ffi::{CStr, CString};
use std::io;
use std::marker::PhantomData;
use std::ptr;

use super::checked;
use crate::words::pid::Pid;

/// Makes a copy of this process (fork(2)); in the copy it returns `None`. Correct only in a process
/// with one thread: locks that other threads hold would never be released in the copy.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: with one thread, the copy is as complete as we are.
    let pid = unsafe { libc::fork() };
    checked(pid.into())?;
    Ok(Pid::new(pid))
}

/// The environment of this process (environ(7)): in order, with duplicates, and with entries that
/// have no `=`. The standard library drops those, and its `Command` sorts what it changes.
pub(crate) fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut entries = Vec::new();
    // SAFETY: only the address is read; nothing in this process ever changes its environment.
    let mut place = unsafe { environ };
    // SAFETY: a list of strings that ends with a null, as above; it may be null itself.
    while let Some(entry) = unsafe { place.as_ref() }.filter(|entry| !entry.is_null()) {
        // SAFETY: a string that ends with a zero byte and is never changed.
        entries.push(unsafe { CStr::from_ptr(*entry) }.to_owned());
        // SAFETY: this was not the last one of the list.
        place = unsafe { place.add(1) };
    }
    entries
}

/// Strings in the form that execve(2) takes: their addresses, and a null after the last one.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    places: Vec<*const libc::c_char>,
    strings: PhantomData<&'a CStr>,
}

impl<'a> Words<'a> {
    pub(crate) fn of(strings: impl Iterator<Item = &'a CStr>) -> Self {
        let places = strings.map(CStr::as_ptr).chain([ptr::null()]);
        Self {
            places: places.collect(),
            strings: PhantomData,
        }
    }

    /// Replaces the string number `index`.
    pub(crate) fn set(&mut self, index: usize, string: &'a CStr) {
        assert!(index + 1 < self.places.len(), "the null stays last");
        self.places[index] = string.as_ptr();
    }
}

/// Makes this process execute the program in `file` (execve(2)); returns only if that fails, with
/// the error. Allocates nothing.
pub(crate) fn execve(file: &CStr, arguments: &Words<'_>, environment: &Words<'_>) -> io::Error {
    let (argv, envp) = (arguments.places.as_ptr(), environment.places.as_ptr());
    // SAFETY: both lists end with a null, and what they point to lives as long as they do.
    unsafe { libc::execve(file.as_ptr(), argv, envp) };
    io::Error::last_os_error()
}

/// Ends this process at once and runs none of its destructors or exit handlers (_exit(2)): for a
/// process that was forked.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: ends the process; nothing can be used after it.
    unsafe { libc::_exit(status) }
}

/// Whether this program has more rights than whoever executed it (getauxval(3), `AT_SECURE`).
pub(crate) fn is_secure_exec() -> bool {
    // SAFETY: takes a number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
