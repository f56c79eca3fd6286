//! The readers' side of the record: for `status`, `stop` and `wait`.

use std::fs::File;
use std::ops::{Index, Range};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::fcntl::OFlag;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    BIRTH, Born, FILE, HEADER, HEADER_TEXT, Phase, RecordError, RunRecord, SLOT, VERSION,
    WorkerRecord, WorkerState, behind, slot,
};
use crate::contract::flag::writer::FlagFile;
use crate::linux::files;
use crate::linux::sys::{self, SharedPage};
use crate::words::duration::Limit;
use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// How often a reader tries again while the owner is writing. A write takes microseconds; if the owner
/// died during one, what the file contains is the best there is.
const TRIES: usize = 1000;

/// How many slots are read at once.
const TOGETHER: u32 = 64;

/// The whole record at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    generation: u32,
    /// The run.
    pub run: RunRecord,
    /// Its workers, by number.
    pub workers: Vec<WorkerRecord>,
}

/// How long after a deadline it counts as missed: an owner climbs within milliseconds.
const LATE: Duration = Duration::from_secs(1);

impl Snapshot {
    /// Whether the owner has missed a deadline, as it does if it is frozen or hangs. A suspended owner
    /// has not always missed one: its clocks may stand still with it.
    #[must_use]
    pub fn is_late(&self, now: Moment) -> bool {
        let missed = |one: &WorkerRecord| {
            let deadline = one.deadline_ns.map(Moment::from_nanos);
            one.state == WorkerState::Stopping && deadline.is_some_and(|at| at + LATE < now)
        };
        self.run.phase != Phase::Over && self.workers.iter().any(missed)
    }

    /// Its workers, with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (WorkerNumber, &WorkerRecord)> {
        WorkerNumber::all_of(self.run.workers).zip(&self.workers)
    }

    /// Parses the bytes of a whole record, as [`RecordReader::read`] reads the file.
    ///
    /// # Errors
    ///
    /// If it is of another version, or damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let word = bytes.first_chunk().ok_or(RecordError::Damaged)?;
        let part = |place: Range<u64>| {
            let (from, to) = (place.start.try_into().ok()?, place.end.try_into().ok()?);
            bytes.get::<Range<usize>>(from..to).map(<[u8]>::to_vec)
        };
        Self::read(u32::from_ne_bytes(*word), bytes.len() as u64, part)
    }

    /// Reads a record of `length` bytes part by part, so that a header with a false number of workers
    /// costs no memory.
    fn read(
        generation: u32,
        length: u64,
        part: impl Fn(Range<u64>) -> Option<Vec<u8>>,
    ) -> Result<Self, RecordError> {
        let header = part(HEADER_TEXT..HEADER).ok_or(RecordError::Damaged)?;
        let run = header_of(&header)?;
        if behind(run.workers) > length {
            return Err(RecordError::Damaged);
        }
        let mut workers = Vec::new();
        for first in (0..run.workers).step_by(TOGETHER as usize) {
            let end = run.workers.min(first.saturating_add(TOGETHER));
            let slots = part(behind(first)..behind(end)).ok_or(RecordError::Damaged)?;
            for slot in slots.chunks(SLOT) {
                workers.push(object(slot.get(BIRTH..))?);
            }
        }
        Ok(Self {
            generation,
            run,
            workers,
        })
    }
}

impl Index<WorkerNumber> for Snapshot {
    type Output = WorkerRecord;

    /// What the record says of a worker of this run.
    fn index(&self, worker: WorkerNumber) -> &WorkerRecord {
        &self.workers[worker.get() as usize]
    }
}

/// Parses the header, if it has this version.
fn header_of(header: &[u8]) -> Result<RunRecord, RecordError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = object(Some(header))?;
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    object(Some(header))
}

/// Parses the object at the beginning of a part of the record.
fn object<T: DeserializeOwned>(part: Option<&[u8]>) -> Result<T, RecordError> {
    let line = part.and_then(|bytes| bytes.split(|&b| b == b'\n').next());
    serde_json::from_slice(line.unwrap_or_default()).map_err(|_| RecordError::Damaged)
}

/// A copy that was made while nobody wrote: the generation was even, and the same before and after.
fn unwritten<T>(
    generation: impl Fn() -> Result<u32, RecordError>,
    copy: impl Fn(u32) -> Result<T, RecordError>,
) -> Result<T, RecordError> {
    let mut tries = 0..TRIES;
    loop {
        let before = generation()?;
        let writing = before % 2 != 0;
        if writing && tries.next().is_some() {
            std::thread::yield_now();
            continue;
        }
        let copy = copy(before);
        if writing || generation()? == before || tries.next().is_none() {
            return copy;
        }
    }
}

/// A reader's side of the record.
#[derive(Debug)]
pub struct RecordReader {
    /// The run's directory, where the record was found and the flags are.
    dir: OwnedFd,
    file: File,
    page: SharedPage,
}

impl RecordReader {
    /// Opens the record in `dir`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, is too short, or is not a regular file.
    pub fn open(dir: impl AsFd) -> Result<Self, RecordError> {
        let file = files::open(dir.as_fd(), FILE, OFlag::O_RDONLY).map_err(RecordError::Io)?;
        let data = file.metadata().map_err(RecordError::Io)?;
        if !data.is_file() || data.len() < HEADER {
            return Err(RecordError::Damaged);
        }
        let page = SharedPage::map(&file).map_err(RecordError::Io)?;
        let dir = dir.as_fd().try_clone_to_owned().map_err(RecordError::Io)?;
        Ok(Self { dir, file, page })
    }

    /// Reads the whole record. For the workers that have not been seen to look, it also checks whether
    /// their flags note a look; it opens no flag for that.
    ///
    /// # Errors
    ///
    /// If it is of another version, or damaged.
    pub fn read(&self) -> Result<Snapshot, RecordError> {
        let mut seen = self.read_file()?;
        if seen.run.notes_reads {
            for worker in &mut seen.workers {
                // A path would lead out of the directory: to a file system that never answers, say.
                let flag = worker.flag.as_deref();
                let flag = flag.filter(|name| FlagFile::worker_of(name).is_some());
                let is_open = worker.looked == Some(false) && worker.state != WorkerState::Ended;
                if is_open && flag.is_some_and(|name| files::was_read(&self.dir, name)) {
                    worker.looked = Some(true);
                }
            }
        }
        Ok(seen)
    }

    fn read_file(&self) -> Result<Snapshot, RecordError> {
        unwritten(|| self.generation(), |before| self.copy(before))
    }

    /// The grace of the run, without reading its workers.
    ///
    /// # Errors
    ///
    /// If the record is of another version, or damaged.
    pub fn grace(&self) -> Result<Limit, RecordError> {
        let header = self.part(HEADER_TEXT..HEADER).ok_or(RecordError::Damaged)?;
        Ok(header_of(&header)?.times().grace)
    }

    /// What worker `worker` wrote before its program ran.
    #[must_use]
    pub fn born(&self, worker: WorkerNumber) -> Option<Born> {
        Born::read(&self.file, slot(worker))
    }

    fn generation(&self) -> Result<u32, RecordError> {
        let mut word = [0; 4];
        self.file
            .read_exact_at(&mut word, 0)
            .map_err(|_| RecordError::Damaged)?;
        Ok(u32::from_ne_bytes(word))
    }

    fn copy(&self, generation: u32) -> Result<Snapshot, RecordError> {
        let length = self.file.metadata().map_err(RecordError::Io)?.len();
        Snapshot::read(generation, length, |place| self.part(place))
    }

    fn part(&self, place: Range<u64>) -> Option<Vec<u8>> {
        let length = usize::try_from(place.end - place.start).ok()?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, place.start).ok()?;
        Some(bytes)
    }

    /// Whether it is still the record in `dir`.
    #[must_use]
    pub fn is_at(&self, dir: impl AsFd) -> bool {
        files::is_at(dir, FILE, &self.file)
    }

    /// Sleeps until something is written after `seen`, or until `timeout` is over. It may also return
    /// for no reason.
    pub fn wait_for_change(&self, seen: &Snapshot, timeout: Duration) {
        // The kernel compares the word. A load of our own would raise SIGBUS if the file was
        // truncated.
        sys::futex_wait(self.page.word(0), seen.generation, timeout);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::fs::{self, File, FileTimes};
    use std::os::unix::fs::FileExt as _;
    use std::thread;
    use std::time::{Duration, Instant, SystemTime};

    use super::{
        HEADER, LATE, Limit, Moment, Phase, RecordError, RecordReader, Snapshot, TOGETHER, TRIES,
        WorkerRecord, WorkerState, behind, unwritten,
    };
    use crate::contract::record::{Born, FILE, Record, RunRecord};
    use crate::decide::times::Times;
    use crate::words::pid::Pid;
    use crate::words::worker_number::WorkerNumber;

    /// The record of a run with so many workers, in its own directory.
    struct Made {
        dir: tempfile::TempDir,
        run: RunRecord,
        record: Record,
    }

    impl Made {
        fn new(workers: u32) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let run = RunRecord::new("train".into(), Pid::FIRST, vec!["sleep".into()], workers);
            let record = Record::create(File::open(dir.path()).unwrap(), &run).unwrap();
            Self { dir, run, record }
        }

        fn reader(&self) -> Result<RecordReader, RecordError> {
            RecordReader::open(File::open(self.dir.path()).unwrap())
        }

        fn bytes(&self) -> Vec<u8> {
            fs::read(self.dir.path().join(FILE)).unwrap()
        }

        /// Anything that somebody else may write.
        fn write(&self, bytes: &[u8], place: u64) {
            let file = fs::OpenOptions::new()
                .write(true)
                .open(self.dir.path().join(FILE));
            file.unwrap().write_all_at(bytes, place).unwrap();
        }
    }

    fn is_damaged<T>(read: &Result<T, RecordError>) -> bool {
        matches!(read, Err(RecordError::Damaged))
    }

    #[test]
    fn an_owner_is_late_that_has_let_the_deadline_of_a_stop_go_by() {
        let deadline = Moment::from_nanos(5_000_000_000);
        let snapshot = |phase, state, deadline_ns| Snapshot {
            generation: 0,
            run: RunRecord {
                phase,
                ..RunRecord::new("train".into(), Pid::FIRST, Vec::new(), 2)
            },
            workers: vec![
                WorkerRecord::default(),
                WorkerRecord {
                    state,
                    deadline_ns,
                    ..WorkerRecord::default()
                },
            ],
        };
        let (stopping, over) = (Phase::Stopping, Phase::Over);
        let due = Some(deadline.nanos());
        let late = deadline + LATE + Duration::from_nanos(1);
        for (phase, state, deadline_ns, now, is_late) in [
            (stopping, WorkerState::Stopping, due, late, true),
            (Phase::Running, WorkerState::Stopping, due, late, true),
            (stopping, WorkerState::Stopping, due, deadline + LATE, false),
            (stopping, WorkerState::Stopping, due, deadline, false),
            (stopping, WorkerState::Stopping, None, late, false),
            (stopping, WorkerState::Running, due, late, false),
            (stopping, WorkerState::Ended, due, late, false),
            (over, WorkerState::Stopping, due, late, false),
        ] {
            let snapshot = snapshot(phase, state, deadline_ns);
            assert_eq!(snapshot.is_late(now), is_late, "{snapshot:?} {now:?}");
        }
    }

    #[test]
    fn every_slot_is_read_however_many_are_read_at_once() {
        for workers in [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER] {
            let mut made = Made::new(workers);
            let pid = |worker: u32| Pid::new(i32::try_from(worker).unwrap() + 100);
            for worker in 0..workers {
                let told = WorkerRecord {
                    pid: pid(worker),
                    ..WorkerRecord::default()
                };
                made.record.set_worker(WorkerNumber::new(worker), &told);
            }
            made.record.set_run(&made.run);
            made.record.commit().unwrap();
            let parsed = Snapshot::parse(&made.bytes()).unwrap();
            assert_eq!(made.reader().unwrap().read().unwrap(), parsed);
            let longer = [&made.bytes()[..], b"of a later version"].concat();
            assert_eq!(Snapshot::parse(&longer).unwrap(), parsed);
            assert_eq!(parsed.run, made.run);
            assert_eq!(parsed.generation, 2);
            let pids: Vec<_> = parsed
                .numbered()
                .map(|(number, told)| (number.get(), told.pid))
                .collect();
            let expected: Vec<_> = (0..workers).map(|worker| (worker, pid(worker))).collect();
            assert_eq!(pids, expected);
        }
    }

    #[test]
    fn a_record_that_was_cut_or_is_none_is_damaged() {
        let made = Made::new(3);
        let bytes = made.bytes();
        assert_eq!(bytes.len() as u64, behind(3));
        assert!(Snapshot::parse(&bytes).is_ok());
        for length in [0, 3, 4, 4095, 4096, bytes.len() - 1] {
            assert!(is_damaged(&Snapshot::parse(&bytes[..length])), "{length}");
            let cut = fs::OpenOptions::new()
                .write(true)
                .open(made.dir.path().join(FILE));
            cut.unwrap().set_len(length as u64).unwrap();
            assert_eq!(made.reader().is_ok(), length as u64 >= HEADER, "{length}");
            let read = made.reader().and_then(|reader| reader.read());
            assert!(is_damaged(&read), "{length}");
        }
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(FILE)).unwrap();
        let open = || RecordReader::open(File::open(dir.path()).unwrap());
        assert!(is_damaged(&open()));
        fs::remove_dir(dir.path().join(FILE)).unwrap();
        assert!(matches!(open(), Err(RecordError::Io(_))));
    }

    #[test]
    fn a_record_of_another_version_is_told_as_that_and_not_guessed() {
        let made = Made::new(1);
        made.write(br#"{"version":2,"colour":"red"}"#, 8);
        made.write(b"\n", 36);
        let reader = made.reader().unwrap();
        for read in [reader.read().map(drop), reader.grace().map(drop)] {
            assert!(matches!(read, Err(RecordError::Version(2))), "{read:?}");
        }
    }

    #[test]
    fn the_grace_is_read_without_the_workers() {
        let mut made = Made::new(1);
        for grace in [Limit::Never, Limit::After(Duration::from_millis(1500))] {
            let times = Times::plain(grace, Limit::Never, Duration::ZERO);
            made.run.set_times(&times, Limit::Never);
            made.record.set_run(&made.run);
            made.record.commit().unwrap();
            made.write(b"x", behind(0) + 64);
            let reader = made.reader().unwrap();
            assert_eq!(reader.grace().unwrap(), grace);
            assert!(is_damaged(&reader.read()));
        }
    }

    #[test]
    fn a_flag_that_was_read_tells_of_those_who_were_not_seen_to_look() {
        const READ: &str = "0.0123456789abcdef";
        const UNREAD: &str = "0.fedcba9876543210";
        let mut made = Made::new(1);
        for (name, time) in [(READ, 1), (UNREAD, 0), ("another", 1)] {
            let flag = File::create(made.dir.path().join(name)).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time);
            flag.set_times(FileTimes::new().set_accessed(time)).unwrap();
        }
        let (no, yes, unknown) = (Some(false), Some(true), None);
        for (notes_reads, state, flag, told, looked) in [
            (true, WorkerState::Running, Some(READ), no, yes),
            (true, WorkerState::Stopping, Some(READ), no, yes),
            (true, WorkerState::Running, Some(UNREAD), no, no),
            (true, WorkerState::Running, Some(UNREAD), yes, yes),
            (
                true,
                WorkerState::Running,
                Some("0.0000000000000000"),
                no,
                no,
            ),
            (true, WorkerState::Running, None, no, no),
            // Only the name of a flag leads to one, and never out of the directory.
            (true, WorkerState::Running, Some("another"), no, no),
            (true, WorkerState::Running, Some(READ), unknown, unknown),
            (true, WorkerState::Ended, Some(READ), no, no),
            (false, WorkerState::Running, Some(READ), no, no),
        ] {
            made.run.notes_reads = notes_reads;
            made.record.set_run(&made.run);
            let worker = WorkerRecord {
                state,
                flag: flag.map(ToOwned::to_owned),
                looked: told,
                ..WorkerRecord::default()
            };
            made.record.set_worker(WorkerNumber::FIRST, &worker);
            made.record.commit().unwrap();
            let seen = made.reader().unwrap().read().unwrap();
            assert_eq!(seen.workers[0].looked, looked, "{worker:?}");
        }
    }

    #[test]
    fn who_a_worker_is_stands_in_its_own_slot() {
        let made = Made::new(2);
        let born = Born {
            pid: Pid::NOBODYS,
            start: 77,
            inode: Some(5),
        };
        let (first, second) = (WorkerNumber::FIRST, WorkerNumber::new(1));
        made.record.birth(second).write(&born).unwrap();
        let reader = made.reader().unwrap();
        assert_eq!(
            (reader.born(first), reader.born(second)),
            (None, Some(born))
        );
    }

    /// The generations of which a copy is made if successive reads return these, and the last one from
    /// then on; and how many reads that takes.
    fn copies(seen: &[u32]) -> (Vec<u32>, usize) {
        let (looks, copies) = (Cell::new(0), RefCell::new(Vec::new()));
        let generation = || {
            let look = looks.replace(looks.get() + 1);
            Ok(seen[look.min(seen.len() - 1)])
        };
        let copy = |generation| {
            copies.borrow_mut().push(generation);
            Ok(generation)
        };
        let last = unwritten(generation, copy).unwrap();
        let copies = copies.into_inner();
        assert_eq!(copies.last(), Some(&last), "the last one counts");
        (copies, looks.get())
    }

    #[test]
    fn a_copy_counts_that_was_made_while_nobody_wrote() {
        assert_eq!(copies(&[2, 2]), (vec![2], 2));
        assert_eq!(copies(&[1, 1, 1, 2, 2]), (vec![2], 5));
        assert_eq!(copies(&[2, 4, 4, 4]), (vec![2, 4], 4));
        assert_eq!(copies(&[2, 3, 3, 4, 5, 6, 6]), (vec![2, 4, 6], 7));
        // An owner that died while it wrote, and one that never stops writing.
        assert_eq!(copies(&[7]), (vec![7], TRIES + 1));
        let even = |n| 2 * u32::try_from(n).unwrap();
        let (all, looks) = copies(&(0..3 * TRIES).map(even).collect::<Vec<_>>());
        assert_eq!((all.len(), looks), (TRIES + 1, 2 * (TRIES + 1)));
    }

    #[test]
    fn what_an_owner_left_half_written_is_read_as_it_stands() {
        let made = Made::new(1);
        made.write(&7_u32.to_ne_bytes(), 0);
        let snapshot = made.reader().unwrap().read().unwrap();
        assert_eq!((snapshot.generation, snapshot.run), (7, made.run));
    }

    #[test]
    fn a_reader_sees_whether_its_record_still_has_the_name() {
        let mut made = Made::new(1);
        let (dir, path) = (File::open(made.dir.path()).unwrap(), made.dir.path());
        let reader = made.reader().unwrap();
        assert!(reader.is_at(&dir));
        fs::remove_file(path.join(FILE)).unwrap();
        assert!(!reader.is_at(&dir));
        made.record.put_back(&dir).unwrap();
        assert!(!reader.is_at(&dir));
        assert!(made.reader().unwrap().is_at(&dir));
    }

    #[test]
    fn a_reader_sleeps_until_something_is_written() {
        let mut made = Made::new(1);
        let reader = made.reader().unwrap();
        let seen = reader.read().unwrap();
        let (time, long) = (Duration::from_millis(100), Duration::from_secs(100));
        let start = Instant::now();
        // A sleep may end for no reason, but hardly three in a row.
        (0..3).for_each(|_| reader.wait_for_change(&seen, time));
        assert!(start.elapsed() >= time, "{:?}", start.elapsed());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                (0..100).any(|_| {
                    reader.wait_for_change(&seen, long);
                    reader.read().unwrap() != seen
                })
            });
            made.record.set_run(&made.run);
            made.record.commit().unwrap();
            assert!(waiting.join().unwrap());
        });
        assert!(start.elapsed() < long, "{:?}", start.elapsed());
    }
}
