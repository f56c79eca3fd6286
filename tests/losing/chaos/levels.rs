//! What every flag of a round said: levels only rise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::NAME;
use crate::support::base::Base;
use crate::support::owner::Flags;

/// The level of each flag as it was seen last, and which of them were cut.
#[derive(Default)]
pub(crate) struct Levels {
    seen: Mutex<BTreeMap<String, char>>,
    cut: Mutex<BTreeSet<String>>,
}

impl Levels {
    pub(crate) fn watch(&self, base: &Base, ended: &AtomicBool) {
        let mut flags: Option<Flags> = None;
        while !ended.load(Ordering::Relaxed) {
            match &mut flags {
                None if base.runs().join(NAME).is_dir() => flags = Some(Flags::of(base, NAME)),
                None => thread::sleep(Duration::from_millis(1)),
                Some(flags) => {
                    flags.open_new();
                    self.compare(flags);
                    flags.wait_for_change(Duration::from_millis(5));
                }
            }
        }
    }

    pub(crate) fn cuts(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.cut.lock().expect("nobody panicked")
    }

    fn compare(&self, flags: &Flags) {
        let mut seen = self.seen.lock().expect("nobody panicked");
        for (name, text) in flags.texts() {
            // One that was cut shows none until it is whole again.
            let Some(level) = text.chars().next().filter(char::is_ascii_digit) else {
                continue;
            };
            let before = seen.insert(name.clone(), level).unwrap_or(level);
            // Of one that was cut before its level was on record, an owner that takes over knows the
            // level before.
            let was_cut = self.cuts().contains(&name);
            assert!(
                before <= level || (was_cut && level >= '1'),
                "{name} fell from {before} to {level}: {text:?}"
            );
        }
    }
}
