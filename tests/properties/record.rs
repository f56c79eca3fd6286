//! The record: as many workers as its header says, none of them out of thin air.

use stopctl::contract::record::Snapshot;

/// As stopctl itself lays the file out.
const HEADER: usize = 4096;
const SLOT: usize = 1024;
const HEADER_TEXT: usize = 8;
const SLOT_TEXT: usize = 64;

/// More lines than this find nothing that fewer do not.
const LINES: usize = 8;

/// Takes the bytes as a whole record, and also as the lines of one: the padding is most of a
/// record, and nothing that a fuzzer should have to guess.
pub(crate) fn check(bytes: &[u8]) {
    whole(bytes);
    whole(&laid_out(bytes));
}

/// The first line in the header's place, and each of the next few in a worker's.
fn laid_out(lines: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'\n'; HEADER_TEXT];
    let mut end = HEADER;
    for line in lines.split(|&b| b == b'\n').take(LINES) {
        bytes.extend(line);
        bytes.resize(end, b'\n');
        bytes.resize(end + SLOT_TEXT, b'\n');
        end += SLOT;
    }
    bytes
}

fn whole(bytes: &[u8]) {
    let seen = match Snapshot::parse(bytes) {
        Ok(seen) => seen,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let workers = seen.run.workers as usize;
    assert_eq!(seen.workers.len(), workers);
    assert!(HEADER + workers * SLOT <= bytes.len());
    if let Some(written) = written(&seen, &bytes[..4]) {
        assert_eq!(Snapshot::parse(&written).ok(), Some(seen));
    }
}

/// `None` if it needs more room than its place has: the text that was read may have left out what
/// is absent, and numbers are written in one way only.
fn written(seen: &Snapshot, generation: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = generation.to_vec();
    bytes.resize(HEADER_TEXT, b'\n');
    write(&mut bytes, serde_json::to_vec(&seen.run), HEADER)?;
    for worker in &seen.workers {
        let end = bytes.len() + SLOT;
        bytes.resize(end - SLOT + SLOT_TEXT, b'\n');
        write(&mut bytes, serde_json::to_vec(worker), end)?;
    }
    Some(bytes)
}

fn write(bytes: &mut Vec<u8>, text: serde_json::Result<Vec<u8>>, end: usize) -> Option<()> {
    bytes.extend(text.expect("structs of texts and numbers"));
    let fits = bytes.len() <= end;
    bytes.resize(end, b'\n');
    fits.then_some(())
}
