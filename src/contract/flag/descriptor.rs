//! The flag as a descriptor, for a program that waits for others, too.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::reader::StopFlag;
use crate::linux::sys;

/// [`StopFlag::descriptor`].
pub(super) fn of(flag: &StopFlag) -> io::Result<OwnedFd> {
    let watch = sys::inotify()?;
    let Some(path) = flag.path() else {
        return Ok(watch);
    };
    sys::add_watch(&watch, path, libc::IN_MODIFY | libc::IN_CLOSE_WRITE)?;
    // ORDER: the watch is there before the look, so that nothing happens unnoticed in between.
    if flag.must_stop() {
        return sys::readable();
    }
    Ok(watch)
}

/// [`StopFlag::heard`].
pub(super) fn heard(flag: &StopFlag, descriptor: BorrowedFd<'_>) -> bool {
    if flag.must_stop() {
        return true;
    }
    while sys::discard(descriptor) {}
    flag.must_stop()
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd as _, OwnedFd};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use crate::contract::flag::format::Request;
    use crate::contract::flag::reader::StopFlag;
    use crate::contract::flag::writer::FlagFile;
    use crate::words::worker_number::WorkerNumber;

    fn flag(dir: &tempfile::TempDir) -> (FlagFile, StopFlag) {
        let open = File::open(dir.path()).expect("the directory");
        let written = FlagFile::create(open, dir.path(), WorkerNumber::FIRST);
        let written = written.expect("a flag");
        let read = StopFlag::open(written.path()).expect("the same flag");
        (written, read)
    }

    fn is_readable(descriptor: &OwnedFd) -> bool {
        let mut one = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        poll(&mut one, PollTimeout::ZERO) == Ok(1)
    }

    #[test]
    fn it_becomes_readable_when_the_flag_is_raised_and_stays_so() {
        let dir = tempfile::tempdir().unwrap();
        let (mut written, flag) = flag(&dir);
        let descriptor = flag.descriptor().unwrap();
        assert!(!is_readable(&descriptor) && !flag.heard(&descriptor));
        written.raise(&Request::LOST).unwrap();
        assert!(is_readable(&descriptor) && flag.heard(&descriptor));
        assert!(is_readable(&descriptor), "it was read away");
    }

    #[test]
    fn one_that_is_made_too_late_is_readable_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (mut written, flag) = flag(&dir);
        written.raise(&Request::LOST).unwrap();
        let descriptor = flag.descriptor().unwrap();
        assert!(is_readable(&descriptor) && flag.heard(&descriptor));
    }

    #[test]
    fn something_that_is_not_a_stop_is_heard_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (written, flag) = flag(&dir);
        let descriptor = flag.descriptor().unwrap();
        // As a dead supervisor does; but there is no owner file that says it is dead.
        drop(written);
        assert!(is_readable(&descriptor) && !flag.heard(&descriptor));
        assert!(!is_readable(&descriptor));
    }

    #[test]
    fn without_a_supervisor_it_is_never_readable() {
        let flag = StopFlag::unsupervised();
        let descriptor = flag.descriptor().unwrap();
        assert!(!is_readable(&descriptor) && !flag.heard(&descriptor));
    }
}
