//! The owner's side of the flag: making it, raising it, and keeping it whole. Nothing else writes
//! flags.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::format::{self, LEN, Request, TEXT};
use crate::failpoint;
use crate::linux::files;
use crate::linux::sys::{self, SharedPage};
use crate::words::worker_number::WorkerNumber;

/// The files of flags that have lost their names, by the numbers of their workers.
pub type Nameless = HashMap<WorkerNumber, Vec<Arc<File>>>;

/// The flag of one start of one worker. It is raised and never lowered, and never used for another
/// start.
#[derive(Debug)]
pub struct FlagFile {
    name: String,
    path: PathBuf,
    place: Place,
    /// Earlier files of this flag, which have lost the name and which a worker may have open.
    before: Vec<Arc<File>>,
    /// What it says.
    text: [u8; LEN],
    /// Whether that could not be written.
    is_unwritten: bool,
    /// Whether the kernel notes its first read, and nobody has read it yet.
    notes_reads: bool,
}

/// How we reach the file.
#[derive(Clone, Debug)]
enum Place {
    /// By the descriptor that its maker keeps: it still works when the name has been deleted, and
    /// needs no permission that the mode 0444 does not give.
    Open(Arc<File>),
    /// By its name in this directory, which is opened each time: a process that takes over has the
    /// flags of any number of workers, and perhaps few descriptors.
    Named(Arc<OwnedFd>),
}

impl FlagFile {
    /// Makes a flag that is down for worker number `worker` in the directory `dir` at `path`.
    ///
    /// # Errors
    ///
    /// As open(2) and `posix_fallocate(3)`: if the file system is full, this fails, rather than
    /// raising SIGBUS later.
    pub fn create(dir: impl AsFd, path: &Path, worker: WorkerNumber) -> io::Result<Self> {
        Self::make(dir, path, format!("{worker}.{:016x}", sys::random()?))
    }

    /// Makes a flag with this name that is down, to replace one that was deleted.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::create`].
    pub fn make(dir: impl AsFd, path: &Path, name: String) -> io::Result<Self> {
        // A worker of any uid can read it, and nobody changes it by accident.
        let file = files::make(dir, &name, files::READ_ONLY, LEN as u64)?;
        failpoint::pass("flag file made");
        let text = format::running();
        file.write_all_at(&text, 0)?;
        failpoint::pass("flag made");
        Ok(Self {
            path: path.join(&name),
            name,
            place: Place::Open(Arc::new(file)),
            before: Vec::new(),
            text,
            is_unwritten: false,
            notes_reads: false,
        })
    }

    /// Finds the flag `name`, which a previous owner made, in the directory `dir` at `path`. Keeps no
    /// descriptor of it.
    ///
    /// # Errors
    ///
    /// As open(2), and if it is not a regular file with this name and no other.
    pub fn find(dir: Arc<OwnedFd>, path: &Path, name: &str) -> io::Result<Self> {
        let file = open_to_write(&dir, name)?;
        let mut text = [b'\n'; LEN];
        let length = file.read_at(&mut text, 0)?;
        let mut flag = Self::lost(dir, path, name);
        if length > 0 {
            flag.text = text;
        }
        Ok(flag)
    }

    /// The flag `name` in the directory `dir` at `path`, of which nothing else is known: it cannot be
    /// opened now, but perhaps later.
    #[must_use]
    pub fn lost(dir: Arc<OwnedFd>, path: &Path, name: &str) -> Self {
        Self {
            path: path.join(name),
            name: name.to_owned(),
            place: Place::Named(dir),
            before: Vec::new(),
            text: [CUT; LEN],
            is_unwritten: false,
            notes_reads: false,
        }
    }

    /// From now on keeps no descriptor of it, and opens it by its name in `dir`.
    #[must_use]
    pub fn by_name(self, dir: Arc<OwnedFd>) -> Self {
        let place = Place::Named(dir);
        Self { place, ..self }
    }

    /// The flag `name` in the directory at `path`, which is open as `file`. What it says has not been
    /// read yet.
    #[must_use]
    pub fn of_file(file: File, path: &Path, name: &str) -> Self {
        Self {
            path: path.join(name),
            name: name.to_owned(),
            place: Place::Open(Arc::new(file)),
            before: Vec::new(),
            text: format::running(),
            is_unwritten: false,
            notes_reads: false,
        }
    }

    /// A second handle of the same flag.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            name: self.name.clone(),
            path: self.path.clone(),
            place: self.place.clone(),
            before: self.before.clone(),
            text: self.text,
            is_unwritten: self.is_unwritten,
            notes_reads: self.notes_reads,
        }
    }

    /// Reads what it says now: another handle may have changed it.
    ///
    /// # Errors
    ///
    /// As pread(2).
    pub fn reload(&mut self) -> io::Result<()> {
        if let Place::Open(file) = &self.place {
            let _ = file.read_at(&mut self.text, 0)?;
        }
        Ok(())
    }

    /// Adds files that are raised together with it: the worker had them before it was put back.
    pub fn also_raise(&mut self, before: Vec<Arc<File>>) {
        self.before.extend(before);
    }

    /// The files that are raised together with it.
    #[must_use]
    pub fn before(&self) -> &[Arc<File>] {
        &self.before
    }

    /// Whether its name in `dir` still leads to it.
    #[must_use]
    pub fn has_its_name(&self, dir: impl AsFd) -> bool {
        match &self.place {
            Place::Open(file) => files::is_at(dir, &*self.name, &**file),
            Place::Named(_) => true,
        }
    }

    /// Its files that have no name in `dir`. The file that has the name is closed, even if other code
    /// in this process holds it: correct only in a process that was forked and does not use it.
    #[must_use]
    pub fn into_nameless(mut self, dir: impl AsFd) -> Vec<Arc<File>> {
        let has_its_name = self.has_its_name(dir);
        match self.place {
            Place::Open(file) if has_its_name => {
                let number = file.as_raw_fd();
                if Arc::into_inner(file).is_none() {
                    sys::close_abandoned(number);
                }
            }
            Place::Open(file) => self.before.push(file),
            Place::Named(_) => {}
        }
        self.before
    }

    /// Whether it is known that somebody truncated it to nothing: readers take that as a stop.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.text[0] == CUT
    }

    /// What it says; `None` while it is down.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        format::parse(&self.text)
    }

    /// Makes the flag again in `dir` if its name is gone; from then on the old file and the new one
    /// are both raised. Returns whether the name was gone.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::create`] and rename(2).
    pub fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        if self.has_its_name(dir.as_fd()) {
            return Ok(false);
        }
        let file = files::make(dir.as_fd(), files::ASIDE, files::READ_ONLY, LEN as u64)?;
        file.write_all_at(&self.text, 0)?;
        // ORDER: before the file has its name, so that no look is missed. A look that the kernel has
        // noted already stays noted.
        self.notes_reads &= self.was_read() || note_reads(&file);
        files::publish(dir, &self.name)?;
        if let Place::Open(old) = std::mem::replace(&mut self.place, Place::Open(Arc::new(file))) {
            self.before.push(old);
        }
        // Nobody can open a file without a name, so only those that are open somewhere are kept.
        self.before.retain(|file| sys::is_open_elsewhere(file));
        Ok(true)
    }

    /// Writes it again if somebody else has changed or truncated it. Returns whether that was so.
    ///
    /// # Errors
    ///
    /// As pread(2) and pwrite(2).
    pub fn heal(&self) -> io::Result<bool> {
        let Place::Open(file) = &self.place else {
            return Ok(false);
        };
        let mut there = [0; LEN + 1];
        let length = file.read_at(&mut there, 0)?;
        let whole = there[..length] == self.text;
        if !whole {
            self.write()?;
        }
        if length > LEN {
            // This harms no mapping: the first page stays.
            file.set_len(LEN as u64)?;
        }
        Ok(!whole)
    }

    /// The worker whose flag has this name in the run's directory; `None` if it is not the name of a
    /// flag.
    #[must_use]
    pub fn worker_of(name: &str) -> Option<WorkerNumber> {
        let (worker, random) = name.split_once('.')?;
        let hex = random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit());
        worker.parse().ok().filter(|_| hex)
    }

    /// The file's name in the run's directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's absolute path, which the worker gets.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, with which a worker checks its flag before its program runs: opening the flag
    /// would count as a look of that program. `None` after a takeover, which starts no worker.
    #[must_use]
    pub fn file(&self) -> Option<&File> {
        match &self.place {
            Place::Open(file) => Some(file),
            Place::Named(_) => None,
        }
    }

    /// Makes the kernel note the next read of it that is not ours; returns whether the kernel does.
    #[must_use]
    pub fn note_reads(&mut self) -> bool {
        self.notes_reads = self.reached().is_ok_and(|file| note_reads(&file));
        self.notes_reads
    }

    /// Continues what a previous owner has begun: the kernel has noted reads all the time. Returns
    /// whether it still does.
    pub fn keep_noting_reads(&mut self) -> bool {
        self.notes_reads = match &self.place {
            Place::Open(file) => leave_no_trace(file).is_ok(),
            // It is opened in that way each time.
            Place::Named(_) => true,
        };
        self.notes_reads
    }

    /// Whether the kernel notes its first read, and nobody has read it yet.
    #[must_use]
    pub fn notes_reads(&self) -> bool {
        self.notes_reads
    }

    /// Whether somebody has read or mapped it since then. True only once.
    pub fn take_read(&mut self) -> bool {
        let news = self.was_read();
        self.notes_reads &= !news;
        news
    }

    fn was_read(&self) -> bool {
        let was_read = |file: &Arc<File>| {
            let at = file.metadata().and_then(|data| data.accessed());
            at.is_ok_and(|at| at != UNIX_EPOCH)
        };
        let look = || match &self.place {
            Place::Open(file) => was_read(file),
            Place::Named(dir) => files::was_read(dir, &self.name),
        };
        self.notes_reads && (self.before.iter().any(was_read) || look())
    }

    /// Writes what `request` says, and wakes every process that sleeps on the flag. If the flag says
    /// it already, it is not written again.
    ///
    /// # Errors
    ///
    /// As open(2) and pwrite(2). The storage is reserved, so it does not fail on a full file system.
    pub fn raise(&mut self, request: &Request) -> io::Result<()> {
        let says = |there: Request| {
            (there.level, &there.reason, there.deadline)
                == (request.level, &request.reason, request.deadline)
        };
        if !self.is_unwritten && self.request().is_some_and(says) {
            return Ok(());
        }
        self.text = format::stopping(request);
        let written = self.write();
        self.is_unwritten = written.is_err();
        written
    }

    /// Writes what `request` says to its files that have no name in `dir`, if the flag is down.
    pub fn raise_nameless(&self, dir: impl AsFd, request: &Request) {
        if self.request().is_some() {
            return;
        }
        let (text, has_its_name) = (format::stopping(request), self.has_its_name(dir));
        let last = match &self.place {
            Place::Open(file) if !has_its_name => Some(file),
            Place::Open(_) | Place::Named(_) => None,
        };
        for file in self.before.iter().chain(last) {
            // Whoever continues the run writes it again.
            let _ = write(file, &text);
        }
    }

    fn write(&self) -> io::Result<()> {
        let file = self.reached();
        let mut result = Ok(());
        for file in self.before.iter().chain(&file) {
            result = result.and(write(file, &self.text));
        }
        file.map(drop).and(result)
    }

    fn reached(&self) -> io::Result<Arc<File>> {
        match &self.place {
            Place::Open(file) => Ok(Arc::clone(file)),
            Place::Named(dir) => open_to_write(dir, &self.name).map(Arc::new),
        }
    }
}

/// Makes the kernel note the next read of a flag that is not ours; returns whether the kernel does.
fn note_reads(file: &File) -> bool {
    // An access time before its last change, or the next read would not be noted (mount(8),
    // relatime).
    let never = TimeSpec::new(0, 0);
    leave_no_trace(file).is_ok() && futimens(file, &never, &TimeSpec::UTIME_OMIT).is_ok()
}

/// Makes the kernel ignore our own reads.
fn leave_no_trace(file: &File) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_SETFL(OFlag::O_NOATIME)).map(drop)
}

/// The Unix time after this duration from now, in seconds: what a flag says for shells.
#[must_use]
pub fn unix_in(left: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (now.unwrap_or_default() + left).as_secs()
}

/// The level of a flag that was truncated to nothing.
const CUT: u8 = b'-';

/// Writes with pwrite(2), not through a mapping: that causes an inotify event, does not raise SIGBUS
/// if somebody has truncated the file, and makes the file whole again.
fn write(file: &File, text: &[u8; LEN]) -> io::Result<()> {
    failpoint::pass("flag to be raised");
    // ORDER: first the text, then the level: a reader that sees the level reads its reason.
    let words = files::overwrite(file, &text[TEXT..], TEXT as u64);
    failpoint::pass("flag's text written");
    let written = words.and_then(|()| files::overwrite(file, &text[..TEXT], 0));
    failpoint::pass("flag's level written");
    // Mapped only briefly: a mapping kept for each worker would make every fork more expensive. If
    // there is no memory for it, the sleepers wake by themselves within a second.
    if let Ok(page) = SharedPage::map(file) {
        sys::futex_wake_all(&page);
    }
    failpoint::pass("flag raised");
    written
}

/// Opens a flag that somebody else made. Anything else with such a name is left alone: a FIFO, or a
/// file that also has other names, and so may belong to somebody else.
fn open_to_write(dir: &OwnedFd, name: &str) -> io::Result<File> {
    let there = files::open(dir, name, OFlag::O_PATH)?.metadata()?;
    if !there.is_file() || there.nlink() != 1 {
        return Err(io::Error::other("it is no regular file of its own"));
    }
    let file = files::open_read_only(dir, name)?;
    // Mapping it to wake its sleepers must not count as a look.
    let _ = fcntl(&file, FcntlArg::F_SETFL(OFlag::O_NOATIME));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::unistd::gettid;

    use super::{FlagFile, Request, sys};
    use crate::linux::sys::SharedPage;
    use crate::words::reason::Reason;
    use crate::words::worker_number::WorkerNumber;

    /// Much longer than any client sleeps, so that none wakes by itself in the meantime.
    const LONG: Duration = Duration::from_secs(60);
    const SOON: Duration = Duration::from_secs(20);

    /// Sleeps on a flag as a client does, with its own mapping; returns how long it slept.
    fn sleep_on(file: &File) -> Duration {
        let page = SharedPage::map(file).unwrap();
        let begun = Instant::now();
        sys::futex_wait(page.word(0), u32::from_ne_bytes(*b"0\n\n\n"), LONG);
        begun.elapsed()
    }

    fn wait_until_asleep(thread: i32) {
        let place = format!("/proc/self/task/{thread}/wchan");
        let begun = Instant::now();
        while !fs::read_to_string(&place).unwrap().contains("futex") {
            assert!(begun.elapsed() < SOON, "it does not sleep");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn k3e_everybody_who_sleeps_on_a_flag_is_woken_when_it_is_raised() {
        let directory = tempfile::tempdir().unwrap();
        let dir = File::open(directory.path()).unwrap();
        let mut flag = FlagFile::create(&dir, directory.path(), WorkerNumber::FIRST).unwrap();
        let first = File::open(flag.path()).unwrap();
        fs::remove_file(flag.path()).unwrap();
        assert!(flag.put_back(&dir).unwrap());
        let second = File::open(flag.path()).unwrap();
        thread::scope(|scope| {
            let files = [&first, &first, &second, &second];
            let sleepers = files.map(|file| {
                let (tell, told) = std::sync::mpsc::channel();
                let sleeper = scope.spawn(move || {
                    tell.send(gettid().as_raw()).unwrap();
                    sleep_on(file)
                });
                wait_until_asleep(told.recv().unwrap());
                sleeper
            });
            let request = Request {
                level: b'1',
                reason: Some(Reason::LOST),
                deadline: None,
                deadline_unix: None,
            };
            flag.raise(&request).unwrap();
            for sleeper in sleepers {
                let slept = sleeper.join().unwrap();
                assert!(slept < SOON, "{slept:?}");
            }
        });
    }
}
