//! The worker's side: looking at the flag, and waiting for it.
//!
//! Reading installs nothing, writes nothing and prints nothing.

use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(feature = "tokio")]
use tokio_util::sync::CancellationToken;

use super::format::{self, LEN, RUNNING, Request};
use super::{descriptor, thread};
use crate::contract::owner;
use crate::linux::plain::plain;
use crate::linux::sys::{self, SharedPage};
use crate::words::reason::Reason;

/// The variable that names a worker's flag.
pub const VARIABLE: &str = "STOPCTL_FLAG";

/// The longest sleep before everything is checked again: when an owner dies, the kernel wakes only
/// one waiter, and a wake can be lost to a private mapping.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often the text is copied until two copies agree: the owner may be writing it.
const COPIES: usize = 8;

/// The status of a worker that was asked to stop and has work left (`EX_TEMPFAIL`).
const ASKED_NOT_FINISHED: u8 = 75;

/// A worker's stop flag.
///
/// Made from the environment, it is the flag that the supervisor raises. Without a supervisor it is
/// a flag that stays down, so a program needs no separate way to run.
///
/// ```
/// use stopctl::StopFlag;
///
/// let stop = StopFlag::from_env()?;
/// for piece in 0..3 {
///     if stop.is_set() {
///         break;
///     }
///     // … work on `piece` …
/// #   let _ = piece;
/// }
/// # Ok::<(), stopctl::FlagError>(())
/// ```
#[derive(Debug)]
pub struct StopFlag {
    flag: Option<Mapped>,
}

#[derive(Debug)]
struct Mapped {
    path: PathBuf,
    /// Everything but [`StopFlag::is_set`] reads the file: a load from the mapping raises SIGBUS if
    /// somebody has truncated the file to nothing.
    file: File,
    page: SharedPage,
    /// Whether a stop has been seen: then it stays a stop, and the file's page is not read any more.
    latched: AtomicBool,
    /// `None` if the file `owner` beside the flag cannot be read: then only the flag counts.
    owner: Option<File>,
}

impl StopFlag {
    /// The flag named by `STOPCTL_FLAG`; one that stays down if the variable is not set or empty.
    ///
    /// # Errors
    ///
    /// If the variable is set and what it names is not a flag, or cannot be opened or mapped. By the
    /// contract, a worker then warns once and runs:
    ///
    /// ```
    /// use stopctl::StopFlag;
    ///
    /// let stop = StopFlag::from_env().unwrap_or_else(|error| {
    ///     eprintln!("{error}; running unsupervised");
    ///     StopFlag::unsupervised()
    /// });
    /// assert!(!stop.is_set());
    /// ```
    pub fn from_env() -> Result<Self, FlagError> {
        match std::env::var_os(VARIABLE) {
            Some(path) if !path.is_empty() => Self::open(Path::new(&path)),
            Some(_) | None => Ok(Self::unsupervised()),
        }
    }

    /// A flag that stays down.
    #[must_use]
    pub const fn unsupervised() -> Self {
        Self { flag: None }
    }

    /// The flag at `path`.
    ///
    /// # Errors
    ///
    /// If it is not a regular file with at least one byte, or cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Self, FlagError> {
        let wrong = |problem| FlagError {
            path: path.to_owned(),
            problem,
        };
        let file = open_regular(path).map_err(wrong)?;
        // In a file without a first byte, every load would raise SIGBUS (mmap(2)).
        let mut first = [0];
        if file
            .read_at(&mut first, 0)
            .map_err(|e| wrong(Problem::Io(e)))?
            == 0
        {
            return Err(wrong(Problem::Empty));
        }
        let page = SharedPage::map(&file).map_err(|e| wrong(Problem::Io(e)))?;
        let owner = open_regular(&path.with_file_name(owner::FILE)).ok();
        Ok(Self {
            flag: Some(Mapped {
                path: path.to_owned(),
                file,
                page,
                latched: AtomicBool::new(false),
                owner,
            }),
        })
    }

    /// Whether a supervisor gave us this flag.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        self.flag.is_some()
    }

    /// The path of the flag, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.flag.as_ref().map(|flag| flag.path.as_path())
    }

    /// Whether the worker should stop: one load, and nothing else.
    ///
    /// If somebody has truncated the flag to nothing (its owner and root could), this ends the
    /// process with SIGBUS; [`wait_timeout`](Self::wait_timeout) and [`request`](Self::request)
    /// notice that and take it as a stop. Once one of them has said stop, this says so too.
    #[must_use]
    #[inline]
    pub fn is_set(&self) -> bool {
        self.flag.as_ref().is_some_and(Mapped::is_raised)
    }

    /// Sleeps until the worker should stop, because the flag was raised or the supervisor died, or
    /// until `timeout` is over; returns whether to stop. The sleep costs no processor time.
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let end = sys::now() + timeout;
        let Some(flag) = &self.flag else {
            std::thread::sleep(timeout);
            return false;
        };
        while let Some(word) = flag.word_while_down() {
            let left = end.since(sys::now());
            if left.is_zero() {
                return false;
            }
            // ORDER: the word is read before the sleep. The kernel sleeps only if it is still the
            // same, so the flag cannot be raised unnoticed in between.
            sys::futex_wait(flag.page.word(0), word, left.min(LONGEST_SLEEP));
        }
        true
    }

    /// Whether the worker should stop, because the flag was raised or the supervisor died.
    pub(super) fn must_stop(&self) -> bool {
        let flag = self.flag.as_ref();
        flag.is_some_and(|flag| flag.word_while_down().is_none())
    }

    /// A descriptor that becomes readable when the worker should stop, for select(2), poll(2),
    /// epoll(7), and what is built on them; no thread is needed.
    ///
    /// It may become readable for another reason, so ask [`heard`](Self::heard) then. Without a
    /// supervisor it never does. It is an inotify(7) instance, of which a user may have 128
    /// (`fs.inotify.max_user_instances`); it watches the flag, which is written when it is raised,
    /// and which the supervisor keeps open for writing until it dies.
    ///
    /// ```
    /// use std::os::fd::AsRawFd as _;
    ///
    /// let stop = stopctl::StopFlag::from_env()?;
    /// let asked = stop.descriptor()?;
    /// let mut waiting = libc::pollfd { fd: asked.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    /// loop {
    ///     // … with the descriptors of the other work beside it, and without a time limit …
    ///     unsafe { libc::poll(&mut waiting, 1, 10) };
    ///     if waiting.revents != 0 && stop.heard(&asked) {
    ///         break;
    ///     }
    /// #   break;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If this user has too many of them, or no file has the name of the flag any more. The other
    /// ways of waiting still work then.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        descriptor::of(self)
    }

    /// What a [`descriptor`](Self::descriptor) that is readable means: whether the worker should
    /// stop. If not, the descriptor is not readable any more; if so, it may be read away or not.
    #[must_use]
    pub fn heard(&self, descriptor: impl AsFd) -> bool {
        descriptor::heard(self, descriptor.as_fd())
    }

    /// Sends this process `signal` as soon as the worker should stop, because the flag was raised or
    /// the supervisor died: for a program that already ends well by a signal, SIGTERM for example.
    ///
    /// A thread, which sleeps until then and has every signal blocked, sends it once. Without a
    /// supervisor there is no thread and no signal. A program that is to wait for something else,
    /// too, can do without the thread: see [`descriptor`](Self::descriptor).
    ///
    /// # Errors
    ///
    /// If there is no such signal, or the thread cannot be started; then another call tries again.
    pub fn as_signal(self: Arc<Self>, signal: i32) -> io::Result<()> {
        thread::send(self, signal)
    }

    /// A token that is cancelled as soon as the worker should stop, because the flag was raised or
    /// the supervisor died.
    ///
    /// A thread, which sleeps until then and has every signal blocked, cancels it. Without a
    /// supervisor there is no thread, and only the owner of the token can cancel it.
    ///
    /// ```
    /// # async fn work() {}
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    ///
    /// let stop = Arc::new(stopctl::StopFlag::from_env()?).token()?;
    /// stop.run_until_cancelled(work()).await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the thread cannot be started; then another call tries again.
    #[cfg(feature = "tokio")]
    pub fn token(self: Arc<Self>) -> io::Result<CancellationToken> {
        thread::token(self)
    }

    /// What `main` returns when the worker was asked to stop and has work left: the status 75, which
    /// is `EX_TEMPFAIL` in `<sysexits.h>`, "try again".
    #[must_use]
    pub fn leave() -> ExitCode {
        ExitCode::from(ASKED_NOT_FINISHED)
    }

    /// What the flag says: level, reason, deadline; `None` while it is down. It also checks the
    /// owner: if the supervisor has died without raising the flag, that is a request with the reason
    /// `lost`. If somebody has truncated the flag to nothing, that is a request with the level `-`,
    /// of which nothing else is known.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        let flag = self.flag.as_ref()?;
        match flag.word_while_down() {
            Some(_) => None,
            None => Some(flag.text()),
        }
    }
}

impl Mapped {
    #[inline]
    fn is_raised(&self) -> bool {
        // ORDER: the owner writes the word after the text, so a reader that sees the new level reads
        // a text that is at least as new.
        self.page.word(0).load(Ordering::Acquire).to_ne_bytes()[0] != RUNNING
    }

    /// The flag's word, for sleeping on it; `None` if it is time to stop, because of the flag, its
    /// file, or the owner word. From then on every later call says so too.
    fn word_while_down(&self) -> Option<u32> {
        if self.latched.load(Ordering::Acquire) {
            return None;
        }
        let mut word = [0; 4];
        let there = matches!(self.file.read_at(&mut word, 0), Ok(read) if read > 0);
        if !there || word[0] != RUNNING || self.is_lost() {
            self.latched.store(true, Ordering::Release);
            self.page.cover();
            return None;
        }
        Some(u32::from_ne_bytes(word))
    }

    fn is_lost(&self) -> bool {
        let mut word = [0; 4];
        let read = self.owner.as_ref().map(|file| file.read_at(&mut word, 0));
        matches!(read, Some(Ok(4))) && owner::has_died(u32::from_ne_bytes(word))
    }

    /// What the file says, when it is known that it is time to stop.
    fn text(&self) -> Request {
        let mut last = self.copy();
        for _ in 1..COPIES {
            let next = self.copy();
            if next == last {
                break;
            }
            last = next;
        }
        let asked = |level, reason| Request {
            level,
            reason,
            deadline: None,
            deadline_unix: None,
        };
        match last {
            None => asked(b'-', None),
            // The flag is still down: the owner is dead, and has not raised it.
            Some(bytes) => format::parse(&bytes).unwrap_or_else(|| asked(b'1', Some(Reason::LOST))),
        }
    }

    /// The bytes of the file; `None` if it was truncated to nothing.
    fn copy(&self) -> Option<[u8; LEN]> {
        let mut bytes = [b'\n'; LEN];
        let read = self.file.read_at(&mut bytes, 0);
        matches!(read, Ok(read) if read > 0).then_some(bytes)
    }
}

/// Opens a file for reading, which must be a regular file; a FIFO does not make the call block.
fn open_regular(path: &Path) -> Result<File, Problem> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(Problem::Io)?;
    match file.metadata() {
        Ok(data) if data.is_file() => Ok(file),
        Ok(_) => Err(Problem::NotAFile),
        Err(error) => Err(Problem::Io(error)),
    }
}

/// The error if `STOPCTL_FLAG` names something that cannot be used as a flag.
#[derive(Debug)]
pub struct FlagError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Io(io::Error),
    NotAFile,
    Empty,
}

impl FlagError {
    /// Whether no file has that name: the run is over, or this process has its own `/dev/shm`.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match &self.problem {
            Problem::Io(error) => error.kind() == io::ErrorKind::NotFound,
            Problem::NotAFile | Problem::Empty => false,
        }
    }
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Io(error) => write!(f, "the flag {path} cannot be used: {}", plain(error)),
            Problem::NotAFile => write!(f, "the flag {path} is not a regular file"),
            Problem::Empty => write!(f, "the flag {path} is empty"),
        }
    }
}

impl Error for FlagError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            Problem::NotAFile | Problem::Empty => None,
        }
    }
}
