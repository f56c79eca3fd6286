//! The owner file: its first word says whether the owner lives, and it names nobody who is not in
//! it.

use stopctl::contract::owner::{self, OwnerSeen};

/// As stopctl itself lays the file out.
const LEN: usize = 256;
const TEXT: usize = 64;

pub(crate) fn check(bytes: &[u8]) {
    let seen = owner::parse(bytes);
    let (identity, dead) = match &seen {
        OwnerSeen::Alive { owner, .. } => (owner, false),
        OwnerSeen::Died { owner, .. } => (owner, true),
        OwnerSeen::Changing { .. } | OwnerSeen::Unreadable | OwnerSeen::Spoilt => return,
    };
    let word = *bytes.first_chunk().expect("nobody reads an owner in less");
    let word = u32::from_ne_bytes(word);
    assert_eq!(word == 0 || owner::has_died(word), dead);
    let there = String::from_utf8_lossy(bytes);
    let numbers = [
        identity.pid.get().unsigned_abs().into(),
        identity.start,
        identity.pid_namespace,
    ];
    for number in numbers {
        assert!(there.contains(&number.to_string()), "{number}: {there}");
    }
    assert!(there.contains(&identity.boot_id));

    let mut written = [b'\n'; LEN];
    written[..TEXT].fill(0);
    written[..4].copy_from_slice(&word.to_ne_bytes());
    let line = identity.to_string();
    if line.len() > LEN - TEXT {
        // A number of a boot that fills the file is nobody's.
        return;
    }
    written[TEXT..TEXT + line.len()].copy_from_slice(line.as_bytes());
    assert_eq!(owner::parse(&written), seen);
}
