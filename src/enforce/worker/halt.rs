//! Whether a worker's main process is stopped, and by whom.

/// Who stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// Nobody, as far as the kernel has told.
    No,
    /// Somebody else, or itself.
    ByOthers,
    /// We did, for the time of a suspension.
    Suspended,
}

impl Halt {
    /// What it is after the kernel has told that it was stopped, or continued.
    pub(super) fn after_news(self, stopped: bool) -> Self {
        match (stopped, self) {
            (false, _) => Self::No,
            (true, Self::No | Self::ByOthers) => Self::ByOthers,
            (true, Self::Suspended) => Self::Suspended,
        }
    }

    /// What it is after the suspension is over.
    pub(super) fn after_suspension(self) -> Self {
        match self {
            Self::Suspended => Self::No,
            Self::No | Self::ByOthers => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Halt;

    #[test]
    fn the_news_of_our_own_stop_makes_it_nobody_elses() {
        assert_eq!(Halt::No.after_news(true), Halt::ByOthers);
        assert_eq!(Halt::ByOthers.after_news(true), Halt::ByOthers);
        assert_eq!(Halt::Suspended.after_news(true), Halt::Suspended);
        for halt in [Halt::No, Halt::ByOthers, Halt::Suspended] {
            assert_eq!(halt.after_news(false), Halt::No);
        }
    }

    #[test]
    fn the_end_of_a_suspension_leaves_the_stops_of_others() {
        assert_eq!(Halt::Suspended.after_suspension(), Halt::No);
        assert_eq!(Halt::ByOthers.after_suspension(), Halt::ByOthers);
    }
}
