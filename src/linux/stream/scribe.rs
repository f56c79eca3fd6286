//! The scribe: a process that writes where a write may block, to a file on a disk that can hang or a
//! terminal of another user.
//!
//! It is a process and not a thread: a thread that the kernel holds in a write would keep this
//! process from ending, and a fork would copy the locks that it holds. It is forked when there is a
//! first line, so a run without lines pays nothing. It has only the three descriptors that it needs,
//! and blocks every signal. It gets lines through a pipe of which we keep both ends: if it is killed,
//! they are not lost, and another scribe continues. It ends when the pipe is closed.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::unistd::{pipe2, setsid};

use super::{Lost, lines};
use crate::linux::process::{self, Target};
use crate::linux::sys;
use crate::words::moment::Moment;
use crate::words::pid::Pid;

/// How many bytes the pipe holds, if this user may have so large a pipe.
const ROOM: i32 = 1024 * 1024;

/// How many bytes are written at once.
const AT_ONCE: usize = 64 * 1024;

/// How many scribes are started at most, if one after the other ends.
const MOST: u32 = 20;

/// How long we wait for it once it has the last lines, so that they are not lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// More than the number of any descriptor that we have.
const MANY: RawFd = 65_536;

/// The length of a report: how many lines could not be written, and the number of the error.
const REPORT: usize = 12;

/// Our side of the scribe.
#[derive(Debug, Default)]
pub(super) struct Scribe {
    pipe: Option<Pipe>,
    now: Option<Process>,
    started: u32,
    /// How many lines it could not write, and the error at the first of them.
    lost: u64,
    why: Option<io::Error>,
}

/// The pipe through which it gets lines.
#[derive(Debug)]
struct Pipe {
    /// We do not read from it while a scribe lives.
    end: File,
    into: File,
}

/// A scribe that was started.
#[derive(Debug)]
struct Process {
    pid: Pid,
    /// Reports of what it could not write; ends when the process does.
    reports: File,
}

impl Scribe {
    pub(super) fn pid(&self) -> Option<Pid> {
        self.now.as_ref().map(|process| process.pid)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => pipe.into.write(bytes),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Starts a scribe that writes to `target`, if there is none. If that fails, a later call tries
    /// again.
    pub(super) fn start(&mut self, target: &File) {
        self.hear();
        if self.now.is_some() || self.started == MOST {
            return;
        }
        if self.pipe.is_none() {
            self.pipe = Pipe::new().ok();
        }
        if let Some(pipe) = &self.pipe {
            self.now = Process::start(&pipe.end, target).ok();
            self.started += u32::from(self.now.is_some());
        }
    }

    /// Reads what it could not write, and whether it has ended.
    fn hear(&mut self) {
        let mut report = [0; REPORT];
        while let Some(process) = &mut self.now {
            match process.reports.read(&mut report) {
                Ok(REPORT) => self.enter(report),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // It is reaped with all other children.
                Ok(_) | Err(_) => self.now = None,
            }
        }
    }

    fn enter(&mut self, report: [u8; REPORT]) {
        let (count, number) = report.split_at(8);
        self.lost += count.try_into().map_or(0, u64::from_ne_bytes);
        let number = number.try_into().map_or(0, i32::from_ne_bytes);
        self.why
            .get_or_insert_with(|| io::Error::from_raw_os_error(number));
    }

    /// Lets it write what is left and end; adds to `lost` what nobody will read.
    pub(super) fn end(&mut self, target: &File, lost: &mut Lost) {
        self.hear();
        let Some(Pipe { end, into }) = self.pipe.take() else {
            return;
        };
        drop(into);
        let limit = sys::now() + PATIENCE;
        while let Some(pid) = self.pid() {
            if self.is_silent_until(limit) {
                break;
            }
            self.hear();
            // It was alive when children were last reaped, so the pid is still its own.
            if self.now.is_none() && process::is_child(pid) {
                let _ = process::wait_for(pid);
            }
        }
        match self.pid() {
            // The disk may still respond, and nobody waits for this process: it ends then.
            Some(pid) if target.metadata().is_ok_and(|data| data.is_file()) => {
                lost.left_to = Some(pid);
            }
            Some(pid) => {
                if process::is_child(pid) {
                    let _ = process::signal(Target::Child(pid), libc::SIGKILL);
                    let _ = process::wait_for(pid);
                }
                // What it had taken from the pipe is lost as well.
                lost.lines += unread(end).max(1);
            }
            // It was killed, as were all scribes after it.
            None => lost.lines += unread(end),
        }
        lost.lines += self.lost;
        lost.why = lost.why.take().or_else(|| self.why.take());
    }

    /// Waits for news of it until `limit`; returns whether there was none.
    fn is_silent_until(&self, limit: Moment) -> bool {
        let left = limit.since(sys::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let reports = self.now.iter().map(|process| process.reports.as_fd());
        let mut fds: Vec<PollFd<'_>> = reports
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        poll(&mut fds, left) == Ok(0)
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (end, into) = pipe2(OFlag::O_CLOEXEC)?;
        // Only our own writes must not block.
        fcntl(&into, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // If that is refused, the pipe has the usual size.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(ROOM));
        let (end, into) = (end.into(), into.into());
        Ok(Self { end, into })
    }
}

impl Process {
    fn start(lines: &File, target: &File) -> io::Result<Self> {
        let (reports, tell) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let Some(pid) = sys::fork()? else {
            // If it fails, it can tell nobody; the pipe stays for another scribe.
            let _ = be(lines, target, tell.into());
            sys::exit_now(0);
        };
        let reports = reports.into();
        Ok(Self { pid, reports })
    }
}

/// How many lines are left in a pipe that nobody writes to any more.
fn unread(mut end: File) -> u64 {
    let mut left = Vec::new();
    // ORDER: first this, so that reading does not block if somebody still has the other end.
    let waitless = fcntl(&end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    if waitless.is_ok() {
        let _ = end.read_to_end(&mut left);
    }
    lines(&left)
}

/// The scribe's own process: writes what it reads from `source` until that ends.
fn be(mut source: &File, target: &File, tell: File) -> io::Result<()> {
    SigSet::all().thread_set_mask()?;
    let _ = setsid();
    let _ = prctl::set_name(c"stopctl-scribe");
    // A process that waits until the other descriptors are closed must not wait for this one.
    let kept = [source.as_raw_fd(), target.as_raw_fd(), tell.as_raw_fd()];
    let mut open: Vec<RawFd> = process::open_descriptors().collect();
    if open.is_empty() {
        // Without /proc we cannot know which ones are open.
        open.extend(0..MANY);
    }
    open.retain(|number| !kept.contains(number));
    open.into_iter().for_each(sys::close_abandoned);
    let mut book = Book::new(target, tell);
    let mut bytes = vec![0; AT_ONCE];
    loop {
        match source.read(&mut bytes) {
            Ok(0) => break,
            Ok(n) => book.enter(&bytes[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    book.end();
    Ok(())
}

/// The file that the scribe writes, and what it still has to write or report.
struct Book<'a> {
    target: &'a File,
    tell: File,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Whether the last line was cut off, so that a newline has to come before the next one.
    is_cut: bool,
    /// What has not been reported yet: how many lines could not be written, and the error number.
    lost: (u64, i32),
}

impl<'a> Book<'a> {
    const fn new(target: &'a File, tell: File) -> Self {
        Self {
            target,
            tell,
            partial: Vec::new(),
            is_cut: false,
            lost: (0, 0),
        }
    }

    fn enter(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let end = self.partial.iter().rposition(|&byte| byte == b'\n');
        if let Some(end) = end {
            let rest = self.partial.split_off(end + 1);
            let whole = std::mem::replace(&mut self.partial, rest);
            self.write(&whole);
        }
    }

    fn end(&mut self) {
        let rest = std::mem::take(&mut self.partial);
        self.write(&rest);
    }

    fn write(&mut self, mut bytes: &[u8]) {
        if self.is_cut && self.target.write_all(b"\n").is_ok() {
            self.is_cut = false;
        }
        let mut is_cut = self.is_cut;
        while !bytes.is_empty() {
            match self.target.write(bytes) {
                Ok(n) => {
                    is_cut = bytes[..n].last() != Some(&b'\n');
                    bytes = &bytes[n..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_cut = is_cut;
                    return self.report(lines(bytes), &error);
                }
            }
        }
    }

    fn report(&mut self, lost: u64, error: &io::Error) {
        self.lost.0 += lost;
        self.lost.1 = error.raw_os_error().unwrap_or(0);
        let mut report = [0; REPORT];
        report[..8].copy_from_slice(&self.lost.0.to_ne_bytes());
        report[8..].copy_from_slice(&self.lost.1.to_ne_bytes());
        // It is written as a whole or not at all (pipe(7)); if not, the next report includes it.
        if self.tell.write(&report).is_ok() {
            self.lost = (0, 0);
        }
    }
}
