//! How the program begins and ends: as every program in Rust does, but without Rust's own runtime.
//!
//! That reads the map of the process's memory and handles two signals, to tell an overflow of the
//! stack from another crash. A supervisor takes the handler away again, and until then it is a tenth
//! of the system calls of a short run.

use std::ffi::{CStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::process::abort;

use super::{Disposition, set_disposition};

/// The `main` of a program: calls a function with the words of its command line, and exits with the
/// status that it returns.
#[doc(hidden)]
#[macro_export]
macro_rules! main {
    ($leave:path) => {
        // SAFETY: no other function of the program has this name, and the C runtime calls it as it is
        // declared here.
        #[cfg(not(test))]
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: core::ffi::c_int,
            words: *const *const core::ffi::c_char,
        ) -> core::ffi::c_int {
            // SAFETY: the C runtime passes so many words.
            unsafe { ::stopctl::start(count, words, $leave) }
        }

        // The `main` of unit tests is another one.
        #[cfg(test)]
        const _: fn(&[std::ffi::OsString]) -> u8 = $leave;
    };
}

/// Does what Rust's runtime does for a program: no file takes the place of a stream that is closed,
/// nobody dies of a pipe that has no reader, and a panic unwinds up to here. What is printed is not
/// flushed at the end: `show` does that where it can fail.
///
/// # Safety
///
/// `words` are `count` strings that stay, each with a zero byte at its end.
#[doc(hidden)]
#[must_use]
pub unsafe fn start(
    count: libc::c_int,
    words: *const *const libc::c_char,
    leave: fn(&[OsString]) -> u8,
) -> libc::c_int {
    /// The exit status of a program in Rust that panicked.
    const PANICKED: libc::c_int = 101;
    open_closed_streams();
    // It fails for no signal that can be ignored.
    let _ = set_disposition(libc::SIGPIPE, Disposition::Ignore);
    let word = |index| {
        // SAFETY: there are more words than this, as the caller promises.
        let place = unsafe { words.add(index) };
        // SAFETY: as above.
        let word = unsafe { *place };
        // SAFETY: each is a string with an end, as the caller promises.
        let word = unsafe { CStr::from_ptr(word) };
        OsString::from_vec(word.to_bytes().to_vec())
    };
    let count = usize::try_from(count).unwrap_or(0);
    let words: Vec<OsString> = (0..count).map(word).collect();
    std::panic::catch_unwind(|| leave(&words)).map_or(PANICKED, libc::c_int::from)
}

/// Opens what is closed of the three streams, so that no file of ours gets the number of one. The
/// lowest number that is free is always the next.
fn open_closed_streams() {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    });
    // SAFETY: these are three valid places. The call fails only if fewer files may be open than
    // these three, and then we can open none either.
    unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    for _ in streams
        .iter()
        .filter(|stream| stream.revents & libc::POLLNVAL != 0)
    {
        // SAFETY: the path has a zero byte at its end.
        if unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } == -1 {
            abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::start;

    #[test]
    fn the_words_are_passed_on_and_the_status_comes_back() {
        fn leave(words: &[OsString]) -> u8 {
            u8::from(words == ["stopctl", "", "run"].map(OsString::from)) * 7
        }
        let words = [c"stopctl".as_ptr(), c"".as_ptr(), c"run".as_ptr()];
        // SAFETY: these are three strings that are never freed.
        assert_eq!(unsafe { start(3, words.as_ptr(), leave) }, 7);
    }

    #[test]
    fn a_panic_ends_the_program_as_it_does_in_rust() {
        fn leave(_: &[OsString]) -> u8 {
            panic!("a panic that is expected")
        }
        // SAFETY: there are no words.
        assert_eq!(unsafe { start(0, std::ptr::null(), leave) }, 101);
    }
}
