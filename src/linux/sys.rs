//! Every `unsafe` and every raw system call of the house, each one small.
//!
//! It answers for turning calls of the kernel into safe functions with the kernel's own meaning
//! and nothing added. It must never decide anything: no policy, no retries, no defaults.
#![expect(
    unsafe_code,
    reason = "this is the one file that may: the border to the kernel"
)]
#![cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "a worker uses the reading half, a supervisor all of it"
    )
)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::words::moment::Moment;

/// The time on `CLOCK_MONOTONIC` (`clock_gettime(2)`): it does not jump, and every process of the
/// machine reads the same.
#[must_use]
pub fn now() -> Moment {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer. The call cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    let read = seconds * 1_000_000_000 + nanos;
    Moment::from_nanos(read.saturating_add_signed(shift().unwrap_or(0)))
}

static SHIFT: OnceLock<i64> = OnceLock::new();

/// Has [`now`] tell the time of a clock that is ahead of ours by so many nanoseconds: that of another
/// time namespace (`time_namespaces(7)`). Once: time does not jump.
pub(crate) fn shift_clock(nanoseconds: i64) {
    let _ = SHIFT.set(nanoseconds);
}

/// How far the time that [`now`] tells is ahead of the clock that the kernel has for us; `None` if it
/// is that clock.
pub(crate) fn shift() -> Option<i64> {
    SHIFT.get().copied()
}

/// Turns the -1 of a system call into the error that `errno` holds.
fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The first page of a file in shared memory, mapped read-only until it is dropped (mmap(2)).
///
/// A load dies of SIGBUS if somebody truncated the file; waiting and waking do not.
#[derive(Debug)]
pub(crate) struct SharedPage {
    start: NonNull<AtomicU32>,
}

/// The length of a mapping: the largest page of any architecture, so that an address this far
/// from a page's start is a page's start too. Only the first words are ever touched.
const MAPPED: usize = 65_536;

// SAFETY: the mapping is read-only here, belongs to this value alone, and is read by atomic loads.
unsafe impl Send for SharedPage {}
// SAFETY: as above: concurrent loads of an atomic are what it is for.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        let (prot, fd) = (libc::PROT_READ, file.as_raw_fd());
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), MAPPED, prot, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    /// The 32-bit word number `index`, below 64.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> &AtomicU32 {
        assert!(index < 64, "beyond the part that is ours");
        // SAFETY: `index` is within the page, and a page is aligned for any word.
        let word = unsafe { self.start.add(index) };
        // SAFETY: the mapping lives as long as `self`, and every bit pattern is a valid u32.
        unsafe { word.as_ref() }
    }

    /// Puts zeroes in the place of the file, for this process alone and for good (mmap(2),
    /// `MAP_FIXED`). Loads by other threads see the one or the other. Without memory for it
    /// everything stays as it is.
    pub(crate) fn cover(&self) {
        let (start, prot) = (self.start.as_ptr().cast(), libc::PROT_READ);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: replaces exactly the mapping that `map` made and that only this value uses; what
        // is read there are atomics, for which zeroes are valid, and `drop` unmaps it as before.
        unsafe { libc::mmap(start, MAPPED, prot, flags, -1, 0) };
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this address and length, and ends here.
        unsafe { libc::munmap(self.start.as_ptr().cast(), MAPPED) };
    }
}

/// A part of a file in shared memory, mapped to be written until it is dropped (mmap(2)).
///
/// No load or store of ours ever touches it: the kernel fills it, and answers `EFAULT` where the
/// file is too short.
#[derive(Debug)]
pub(crate) struct WritablePart {
    start: NonNull<libc::c_void>,
    /// From the start of the mapping to the part.
    skipped: usize,
    length: usize,
}

impl WritablePart {
    pub(crate) fn map(file: &File, place: u64, length: usize) -> io::Result<Self> {
        let skipped = usize::try_from(place % MAPPED as u64).map_err(io::Error::other)?;
        let offset = libc::off_t::try_from(place - skipped as u64).map_err(io::Error::other)?;
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        let (kind, mapped) = (libc::MAP_SHARED, skipped + length);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), mapped, access, kind, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            start,
            skipped,
            length,
        })
    }

    /// Fills it from its beginning with what can be read from `from` (read(2)); answers how many
    /// bytes that were.
    pub(crate) fn fill(&self, from: BorrowedFd<'_>) -> io::Result<usize> {
        // SAFETY: the part lies within the mapping.
        let part = unsafe { self.start.as_ptr().byte_add(self.skipped) };
        // SAFETY: the mapping is a valid place of this length, and no reference to it exists.
        let read = unsafe { libc::read(from.as_raw_fd(), part, self.length) };
        usize::try_from(checked(read as libc::c_long)?).map_err(io::Error::other)
    }
}

impl Drop for WritablePart {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this address and length, and ends here.
        unsafe { libc::munmap(self.start.as_ptr(), self.skipped + self.length) };
    }
}

/// Sleeps while `word` holds `expected`, at most `timeout` (futex(2), `FUTEX_WAIT`, shared).
/// Returns for any reason or none: the caller looks again.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    let time = libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: the kernel reads the word and the time; both outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            &raw const time,
        )
    };
}

/// Wakes every process that sleeps on the first word of `page` (futex(2), `FUTEX_WAKE`, shared).
pub(crate) fn futex_wake_all(page: &SharedPage) {
    let all = libc::c_int::MAX;
    // SAFETY: the kernel uses the address as a name; it reads and writes nothing there.
    unsafe { libc::syscall(libc::SYS_futex, page.start.as_ptr(), libc::FUTEX_WAKE, all) };
}

/// Two pages side by side, for good: one of our own, and then the first one of a file. So the
/// distance between them is a constant.
#[derive(Debug)]
pub(crate) struct TwinPages {
    start: NonNull<libc::c_void>,
}

impl TwinPages {
    /// From the start of our own page to the start of the file's.
    pub(crate) const DISTANCE: usize = MAPPED;

    pub(crate) fn map(file: &File) -> io::Result<Self> {
        let (own, shared) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::MAP_SHARED);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new private mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), 2 * MAPPED, access, own, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the second page lies within the mapping just made, which nobody else uses.
        let second = unsafe { start.byte_add(MAPPED) };
        let (fixed, fd) = (shared | libc::MAP_FIXED, file.as_raw_fd());
        // SAFETY: replaces that second page only, which is ours and not in use yet.
        let page = unsafe { libc::mmap(second, MAPPED, access, fixed, fd, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    /// The machine word number `index`, below 64, of our own page.
    pub(crate) fn own(&self, index: usize) -> &AtomicUsize {
        assert!(index < 64, "beyond the part that is used");
        // SAFETY: within the first page, which is aligned for any word and never unmapped.
        let word = unsafe { self.start.cast::<AtomicUsize>().add(index) };
        // SAFETY: as above, and every bit pattern is a valid word.
        unsafe { word.as_ref() }
    }

    /// The first word of the file.
    pub(crate) fn shared(&self) -> &AtomicU32 {
        // SAFETY: the second page is the file's, and never unmapped.
        let page = unsafe { self.start.byte_add(MAPPED) };
        // SAFETY: aligned, mapped, and every bit pattern is a valid u32.
        unsafe { page.cast().as_ref() }
    }

    /// Has the kernel read the list at the start of our own page when this thread dies
    /// (`set_robust_list(2)`). It only reads, and writes at most to words that name this thread.
    pub(crate) fn watch(&self) -> io::Result<()> {
        let (list, size) = (self.start.as_ptr(), ROBUST_LIST_HEAD);
        // SAFETY: the page is never unmapped.
        checked(unsafe { libc::syscall(libc::SYS_set_robust_list, list, size) }).map(drop)
    }
}

/// The size of `struct robust_list_head`.
const ROBUST_LIST_HEAD: usize = size_of::<[usize; 3]>();

/// Has the kernel forget every list of this thread: what ends now ends in order.
pub(crate) fn forget_robust_words() {
    let none = ptr::null::<libc::c_void>();
    // SAFETY: without a list the kernel has nothing to read.
    unsafe { libc::syscall(libc::SYS_set_robust_list, none, ROBUST_LIST_HEAD) };
}

/// Whether anybody but this descriptor, and its copies, has the file open or mapped: only who is
/// alone with a file can have a lease for writing (fcntl(2), `F_SETLEASE`). `true` where the kernel
/// gives no leases.
pub(crate) fn is_open_elsewhere(file: &File) -> bool {
    // SAFETY: takes numbers. A lease that is given is given back at once.
    let has = |of: i32| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, of) } != -1;
    !(has(libc::F_WRLCK) && has(libc::F_UNLCK))
}

/// Makes a copy of this process (fork(2)); the copy is answered `None`. Right only in a process of
/// one thread: locks of others would never be given back in the copy.
pub(crate) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: with one thread the copy is as whole as we are.
    let pid = unsafe { libc::fork() };
    checked(pid.into())?;
    Ok((pid != 0).then_some(pid))
}

/// Closes the descriptor `number` if it is not close-on-exec: then it is not ours, but one that
/// we inherited.
pub(crate) fn close_inherited(number: RawFd) {
    // SAFETY: only asks; a number that is not open is answered with EBADF.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags != -1 && flags & libc::FD_CLOEXEC == 0 {
        // SAFETY: nothing of ours refers to it: all that is ours is close-on-exec.
        unsafe { libc::close(number) };
    }
}

/// Closes the descriptor `number`, whoever had it: in a process that was forked to do something
/// else, and never comes back to what its parent had open.
pub(crate) fn close_abandoned(number: RawFd) {
    // SAFETY: the caller never uses what owned it, and ends by `exit_now`, which drops nothing.
    unsafe { libc::close(number) };
}

/// The file of a descriptor that was received (unix(7), `SCM_RIGHTS`).
pub(crate) fn received(number: RawFd) -> File {
    // SAFETY: the caller has this number from a control message: the kernel has just made the
    // descriptor for us, and nobody else owns it.
    unsafe { File::from_raw_fd(number) }
}

/// A child as waitid(2) tells of it: its pid, `CLD_EXITED` or another code, and the number.
pub(crate) type Child = (i32, libc::c_int, i32);

/// Has the kernel send SIGIO whenever `what` happens in a directory, until the descriptor or one of
/// its copies is closed (fcntl(2), `F_NOTIFY`).
pub(crate) fn tell_changes(dir: BorrowedFd<'_>, what: libc::c_int) -> io::Result<()> {
    // SAFETY: takes numbers.
    checked(unsafe { libc::fcntl(dir.as_raw_fd(), libc::F_NOTIFY, what) }.into()).map(drop)
}

/// Asks for a child that has ended, any or the one with this pid; with `peek` it stays a zombie.
pub(crate) fn dead_child(pid: Option<i32>, peek: bool) -> io::Result<Option<Child>> {
    let keep = if peek { libc::WNOWAIT } else { 0 };
    child(pid, libc::WEXITED | keep)
}

/// Asks for a child that was stopped or continued since it was last asked for, any or the one with
/// this pid.
pub(crate) fn stopped_child(pid: Option<i32>) -> io::Result<Option<Child>> {
    child(pid, libc::WSTOPPED | libc::WCONTINUED)
}

/// waitid(2) without waiting. Raw, because the safe wrappers lose the status of a death by a
/// real-time signal.
fn child(pid: Option<i32>, what: libc::c_int) -> io::Result<Option<Child>> {
    let (kind, id) = pid.map_or((libc::P_ALL, 0), |pid| (libc::P_PID, pid.cast_unsigned()));
    // SAFETY: all zeroes is a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is a valid place for the answer.
    checked(unsafe { libc::waitid(kind, id, &raw mut info, what | libc::WNOHANG) }.into())?;
    // SAFETY: waitid has filled in the fields of a SIGCHLD, or left them zero.
    let pid = unsafe { info.si_pid() };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    Ok((pid != 0).then_some((pid, info.si_code, status)))
}

/// A descriptor that names one process for ever (`pidfd_open(2)`); close-on-exec.
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers.
    let fd = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The pid namespace of a process (`PIDFD_GET_PID_NAMESPACE` of `<linux/pidfd.h>`, since Linux 6.11).
pub(crate) fn pid_namespace(pidfd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    namespace(pidfd, 5)
}

/// The time namespace of a process (`PIDFD_GET_TIME_NAMESPACE`).
pub(crate) fn time_namespace(pidfd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    namespace(pidfd, 7)
}

fn namespace(pidfd: BorrowedFd<'_>, which: libc::Ioctl) -> io::Result<OwnedFd> {
    /// `_IO(PIDFS_IOCTL_MAGIC, which)`: the number alone tells what it does with its argument, none.
    const PIDFS_IOCTL_MAGIC: libc::Ioctl = 0xff << 8;
    let (fd, request) = (pidfd.as_raw_fd(), PIDFS_IOCTL_MAGIC | which);
    // SAFETY: the kernel reads and writes no memory of ours for it.
    let fd = checked(unsafe { libc::ioctl(fd, request, 0) }.into())?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether something was mounted exactly there where `file` was opened (statx(2),
/// `STATX_ATTR_MOUNT_ROOT`). A kernel that does not know says no.
pub(crate) fn is_mounted_over(file: BorrowedFd<'_>) -> bool {
    // SAFETY: all zeroes is a valid statx.
    let mut data: libc::statx = unsafe { std::mem::zeroed() };
    let (fd, name, flags) = (file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH);
    // By its number: the standard library declares the function weak, and in a static program what is
    // only weak is not there.
    // SAFETY: the name is empty and ends with a zero byte; `data` is a valid place for the answer.
    let asked = unsafe { libc::syscall(libc::SYS_statx, fd, name, flags, 0, &raw mut data) };
    let root = libc::STATX_ATTR_MOUNT_ROOT.cast_unsigned();
    asked == 0 && data.stx_attributes & u64::from(root) != 0
}

/// Whom a signal through a pidfd is for.
#[derive(Clone, Copy)]
pub(crate) enum Whom {
    /// The process that it names.
    Process = 0,
    /// The group that this process leads or led (`PIDFD_SIGNAL_PROCESS_GROUP`, since Linux 6.9).
    Group = 1 << 2,
}

/// Sends a signal through a pidfd (`pidfd_send_signal(2)`); signal 0 is sent to nobody, and tells
/// whether there is somebody.
pub(crate) fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32, whom: Whom) -> io::Result<()> {
    let (fd, none) = (pidfd.as_raw_fd(), ptr::null::<libc::siginfo_t>());
    let call = libc::SYS_pidfd_send_signal;
    // SAFETY: a null siginfo is allowed, and means what kill(2) would fill in.
    checked(unsafe { libc::syscall(call, fd, signal, none, whom as libc::c_uint) }).map(drop)
}

/// Sends a signal to a pid (kill(2)). Right only while nobody else can have that pid.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes two numbers.
    checked(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// What a signal does to this process when it has no handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

/// Sets what `signal` does to this process (sigaction(2)). Safe between fork and exec.
pub(crate) fn set_disposition(signal: i32, to: Disposition) -> io::Result<()> {
    let handler = match to {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    // SAFETY: neither of the two runs any code of ours.
    checked(unsafe { libc::signal(signal, handler) }.cast_signed() as _).map(drop)
}

/// Whether this process ignores `signal` (sigaction(2)).
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeroes is a valid sigaction.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks; `now` is a valid place for the answer.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) };
    asked == 0 && now.sa_sigaction == libc::SIG_IGN
}

/// What this process ignores by itself, and its workers only if it was inherited so.
const IGNORED_BY_US: [i32; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Those of them that were ignored at the start, each a bit.
static WERE_IGNORED: AtomicU32 = AtomicU32::new(0);

/// Runs before `main`, and so before Rust's runtime sets SIGPIPE to ignored and hides what was
/// inherited.
extern "C" fn remember_ignored() {
    for signal in IGNORED_BY_US.into_iter().filter(|&one| is_ignored(one)) {
        WERE_IGNORED.fetch_or(1 << signal, Ordering::Relaxed);
    }
}

// SAFETY: the loader calls what stands in this section with the arguments of `main`, which a C
// function may leave unread; the function needs nothing that is set up later.
#[cfg(feature = "cli")]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = remember_ignored;

/// What this process ignores by itself, and whether each was ignored when it was started.
pub(crate) fn ignored_by_us() -> [(i32, bool); 2] {
    let bits = WERE_IGNORED.load(Ordering::Relaxed);
    IGNORED_BY_US.map(|signal| (signal, bits & 1 << signal != 0))
}

/// The process whose main thread reads its signals.
static READER: AtomicI32 = AtomicI32::new(0);

/// Has `signal` brought to the main thread, should one take it that does not block it
/// (sigaction(2)). What is ignored stays ignored.
pub(crate) fn bring_here(signal: i32) -> io::Result<()> {
    READER.store(std::process::id().cast_signed(), Ordering::Relaxed);
    // SAFETY: all zeroes is a valid sigaction.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut new = old;
    new.sa_sigaction = bring as extern "C" fn(libc::c_int) as usize;
    // On the stack that such a thread may have for it, and without a call of its own interrupted.
    new.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: a valid place for a set.
    unsafe { libc::sigfillset(&raw mut new.sa_mask) };
    // SAFETY: both places are valid; the handler makes system calls and nothing else.
    checked(unsafe { libc::sigaction(signal, &raw const new, &raw mut old) }.into())?;
    if old.sa_sigaction == libc::SIG_IGN {
        set_disposition(signal, Disposition::Ignore)?;
    }
    Ok(())
}

/// The handler. Where there is no such thread, between fork and exec, and in the reader itself once it
/// lets signals through, a signal does what it does to any program.
extern "C" fn bring(signal: libc::c_int) {
    let us = std::process::id().cast_signed();
    // SAFETY: only answers a number. By its number, as in `is_mounted_over`.
    let here = unsafe { libc::syscall(libc::SYS_gettid) };
    // SAFETY: the place of this thread's errno, which whoever was interrupted may be about to read.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let errno = unsafe { *place };
    if us == READER.load(Ordering::Relaxed) && here != libc::c_long::from(us) {
        // SAFETY: takes numbers; the main thread has that of the process.
        unsafe { libc::syscall(libc::SYS_tgkill, us, us, signal) };
    } else {
        let _ = set_disposition(signal, Disposition::Default);
        let _ = kill(us, signal);
    }
    // SAFETY: as above.
    unsafe { *place = errno };
}

/// The environment of this process (environ(7)): in order, with duplicates, and with entries that
/// have no `=`. The standard library sorts it and drops what it has no name for.
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

/// Strings as execve(2) takes them: their addresses, and a null after the last one.
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

    /// Puts another string in the place of number `index`.
    pub(crate) fn set(&mut self, index: usize, string: &'a CStr) {
        assert!(index + 1 < self.places.len(), "the null stays the last");
        self.places[index] = string.as_ptr();
    }
}

/// Has this process execute the program in `file` (execve(2)); comes back only with the error.
/// Allocates nothing.
pub(crate) fn execve(file: &CStr, arguments: &Words<'_>, environment: &Words<'_>) -> io::Error {
    let (argv, envp) = (arguments.places.as_ptr(), environment.places.as_ptr());
    // SAFETY: both lists end with a null, and what they point to lives as long as they do.
    unsafe { libc::execve(file.as_ptr(), argv, envp) };
    io::Error::last_os_error()
}

/// Ends this process at once, without running anything of its own (_exit(2)): for the child.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: ends the process; nothing can be used after it.
    unsafe { libc::_exit(status) }
}

/// A descriptor of our own for what the inherited descriptor `number` is open on; both are
/// close-on-exec from now on (fcntl(2)).
pub(crate) fn take_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers; one that is not open is answered with EBADF.
    let own = checked(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) }.into())?;
    // SAFETY: as above.
    checked(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    let own = RawFd::try_from(own).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// The rows and columns of a terminal (`TIOCGWINSZ`, `ioctl_tty(2)`); zero is not known.
pub(crate) fn window_size(fd: BorrowedFd<'_>) -> io::Result<(u16, u16)> {
    // SAFETY: all zeroes is a valid winsize.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: `size` is a valid place for the answer.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }.into())?;
    Ok((size.ws_row, size.ws_col))
}

/// How many bytes lie in a pipe that nobody has read (`FIONREAD`, pipe(7)).
pub(crate) fn unread(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: `bytes` is a valid place for the answer.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut bytes) }.into())?;
    usize::try_from(bytes).map_err(io::Error::other)
}

/// Has `signal` do to this process what it does without a handler, and puts the handler back
/// (sigaction(2)): for one that stops a process. Returns once it is continued.
pub(crate) fn take_as_by_default(signal: i32) -> io::Result<()> {
    // SAFETY: all zeroes is a valid sigaction: SIG_DFL, no flags, an empty mask.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    let mut handler = default;
    // SAFETY: both places are valid; the default runs no code of ours.
    checked(unsafe { libc::sigaction(signal, &raw const default, &raw mut handler) }.into())?;
    kill(std::process::id().cast_signed(), signal)?;
    // SAFETY: puts back what was valid before.
    checked(unsafe { libc::sigaction(signal, &raw const handler, ptr::null_mut()) }.into())
        .map(drop)
}

/// The value of an extended attribute of the file at `path` (getxattr(2)), cut at 64 bytes.
pub(crate) fn attribute(path: &Path, name: &CStr) -> io::Result<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
    let mut value = vec![0_u8; 64];
    let (place, size) = (value.as_mut_ptr().cast(), value.len());
    // SAFETY: both names end with a zero byte, and `value` is a valid place of this size.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), place, size) };
    value.truncate(usize::try_from(checked(length as _)?).unwrap_or(0));
    Ok(value)
}

/// Whether this program was executed with more rights than whoever executed it has (getauxval(3),
/// `AT_SECURE`).
pub(crate) fn is_secure_exec() -> bool {
    // SAFETY: takes a number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Reads the next entries of a directory (getdents(2)) into `bytes`; answers how many bytes they
/// fill, zero after the last one. Allocates nothing.
pub(crate) fn directory_entries(dir: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<usize> {
    let (fd, place, size) = (dir.as_raw_fd(), bytes.as_mut_ptr(), bytes.len());
    // SAFETY: `bytes` is a valid place of this size.
    let length = checked(unsafe { libc::syscall(libc::SYS_getdents64, fd, place, size) })?;
    usize::try_from(length).map_err(io::Error::other)
}

/// Eight bytes that nobody can guess (getrandom(2); random(4) where that is refused).
pub(crate) fn random() -> io::Result<u64> {
    let mut bytes = [0_u8; 8];
    // SAFETY: `bytes` is a valid place of this length; requests this small are not cut short.
    let got = checked(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) } as _);
    if got.is_err() {
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    }
    Ok(u64::from_ne_bytes(bytes))
}
