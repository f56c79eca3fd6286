//! Hostile bytes: whatever stands in a flag, an owner file, a record or a request, the reader
//! answers in a bounded time, without a panic, and with nothing that was not there.
//!
//! `PROPTEST_CASES` says how long: 256 cases of each by default, more in CI.

use std::fs::{self, File};

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use stopctl::control::Request;
use stopctl::flag::format;
use stopctl::owner::{self, OwnerSeen};
use stopctl::reason::Reason;
use stopctl::record::{Record, RecordReader, RunRecord};

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
    fn a_flag_of_any_bytes_is_up_or_down_by_its_first_one(
        start in nearly(&["0", "1   ", "user", "-", "1874909537128", "99999999999999999999"]),
        fill in any::<u8>(),
    ) {
        let mut bytes = [fill; format::LEN];
        let length = start.len().min(format::LEN);
        bytes[..length].copy_from_slice(&start[..length]);
        let request = format::parse(&bytes);
        prop_assert_eq!(request.is_none(), bytes[0] == format::RUNNING);
        if let Some(reason) = request.and_then(|request| request.reason) {
            prop_assert!(Reason::parse(reason.as_str()).is_ok());
        }
    }

    #[test]
    fn a_line_for_control_is_a_request_that_can_be_written_again_or_none(
        line in nearly(&["1 stop", "worker=", "all", "rung=", "kill", "grace_ms=", "infinity", "reason=", "7", "\0"]),
    ) {
        let line = String::from_utf8_lossy(&line);
        if let Some(request) = Request::parse(&line) {
            prop_assert_eq!(Request::parse(&request.to_string()), Some(request));
        }
    }

    #[test]
    fn an_owner_file_of_any_bytes_names_nobody_who_is_not_in_it(
        word in any::<u32>(),
        line in nearly(&["1 ", "4711 ", "123456 ", "-", "6c7b1a3e-7a5c ", "4026531836", "\n", "-1 "]),
        length in 0_usize..300,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let mut bytes = word.to_ne_bytes().to_vec();
        bytes.resize(64, 0);
        bytes.extend(&line);
        bytes.resize(length, b'\n');
        fs::write(dir.path().join(owner::FILE), &bytes).expect("a file");
        match owner::see(File::open(dir.path()).expect("a directory")) {
            OwnerSeen::Alive { owner, .. } => {
                prop_assert!(word != 0 && !owner::has_died(word));
                prop_assert!(String::from_utf8_lossy(&bytes).contains(&owner.pid.to_string()));
            }
            OwnerSeen::Died { .. } => prop_assert!(word == 0 || owner::has_died(word)),
            OwnerSeen::Changing => prop_assert!(word != 0 && !owner::has_died(word)),
            OwnerSeen::Unreadable => {}
        }
    }

    #[test]
    fn a_record_with_any_damage_is_read_or_refused(
        damage in prop::collection::vec((0_usize..9000, any::<u8>()), 0..6),
        length in prop_oneof![Just(usize::MAX), 0_usize..9000],
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || File::open(dir.path()).expect("a directory");
        let run = RunRecord::new("train".into(), 4711, vec!["sleep".into(), "1".into()], 3);
        let whole = Record::create(open(), &run).expect("a record");
        drop(whole);
        let path = dir.path().join("record");
        let mut bytes = fs::read(&path).expect("the record");
        for (place, byte) in damage {
            if let Some(there) = bytes.get_mut(place) {
                *there = byte;
            }
        }
        bytes.truncate(length);
        fs::write(&path, &bytes).expect("the record");
        if let Ok(seen) = RecordReader::open(open()).and_then(|record| record.read()) {
            prop_assert_eq!(seen.workers.len(), seen.run.workers as usize);
        }
    }
}
