//! How much is measured.

/// How often, and how many.
pub(crate) struct Extent {
    /// Whether the numbers are worth keeping.
    pub(crate) is_whole: bool,
    /// Rounds of a short command.
    pub(crate) short: usize,
    /// How often a thing is counted.
    pub(crate) counts: usize,
    /// Rounds of a run with this many workers.
    pub(crate) rounds: fn(u32) -> usize,
    /// Rounds of the managers, which take a second each.
    pub(crate) managers: usize,
    /// The largest run.
    pub(crate) most: u32,
    /// How long idle runs are watched, in seconds.
    pub(crate) idle: u64,
}

/// Under six minutes on two idle cores, builds aside.
const WHOLE: Extent = Extent {
    is_whole: true,
    short: 200,
    counts: 3,
    rounds: |workers| match workers {
        0..=10 => 40,
        11..=100 => 20,
        101..=1000 => 7,
        _ => 3,
    },
    managers: 5,
    most: 10_000,
    idle: 10,
};

/// A few seconds.
const ONCE: Extent = Extent {
    is_whole: false,
    short: 1,
    counts: 1,
    rounds: |_| 1,
    managers: 1,
    most: 10,
    idle: 1,
};

impl Extent {
    /// What `STOPCTL_BENCH` asks for.
    pub(crate) fn asked() -> Self {
        match std::env::var("STOPCTL_BENCH").as_deref() {
            Err(_) => WHOLE,
            Ok("once") => ONCE,
            Ok(other) => panic!("STOPCTL_BENCH is {other:?}, and not \"once\""),
        }
    }

    /// Those of `sizes` that are no larger than the largest run.
    pub(crate) fn sizes(&self, sizes: &[u32]) -> Vec<u32> {
        let within = sizes.iter().copied().filter(|&size| size <= self.most);
        within.collect()
    }
}
