//! How workers are to be stopped.

use crate::contract::control::StopRequest;
use crate::decide::ladder::{Input, Rung};
use crate::decide::times::Wanted;

/// How workers are to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// From the flag on, with these times.
    Ask(Wanted),
    /// On this rung at least.
    AtLeast(Rung),
}

impl How {
    /// From the flag on, with the times of the run.
    pub(crate) const OWN_TIMES: Self = Self::Ask(Wanted::NOTHING);

    /// How a request wants it.
    pub(super) fn of(request: &StopRequest) -> Self {
        match request.rung {
            Rung::Flag => Self::Ask(request.times),
            rung @ (Rung::Term | Rung::Kill) => Self::AtLeast(rung),
        }
    }

    /// What a ladder is told.
    pub(super) fn input(self) -> Input {
        match self {
            Self::Ask(times) => Input::Stop(times),
            Self::AtLeast(rung) => Input::AtLeast(rung),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{How, Input, Rung, StopRequest, Wanted};

    #[test]
    fn a_request_for_the_flag_keeps_its_times_and_any_other_is_at_once() {
        let soon = Wanted::within(std::time::Duration::from_secs(1));
        for (rung, input) in [
            (Rung::Flag, Input::Stop(soon)),
            (Rung::Term, Input::AtLeast(Rung::Term)),
            (Rung::Kill, Input::AtLeast(Rung::Kill)),
        ] {
            let request = StopRequest {
                rung,
                times: soon,
                ..StopRequest::parse("1 stop").unwrap()
            };
            assert_eq!(How::of(&request).input(), input);
        }
        assert_eq!(How::OWN_TIMES.input(), Input::Stop(Wanted::NOTHING));
    }
}
