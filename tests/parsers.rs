//! Hostile bytes: whatever stands in a flag, an owner file, a record, a request or a datagram, the
//! reader answers in a bounded time, without a panic, and with nothing that was not there.
//!
//! What must hold is in tests/properties, and is the same for random bytes and for the files of
//! tests/fuzz/corpus here, and for the fuzz targets in tests/fuzz. `PROPTEST_CASES` says how long:
//! 256 cases of each by default, more in CI.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

use stopctl::contract::owner;
use stopctl::contract::record::{Record, RecordError, RecordReader, RunRecord, Snapshot};
use stopctl::words::pid::Pid;

#[path = "skipped/note.rs"]
mod note;
mod properties;
mod skipped;

use properties::{flag, notify, request, typed};

/// How long one input may take: thousands of times what it does take, on a busy machine too.
const BOUND: Duration = Duration::from_secs(5);

/// Calls `check` with the bytes of each file of the corpus of `target`, and gives them back.
fn corpus(target: &str, check: fn(&[u8])) -> Vec<Vec<u8>> {
    let fuzz = Path::new("tests/fuzz");
    if !fuzz.exists() {
        // Cargo leaves a package inside another one out when it publishes that.
        note::note("this needs tests/fuzz, which a published package does not have");
        return Vec::new();
    }
    let folder = fuzz.join("corpus").join(target);
    let mut corpus = Vec::new();
    for file in fs::read_dir(&folder).expect("a corpus for each target") {
        let path = file.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file of bytes");
        let start = Instant::now();
        let checked = catch_unwind(|| check(&bytes));
        assert!(checked.is_ok(), "that was {}", path.display());
        assert!(start.elapsed() < BOUND, "{} took long", path.display());
        corpus.push(bytes);
    }
    assert!(corpus.len() > 10, "too few files in {}", folder.display());
    corpus
}

#[test]
fn every_flag_of_the_corpus_keeps_the_properties() {
    corpus("flag", flag::check);
}

#[test]
fn every_request_of_the_corpus_keeps_the_properties() {
    corpus("request", request::check);
}

#[test]
fn every_datagram_of_the_corpus_keeps_the_properties() {
    corpus("notify", notify::check);
}

#[test]
fn everything_typed_in_the_corpus_keeps_the_properties() {
    corpus("typed", typed::check);
}

#[test]
fn every_owner_of_the_corpus_keeps_the_properties_and_is_the_same_in_a_file() {
    for bytes in corpus("owner", properties::owner::check) {
        owner_in_a_file(&bytes);
    }
}

#[test]
fn every_record_of_the_corpus_keeps_the_properties_and_is_the_same_in_a_file() {
    for bytes in corpus("record", properties::record::check) {
        record_in_a_file(&bytes);
    }
}

#[test]
fn a_record_of_holes_for_all_workers_there_can_be_is_refused_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = RunRecord::new("train".into(), Pid::FIRST, vec!["sleep".into()], u32::MAX);
    let text = serde_json::to_string(&run).expect("a text");
    let record = File::create(dir.path().join("record")).expect("a file");
    // Four terabytes, of which one page is there.
    record
        .set_len(4096 + 1024 * u64::from(u32::MAX))
        .expect("holes");
    record.write_all_at(text.as_bytes(), 8).expect("a header");
    record
        .write_all_at(b"\n", 8 + text.len() as u64)
        .expect("its end");
    let start = Instant::now();
    let seen = RecordReader::open(open(dir.path())).and_then(|record| record.read());
    assert!(matches!(seen, Err(RecordError::Damaged)), "{seen:?}");
    assert!(start.elapsed() < BOUND);
}

fn owner_in_a_file(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join(owner::FILE), bytes).expect("a file");
    assert_eq!(owner::see(open(dir.path())), owner::parse(bytes));
}

fn record_in_a_file(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("record"), bytes).expect("a file");
    let seen = RecordReader::open(open(dir.path())).and_then(|record| record.read());
    match (seen, Snapshot::parse(bytes)) {
        (Ok(seen), Ok(parsed)) => assert_eq!(seen, parsed),
        (Err(seen), Err(parsed)) => assert_eq!(seen.to_string(), parsed.to_string()),
        (seen, parsed) => panic!("{seen:?} in a file, {parsed:?} in memory"),
    }
}

fn open(dir: &Path) -> File {
    File::open(dir).expect("a directory")
}

/// Bytes that look nearly right: pieces of the true grammar among anything.
fn nearly(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
        Just(b" ".to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_flag_of_any_bytes_keeps_the_properties(
        start in nearly(&["0", "1   ", "user", "-", "1874909537128", "99999999999999999999"]),
        fill in any::<u8>(),
    ) {
        let mut bytes = start;
        bytes.resize(64, fill);
        flag::check(&bytes);
    }

    #[test]
    fn a_line_for_control_keeps_the_properties(
        line in nearly(&["1 stop", "worker=", "all", "rung=", "kill", "grace_ms=", "kill_after_ms=", "unaware_ms=", "infinity", "reason=", "0", "7", "\0", "1 extend", "time_ms=", "1 signal", "signal=", "id=", "until_ns="]),
    ) {
        request::check(&line);
    }

    #[test]
    fn a_datagram_keeps_the_properties(
        datagram in nearly(&["READY=1", "STOPPING=1", "STATUS=", "EXTEND_TIMEOUT_USEC=", "\n", "=", "0", "7", "\0", "\u{1b}[2J", "\"\\"]),
    ) {
        notify::check(&datagram);
    }

    #[test]
    fn what_is_typed_keeps_the_properties(
        line in nearly(&["1", "d", "h", "ms", ".5", "infinity", "SIG", "RTMIN", "+", "train", "-", "/"]),
    ) {
        typed::check(&line);
    }

    #[test]
    fn an_owner_file_of_any_bytes_keeps_the_properties(
        word in any::<u32>(),
        line in nearly(&["1 ", "4711 ", "123456 ", "-", "6c7b1a3e-7a5c ", "4026531836", "\n", "-1 "]),
        length in 0_usize..300,
    ) {
        let mut bytes = word.to_ne_bytes().to_vec();
        bytes.resize(64, 0);
        bytes.extend(&line);
        bytes.resize(length, b'\n');
        properties::owner::check(&bytes);
        owner_in_a_file(&bytes);
    }

    #[test]
    fn a_record_with_any_damage_keeps_the_properties(
        damage in prop::collection::vec((0_usize..9000, any::<u8>()), 0..6),
        length in prop_oneof![Just(usize::MAX), 0_usize..9000],
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let run = RunRecord::new("train".into(), Pid::FIRST, vec!["sleep".into(), "1".into()], 3);
        let whole = Record::create(open(dir.path()), &run).expect("a record");
        drop(whole);
        let mut bytes = fs::read(dir.path().join("record")).expect("the record");
        let seen = Snapshot::parse(&bytes).expect("a record without damage");
        prop_assert_eq!(seen.run, run);
        for (place, byte) in damage {
            if let Some(there) = bytes.get_mut(place) {
                *there = byte;
            }
        }
        bytes.truncate(length);
        properties::record::check(&bytes);
        record_in_a_file(&bytes);
    }
}
