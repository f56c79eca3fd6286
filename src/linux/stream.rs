//! Writing lines to a stream that others share, without ever waiting for it.
//!
//! A terminal or a pipe that nobody reads, or a disk that hangs, must not hold up the ladder. A line
//! that cannot be written now waits here for another attempt. What waits is bounded: beyond that,
//! lines are dropped and counted.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp};

use crate::linux::proc::Proc;
use crate::linux::sys;
use crate::words::moment::Moment;
use crate::words::pid::Pid;
use outlet::Outlet;

mod outlet;
mod scribe;

/// The longest part that a pipe takes as a whole (`PIPE_BUF`, pipe(7)), so that it is not mixed with
/// what others write.
const WHOLE: usize = 4096;

/// How many bytes may wait for a person: a few hundred lines.
const LINES: usize = 64 * 1024;

/// How many bytes may wait for a program before it gets fewer lines.
const RECORDS: usize = 1024 * 1024;

/// How many bytes may wait at all, including final records.
const MOST: usize = 64 * 1024 * 1024;

/// The pause after an attempt that wrote nothing; it doubles each time. A descriptor is ready as soon
/// as it takes a single byte, so it would not help to poll it.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many milliseconds a command waits for a terminal that took the last line: while another
/// process writes to a terminal, it takes nothing. A terminal that Ctrl-S has stopped is waited for
/// only once.
const TRIES: usize = 10;

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its height.
    pub rows: u16,
    /// Its width.
    pub columns: u16,
}

/// The assumed size of a terminal that does not know its size (a serial line).
const UNKNOWN: Window = Window {
    rows: 24,
    columns: 80,
};

/// Who writes, which decides whether it may wait for a file on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// A command, which keeps only the user waiting who typed it.
    Command,
    /// The loop that enforces the ladder: it waits for nothing.
    Loop,
}

/// What was lost when a stream ended.
#[derive(Debug, Default)]
pub struct Lost {
    /// How many lines nobody will read.
    pub lines: u64,
    /// The error at the first of them.
    pub why: Option<io::Error>,
    /// The process that will write the rest when the disk responds.
    pub left_to: Option<Pid>,
}

/// A stream for lines.
#[derive(Debug)]
pub struct Stream {
    file: File,
    pace: Pace,
    outlet: Outlet,
    /// How many bytes may wait.
    room: usize,
    waiting: VecDeque<u8>,
    /// When we try again to write what waits.
    again_at: Option<Moment>,
    pause: Duration,
    /// Whether it took the last line.
    is_taking: bool,
    lost: Lost,
}

impl Stream {
    fn new(file: File, pace: Pace, room: usize) -> Self {
        Self {
            file,
            pace,
            outlet: Outlet::Unknown,
            room,
            waiting: VecDeque::new(),
            again_at: None,
            pause: PAUSE,
            is_taking: true,
            lost: Lost::default(),
        }
    }

    /// Our standard output, for a command.
    ///
    /// # Errors
    ///
    /// As dup(2).
    pub fn stdout() -> io::Result<Self> {
        let file = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(file.into(), Pace::Command, LINES))
    }

    /// Our standard error, for a command.
    ///
    /// # Errors
    ///
    /// As dup(2).
    pub fn stderr() -> io::Result<Self> {
        let file = io::stderr().as_fd().try_clone_to_owned()?;
        Ok(Self::new(file.into(), Pace::Command, LINES))
    }

    /// Our standard error, for the loop that enforces the ladder.
    ///
    /// # Errors
    ///
    /// As dup(2).
    pub fn stderr_of_loop() -> io::Result<Self> {
        let file = io::stderr().as_fd().try_clone_to_owned()?;
        Ok(Self::new(file.into(), Pace::Loop, LINES))
    }

    /// The open descriptor `number`, for the loop. From now on workers do not inherit it.
    ///
    /// # Errors
    ///
    /// If it is not open.
    pub fn of_descriptor(number: RawFd) -> io::Result<Self> {
        let file = sys::take_descriptor(number)?;
        Ok(Self::new(file.into(), Pace::Loop, RECORDS))
    }

    /// The file at `path`, for the loop. It is created if it is missing, and lines are appended. A
    /// FIFO need not have a reader yet.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn append(path: &Path) -> io::Result<Self> {
        let mut how = OpenOptions::new();
        how.append(true)
            .create(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let opened = how.open(path);
        let nobody_reads =
            matches!(&opened, Err(error) if error.raw_os_error() == Some(libc::ENXIO));
        if nobody_reads && fs::metadata(path)?.file_type().is_fifo() {
            // Since we read it too, what is written waits in the FIFO until a reader opens it.
            let fifo = how.create(false).read(true).open(path)?;
            let mut stream = Self::new(fifo, Pace::Loop, RECORDS);
            stream.outlet = Outlet::Fifo;
            return Ok(stream);
        }
        Ok(Self::new(opened?, Pace::Loop, RECORDS))
    }

    /// Whether another line may wait here.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting.len() < self.room
    }

    /// Writes `line`, which ends with a newline, now or later; drops it if too much is waiting.
    pub fn line(&mut self, line: &str) {
        if self.has_room() {
            self.keep(line);
        } else {
            self.lost.lines += lines(line.as_bytes());
        }
    }

    /// The same for a line that must not be dropped when other lines are.
    pub fn keep(&mut self, line: &str) {
        if self.waiting.len() >= MOST {
            self.lost.lines += lines(line.as_bytes());
            return;
        }
        self.waiting.extend(line.as_bytes());
        self.push();
        if self.pace == Pace::Command {
            self.wait_a_moment();
        }
    }

    /// Writes `text` if any of it can be written now, and returns whether that is so. The rest of it
    /// follows later.
    pub fn write(&mut self, text: &str) -> bool {
        self.push();
        if !self.waiting.is_empty() {
            return false;
        }
        self.waiting.extend(text.as_bytes());
        self.push();
        let is_taken = self.waiting.len() < text.len();
        if !is_taken {
            self.waiting.clear();
        }
        is_taken
    }

    /// Tries again to write what waits; the loop calls this once in each turn.
    pub fn go_on(&mut self, now: Moment) {
        if self.waiting.is_empty() || self.again_at.is_some_and(|at| now < at) {
            return;
        }
        self.outlet.start(&self.file);
        self.push();
        if self.waiting.is_empty() {
            self.again_at = None;
        } else {
            self.again_at = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// When to try again.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.again_at
    }

    /// The pid of the process that writes for us, if there is one.
    #[must_use]
    pub fn helper(&self) -> Option<Pid> {
        self.outlet.helper()
    }

    /// How many lines are lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.lines
    }

    /// Forgets what waits, because another process has to write it.
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.again_at = None;
    }

    /// Ends the stream: waits until everything is written, at the latest until `limit`.
    #[must_use = "lost lines have to be reported"]
    pub fn finish(&mut self, limit: Moment) -> Lost {
        self.outlet.start(&self.file);
        loop {
            self.push();
            let is_done = self.waiting.is_empty() && !self.outlet.is_unread(&self.file);
            if is_done || sys::now() >= limit {
                break;
            }
            let _ = poll(&mut [], PollTimeout::from(10_u8));
        }
        let mut lost = std::mem::take(&mut self.lost);
        lost.lines += lines(self.waiting.make_contiguous());
        self.forget();
        self.outlet.end(&mut self.file, &mut lost);
        lost
    }

    /// The window, if the stream is a terminal and we are in its foreground. In the background the
    /// terminal also belongs to the shell.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        let ours = tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp());
        let (rows, columns) = ours.then(|| sys::window_size(self.file.as_fd()).ok())??;
        let known = |size, otherwise| if size == 0 { otherwise } else { size };
        Some(Window {
            rows: known(rows, UNKNOWN.rows),
            columns: known(columns, UNKNOWN.columns),
        })
    }

    /// Whether the standard output or error of the process `pid` is this same terminal.
    #[must_use]
    pub fn is_terminal_of(&self, pid: Pid) -> bool {
        let device = |data: Metadata| data.file_type().is_char_device().then(|| data.rdev());
        let ours = self.file.metadata().ok().and_then(device);
        ours.is_some()
            && [1, 2].into_iter().any(|number| {
                let theirs = Proc::of(pid, &format!("fd/{number}")).map(fs::metadata);
                theirs.and_then(Result::ok).and_then(device) == ours
            })
    }

    /// Writes as much of what waits as the stream takes.
    fn push(&mut self) {
        while !self.waiting.is_empty() {
            let part = part(self.waiting.make_contiguous());
            match self.outlet.write(&mut self.file, part, self.pace) {
                Ok(0) => break,
                Ok(written) => {
                    self.waiting.drain(..written);
                    self.pause = PAUSE;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The reader has gone or the disk is full, for example: this part cannot be written.
                Err(error) => {
                    let length = part.len();
                    self.lost.lines += lines(part);
                    self.lost.why.get_or_insert(error);
                    self.waiting.drain(..length);
                }
            }
        }
    }

    fn wait_a_moment(&mut self) {
        let tries = if self.is_taking { TRIES } else { 0 };
        for _ in 0..tries {
            if self.waiting.is_empty() {
                break;
            }
            let _ = poll(&mut [], PollTimeout::from(1_u8));
            self.push();
        }
        self.is_taking = self.waiting.is_empty();
    }
}

/// The beginning of `waiting` that is written with one call: as many lines as a pipe takes as a
/// whole, or a part of a longer line.
fn part(waiting: &[u8]) -> &[u8] {
    let most = &waiting[..waiting.len().min(WHOLE)];
    let end = most.iter().rposition(|&byte| byte == b'\n');
    end.map_or(most, |end| &most[..=end])
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{File, LINES, Pace, Stream, part};
    use crate::linux::sys;

    #[test]
    fn lines_are_written_whole_if_a_pipe_can_take_them_so() {
        let long = [b'x'; 5000];
        for (waiting, first) in [
            (&b"one\ntwo\n"[..], 8),
            (b"one\ntw", 4),
            (b"on", 2),
            (&long, 4096),
        ] {
            assert_eq!(part(waiting).len(), first);
        }
        let mut lines = b"short\n".to_vec();
        lines.extend(long);
        assert_eq!(part(&lines), b"short\n");
    }

    #[test]
    fn what_is_not_taken_waits_and_what_has_no_room_is_counted() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut reader = File::from(reader);
        let mut stream = Stream::new(writer.into(), Pace::Loop, LINES);
        let line = format!("{}\n", "x".repeat(99));
        let count = 2000;
        for _ in 0..count {
            stream.line(&line);
        }
        assert!(!stream.has_room());
        let read = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        let limit = sys::now() + std::time::Duration::from_secs(20);
        let lost = stream.finish(limit);
        drop(stream);
        let text = read.join().unwrap().unwrap();
        assert!(lost.lines > 0 && lost.why.is_none());
        assert!(text.lines().all(|one| one.len() == 99));
        assert_eq!(text.lines().count() as u64 + lost.lines, count);
    }
}
