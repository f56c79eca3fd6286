//! A process that writes what may take its time: a file on a disk that can hang, a terminal of
//! another user.
//!
//! It is a process and not a thread: a thread that the kernel holds in a write would keep this
//! process from its end, and a fork would copy the locks that it holds. It is forked when the first
//! line is there, so a run without one pays nothing. It has no descriptor but the three that it
//! needs, and every signal blocked. Lines come to it through a pipe whose both ends we keep: so
//! they are not lost with it, and another one goes on should it be killed. It ends when the pipe
//! does.

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

/// How much the pipe holds, if this user may have as much.
const ROOM: i32 = 1024 * 1024;

/// How much is written at once.
const AT_ONCE: usize = 64 * 1024;

/// How many are started, should something end one after the other.
const MOST: u32 = 20;

/// How long it is waited for once it has all that is left: nothing of that gets lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// More descriptors than we have.
const MANY: RawFd = 65_536;

/// What a report consists of: how many lines could not be written, and the number of the error.
const REPORT: usize = 12;

/// Our end of it.
#[derive(Debug, Default)]
pub(super) struct Scribe {
    pipe: Option<Pipe>,
    now: Option<Process>,
    started: u32,
    /// What it could not write, and why the first line of that.
    lost: u64,
    why: Option<io::Error>,
}

/// What it reads from.
#[derive(Debug)]
struct Pipe {
    /// Not read by us while it lives.
    end: File,
    into: File,
}

/// One that was started.
#[derive(Debug)]
struct Process {
    pid: i32,
    /// What it could not write; it ends with the process.
    reports: File,
}

impl Scribe {
    pub(super) fn pid(&self) -> Option<i32> {
        self.now.as_ref().map(|process| process.pid)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => pipe.into.write(bytes),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Starts one that writes to `target`, if there is none. Refused, it is tried again later.
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

    /// Takes in what it could not write, and whether it has ended.
    fn hear(&mut self) {
        let mut report = [0; REPORT];
        while let Some(process) = &mut self.now {
            match process.reports.read(&mut report) {
                Ok(REPORT) => self.enter(report),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Reaped it is by whoever reaps all children.
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

    /// Has it write what is left and end; adds to `lost` what nobody will read.
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
            // It lived when the last child was reaped, so that number is its own.
            if self.now.is_none() && process::is_child(pid) {
                let _ = process::wait_for(pid);
            }
        }
        match self.pid() {
            // A disk may answer yet, and nobody waits for this process: it ends then.
            Some(pid) if target.metadata().is_ok_and(|data| data.is_file()) => {
                lost.left_to = Some(pid);
            }
            Some(pid) => {
                if process::is_child(pid) {
                    let _ = process::signal(Target::Child(pid), libc::SIGKILL);
                    let _ = process::wait_for(pid);
                }
                // What it had in hand is lost, too.
                lost.lines += unread(end).max(1);
            }
            // It was killed, and so were all that came after it.
            None => lost.lines += unread(end),
        }
        lost.lines += self.lost;
        lost.why = lost.why.take().or_else(|| self.why.take());
    }

    /// Waits for news of it; answers whether there was none.
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
        // Only ours must not wait.
        fcntl(&into, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // Refused, it is as large as any pipe.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(ROOM));
        let (end, into) = (end.into(), into.into());
        Ok(Self { end, into })
    }
}

impl Process {
    fn start(lines: &File, target: &File) -> io::Result<Self> {
        let (reports, tell) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let Some(pid) = sys::fork()? else {
            // Whatever fails here, there is nobody to tell; the pipe stays for another one.
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
    // ORDER: it does not wait, should somebody have the other end still.
    let waitless = fcntl(&end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    if waitless.is_ok() {
        let _ = end.read_to_end(&mut left);
    }
    lines(&left)
}

/// What the process is: writes what comes until nothing comes any more.
fn be(mut source: &File, target: &File, tell: File) -> io::Result<()> {
    SigSet::all().thread_set_mask()?;
    let _ = setsid();
    let _ = prctl::set_name(c"stopctl-scribe");
    // Whoever waits for the end of what else was open must not wait for us.
    let kept = [source.as_raw_fd(), target.as_raw_fd(), tell.as_raw_fd()];
    let mut open: Vec<RawFd> = process::open_descriptors().collect();
    if open.is_empty() {
        // Nobody tells which they are, where /proc is not mounted.
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

/// What it writes in.
struct Book<'a> {
    target: &'a File,
    tell: File,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Whether the last line was cut: the next one begins on a line of its own.
    is_cut: bool,
    /// What was not told yet: lines that could not be written, and the number of the error.
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
        // Whole or not at all (pipe(7)); not at all, it is told with the next one.
        if self.tell.write(&report).is_ok() {
            self.lost = (0, 0);
        }
    }
}
