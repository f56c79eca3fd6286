//! Numbers that look random and can be had again, and what is printed of many measurements.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The seed of a test: `STOPCTL_TEST_SEED`, or another one each time. It is printed, so that what
/// failed can be tried again.
pub(crate) fn seed(test: &str) -> u64 {
    let asked = std::env::var("STOPCTL_TEST_SEED").ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = asked.map_or_else(
        || now.map_or(0, |now| now.subsec_nanos().into()),
        |asked| asked.parse().expect("a number as the seed"),
    );
    tell(&format!("{test}: STOPCTL_TEST_SEED={seed}"));
    seed
}

/// Past the test harness, which would swallow it.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A sequence of numbers that its seed determines (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of one round: it depends on nothing but the two numbers.
    pub(crate) fn of_round(seed: u64, round: usize) -> Self {
        let mut random = Self(seed ^ (round as u64).wrapping_mul(0xa076_1d64_78bd_642f));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        let count = from.len() as u64;
        from[usize::try_from(self.below(count)).expect("an index")]
    }

    pub(crate) fn micros_below(&mut self, end: u64) -> Duration {
        Duration::from_micros(self.below(end))
    }
}

/// Prints how long something took in all rounds; the longest is answered.
#[track_caller]
pub(crate) fn distribution(what: &str, mut took: Vec<Duration>) -> Duration {
    took.sort();
    let at = |part: usize| {
        took.get((took.len().saturating_sub(1)) * part / 100)
            .copied()
    };
    let [Some(least), Some(median), Some(late), Some(most)] = [at(0), at(50), at(99), at(100)]
    else {
        tell(&format!("{what}: nothing measured"));
        return Duration::ZERO;
    };
    tell(&format!(
        "{what}: {} measured, min {least:.1?}, median {median:.1?}, p99 {late:.1?}, max {most:.1?}",
        took.len()
    ));
    most
}

/// What the machine itself is late by, while this lives: a bound that the program keeps has to be
/// read together with it.
#[must_use = "it is asked at the end"]
pub(crate) struct Lateness(Arc<AtomicU64>);

impl Lateness {
    /// Watches by a thread that wants to be woken each millisecond.
    pub(crate) fn watched() -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&most);
        thread::spawn(move || {
            while let Some(most) = watched.upgrade() {
                let before = Instant::now();
                thread::sleep(Duration::from_millis(1));
                let late = before.elapsed().saturating_sub(Duration::from_millis(1));
                let late = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
                most.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self(most)
    }

    /// The latest until now.
    pub(crate) fn most(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// It took no longer than `bound`, and than what this machine was late by: waking up the one
    /// who acts, and those who have to be out of its way, each took as long at the most.
    #[track_caller]
    pub(crate) fn within(&self, bound: Duration, took: Duration, what: &str) {
        let late = self.most();
        assert!(
            took <= bound + 4 * late,
            "{what} took {took:?}; the machine was late by {late:?}"
        );
    }
}
