//! The worker's side: looking at the flag, and waiting for it.
//!
//! Reading installs nothing, writes nothing and prints nothing.

use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::format::{self, LEN, RUNNING, Request};
use crate::contract::owner;
use crate::linux::sys::{self, SharedPage};
use crate::words::reason::Reason;

/// The variable that names a worker's flag.
pub const VARIABLE: &str = "STOPCTL_FLAG";

/// The longest sleep before a look at everything again: the kernel wakes one waiter only when an
/// owner dies, and a wake can be lost to a private mapping.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often the text is copied until two copies agree: the owner may be writing it.
const COPIES: usize = 8;

/// A worker's stop flag.
///
/// Made from the environment it is the flag that the supervisor raises; without a supervisor it
/// is one that stays down, so that a program needs no second way of running.
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
    /// Everything but a look reads the file: what is mapped dies of SIGBUS if somebody cut the
    /// file to nothing.
    file: File,
    page: SharedPage,
    /// Whether it is time to stop for good: then nothing looks at the file's page any more.
    latched: AtomicBool,
    /// `None` if the file `owner` beside the flag cannot be read: then only the flag counts.
    owner: Option<File>,
}

impl StopFlag {
    /// The flag named by `STOPCTL_FLAG`; one that stays down if the variable is not set or empty.
    ///
    /// # Errors
    ///
    /// If the variable is set and what it names is not a flag, or cannot be opened or mapped. The
    /// contract of a worker is to warn once and to run all the same:
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
        // A file without a first byte would end every look with SIGBUS (mmap(2)).
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

    /// Whether a stop was asked for: one load, and nothing else.
    ///
    /// A flag that somebody cut to nothing (its owner and root could) ends the process with SIGBUS
    /// here; [`wait_timeout`](Self::wait_timeout) and [`request`](Self::request) notice it and take
    /// it as a stop, and once one of them has said stop, this says so too.
    #[must_use]
    #[inline]
    pub fn is_set(&self) -> bool {
        self.flag.as_ref().is_some_and(Mapped::is_raised)
    }

    /// Sleeps until a stop is asked for, the supervisor is gone, or `timeout` is over; answers
    /// whether to stop. The sleep costs no processor time.
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
            // ORDER: the word is read before the sleep; the kernel sleeps only if it is still the
            // same, so a raise in between cannot be missed.
            sys::futex_wait(flag.page.word(0), word, left.min(LONGEST_SLEEP));
        }
        true
    }

    /// What the flag says: level, reason, deadline; `None` while it is down. Looks at the owner,
    /// too: a supervisor that died without a word is a request with the reason `lost`. A flag that
    /// somebody cut to nothing is a request with the level `-`, of which nothing is known.
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
        // ORDER: pairs with the owner's write of the word after the text: whoever sees the level
        // risen reads a text that is at least as new.
        self.page.word(0).load(Ordering::Acquire).to_ne_bytes()[0] != RUNNING
    }

    /// The flag's word, which somebody who sleeps on it needs; `None` if it is time to stop, by
    /// the flag, by its file, or by the owner word. Then every look says so too, for good.
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

    /// What the file says once it is known that it is time to stop.
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
            // A flag that is down all the same: nobody is left to raise it.
            Some(bytes) => format::parse(&bytes).unwrap_or_else(|| asked(b'1', Some(Reason::LOST))),
        }
    }

    /// The bytes of the file; `None` if it was cut to nothing.
    fn copy(&self) -> Option<[u8; LEN]> {
        let mut bytes = [b'\n'; LEN];
        let read = self.file.read_at(&mut bytes, 0);
        matches!(read, Ok(read) if read > 0).then_some(bytes)
    }
}

/// Opens a file to read that must be a regular one; a FIFO cannot make it block.
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

/// `STOPCTL_FLAG` names something that cannot be used as a flag.
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
    /// Whether there is no file of that name: the run is over, or this process has a `/dev/shm`
    /// of its own.
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
            Problem::Io(error) => write!(f, "the flag {path} cannot be used: {error}"),
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
