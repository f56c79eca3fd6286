//! What `/proc` tells of a process.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::linux::proc::Proc;
use crate::words::pid::Pid;

/// What `/proc/PID/stat` tells (`proc_pid_stat(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The program's name, at most 15 bytes; the process sets it, so it cannot be trusted.
    pub program: String,
    /// One letter: `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
    /// Its parent; `None` if it has none, or if that is in another pid namespace.
    pub parent: Option<Pid>,
    /// Its process group, by its leader; `None` if that is of another pid namespace.
    pub group: Option<Pid>,
    /// Its session, in the same way.
    pub session: Option<Pid>,
    /// Clock ticks from boot to its start.
    pub start: u64,
}

/// More than the length of the line, which has some 50 numbers and a name.
const LINE: usize = 2048;

/// Enough of the status to contain the sets of signals, after as many groups as a process usually
/// has.
const STATUS: usize = 8192;

/// Reads a small file of `/proc` whole, with one call: such a file does not tell its length, and a
/// reader that begins with a small buffer makes nine calls.
fn read_once(path: &Path, into: &mut [u8]) -> Option<usize> {
    let mut file = fs::File::open(path).ok()?;
    file.read(into).ok()
}

impl Stat {
    /// Reads it; `None` if there is no such process, or if `/proc` is not that of our namespace.
    #[must_use]
    pub fn of(pid: Pid) -> Option<Self> {
        let mut line = [0; LINE];
        let length = read_once(&Proc::of(pid, "stat")?, &mut line)?;
        Self::parse(&String::from_utf8_lossy(&line[..length]))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name may contain anything, also parentheses and spaces: the last `)` ends it.
        let (head, tail) = text.rsplit_once(')')?;
        let program = head.split_once('(')?.1.to_owned();
        let mut words = tail.split_ascii_whitespace();
        let state = words.next()?.chars().next()?;
        let parent = Pid::new(words.next()?.parse().ok()?);
        let group = Pid::new(words.next()?.parse().ok()?);
        let session = Pid::new(words.next()?.parse().ok()?);
        // This is field 22; the state is field 3, and three more have been read.
        let start = words.nth(15)?.parse().ok()?;
        Some(Self {
            program,
            state,
            parent,
            group,
            session,
            start,
        })
    }

    /// Whether a signal or a debugger has stopped it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// Whether it has ended and only has to be reaped.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Whether it is executing a program at this moment (execve(2)): it has memory by then, and no
/// environment in it. No process that runs is without one, even if that is empty.
#[must_use]
pub fn is_executing(pid: Pid) -> bool {
    let mut line = [0; LINE];
    let length = Proc::of(pid, "stat").and_then(|path| read_once(&path, &mut line));
    has_no_environment(&String::from_utf8_lossy(&line[..length.unwrap_or(0)])) == Some(true)
}

/// By the fields 23, `vsize`, which is 0 for what belongs to the kernel, and 51, `env_end`.
fn has_no_environment(text: &str) -> Option<bool> {
    let (_, tail) = text.rsplit_once(')')?;
    let mut words = tail.split_ascii_whitespace();
    let memory = words.nth(20)?;
    let environment_end = words.nth(27)?;
    Some(memory != "0" && environment_end == "0")
}

/// Whether this is the number of a thread other than the main thread of a process
/// (`proc_pid_status(5)`, Tgid). Such a thread has a directory in `/proc`, but is not listed there.
#[must_use]
pub(super) fn is_thread(number: Pid) -> bool {
    let status = Proc::of(number, "status").and_then(|path| fs::read(path).ok());
    let status = String::from_utf8_lossy(status.as_deref().unwrap_or_default());
    let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let leader = leader.and_then(|number| Pid::parse(number.trim()));
    leader.is_some_and(|leader| leader != number)
}

/// A set of signals, as the kernel writes it in `/proc/PID/status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    /// The signals that `pid` ignores (`proc_pid_status(5)`); none if that cannot be read.
    #[must_use]
    pub fn ignored_by(pid: Pid) -> Self {
        Self::of(pid, "SigIgn:")
    }

    /// The signals that `pid` has a handler for; none if that cannot be read.
    #[must_use]
    pub fn handled_by(pid: Pid) -> Self {
        Self::of(pid, "SigCgt:")
    }

    fn of(pid: Pid, name: &str) -> Self {
        let mut status = [0; STATUS];
        let length = Proc::of(pid, "status").and_then(|path| read_once(&path, &mut status));
        let text = String::from_utf8_lossy(&status[..length.unwrap_or(0)]);
        Self::parse(&text, name)
    }

    fn parse(status: &str, name: &str) -> Self {
        let set = status.lines().find_map(|line| line.strip_prefix(name));
        let set = set.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
        Self(set.unwrap_or(0))
    }

    /// Whether `signal` is in the set.
    #[must_use]
    pub fn has(self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.0 >> (signal - 1) & 1 == 1
    }
}

impl FromIterator<i32> for SignalSet {
    /// Leaves out numbers that no signal has.
    fn from_iter<T: IntoIterator<Item = i32>>(signals: T) -> Self {
        let signals = signals
            .into_iter()
            .filter(|signal| (1..=64).contains(signal));
        Self(signals.fold(0, |set, signal| set | 1 << (signal - 1)))
    }
}

/// Clock ticks from boot to the start of the calling process, read into `buffer` without allocating;
/// zero if there is no `/proc`.
#[must_use]
pub fn own_start(buffer: &mut [u8]) -> u64 {
    let length = read_once(Path::new("/proc/self/stat"), buffer);
    let text = &buffer[..length.unwrap_or(0)];
    let tail = text
        .iter()
        .rposition(|&b| b == b')')
        .map_or(&[][..], |end| &text[end..]);
    let field = tail.split(|&b| b == b' ').nth(20);
    let digits = field.and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::{own_pid, pid_of};
    use super::{Pid, SignalSet, Stat, has_no_environment, is_executing, own_start};

    #[test]
    fn what_is_ignored_is_one_bit_of_a_set() {
        let status = "Name:\ta\nSigBlk:\tffffffffffffffff\nSigIgn:\t8000000000004001\n";
        let ignored = SignalSet::parse(status, "SigIgn:");
        assert_eq!(ignored, [1, 15, 64].into_iter().collect());
        let has: Vec<i32> = (-1..=70).filter(|&n| ignored.has(n)).collect();
        assert_eq!(has, [1, 15, 64]);
        assert_eq!(
            SignalSet::parse("Name:\tSigIgn", "SigIgn:"),
            SignalSet::default()
        );
    }

    #[test]
    fn what_this_process_handles_is_known() {
        // Rust's runtime handles this signal, and nothing handles SIGTERM.
        let own = SignalSet::handled_by(own_pid());
        assert!(own.has(libc::SIGSEGV) && !own.has(libc::SIGTERM));
    }

    #[test]
    fn a_program_cannot_fool_the_reader_by_its_name() {
        let line = "42 (a) S 1 (b) Z 7 8 0 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 777 25 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.program.as_str(), stat.state), ("a) S 1 (b", 'Z'));
        assert_eq!((stat.parent, stat.group), (Pid::new(7), Pid::new(8)));
        assert_eq!(stat.session, None);
        assert_eq!(stat.start, 777);
    }

    #[test]
    fn a_program_that_is_being_executed_has_memory_and_no_environment() {
        let line = |memory: u64, end: u64| {
            let between = vec!["1"; 27].join(" ");
            let before = vec!["1"; 19].join(" ");
            format!("7 (a) b) R {before} {memory} {between} {end} 0\n")
        };
        assert_eq!(has_no_environment(&line(4096, 0)), Some(true));
        assert_eq!(has_no_environment(&line(4096, 140_000)), Some(false));
        // What belongs to the kernel has no memory of its own, and what has ended has none any more.
        assert_eq!(has_no_environment(&line(0, 0)), Some(false));
        assert_eq!(has_no_environment("7 (a) R 1 2"), None);
        assert!(!is_executing(own_pid()));
    }

    /// The numbers of the fields are those of the kernel that we run on.
    #[test]
    fn an_empty_environment_is_one() {
        let mut child = std::process::Command::new("cat");
        child.env_clear().stdin(std::process::Stdio::piped());
        let mut child = child.spawn().unwrap();
        let pid = pid_of(&child);
        // What is in memory of it does not change once it waits.
        while Stat::of(pid).is_none_or(|stat| stat.state != 'S' || stat.program != "cat") {
            std::thread::yield_now();
        }
        assert!(!is_executing(pid));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn both_readers_of_the_start_time_agree() {
        let own = Stat::of(own_pid()).unwrap();
        assert_eq!(own.start, own_start(&mut [0; 1024]));
        assert!(own.start > 0);
    }
}
