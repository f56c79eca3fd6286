//! What is told of a run while it is waited for: who left, who is still there, and the picture.

use std::collections::BTreeSet;
use std::time::Duration;

use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use super::Target;
use crate::picture::{Picture, soonest, still_there};
use crate::say::stopping;
use crate::say::workers::counted;
use crate::voice::{Voice, Weight};
use crate::{summary, words};

/// Those who leave within this time of one another are said in one line.
const TOGETHER: Duration = Duration::from_millis(200);

/// The longest silence without a picture, at first; it doubles with each line that ends one.
const SILENCE: Duration = Duration::from_secs(5);

/// The longest silence later on.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// How far the telling is.
pub(super) struct Telling {
    /// Those whose end needs no word any more.
    told: BTreeSet<WorkerNumber>,
    /// When those who left meanwhile are said.
    leavers_at: Option<Moment>,
    silence: Duration,
    /// When a line is due even if nothing has changed.
    silence_ends: Moment,
    /// How many runs are waited for after this one.
    later: usize,
}

impl Telling {
    pub(super) fn new(target: &Target<'_>, later: usize) -> Self {
        let ended = target.asked.iter().copied();
        Self {
            told: ended.filter(|&one| target.has_ended(one)).collect(),
            leavers_at: None,
            silence: SILENCE,
            silence_ends: stopctl::now() + SILENCE,
            later,
        }
    }
}

impl Target<'_> {
    /// Says what is due, and draws. Answers when there will be something to tell if nothing
    /// happens.
    pub(super) fn tell(&self, telling: &mut Telling, voice: &mut Voice) -> Moment {
        let now = stopctl::now();
        let (left, there): (Vec<WorkerNumber>, Vec<WorkerNumber>) =
            self.asked.iter().partition(|&&one| self.has_ended(one));
        let news: Vec<WorkerNumber> = left
            .into_iter()
            .filter(|one| !telling.told.contains(one))
            .collect();
        if !news.is_empty() {
            telling.leavers_at.get_or_insert(now + TOGETHER);
        }
        // What a picture shows all the time need not be said now and then.
        let has_picture = voice.screen().is_some_and(|screen| screen.has_picture());
        let is_silence_over = telling.silence_ends <= now;
        if is_silence_over {
            telling.silence = (telling.silence * 2).min(LONGEST_SILENCE);
            telling.silence_ends = now + telling.silence;
        }
        let is_silent = is_silence_over && !has_picture;
        if there.is_empty() {
            // What became of all of them is said at the end.
            telling.leavers_at = None;
        } else if is_silent || telling.leavers_at.is_some_and(|at| at <= now) {
            telling.leavers_at = None;
            voice.say(
                Weight::Notice,
                &self.leavers_line(&news, &there, is_silent, now),
            );
            telling.told.extend(news);
        }
        let next_line = telling.leavers_at.into_iter().chain([telling.silence_ends]);
        let drawn = self.draw(&there, telling.later, voice, now);
        next_line.chain(drawn).min().unwrap_or(telling.silence_ends)
    }

    /// Who left, and who is still there; with `is_silent`, when the next rung comes for the first
    /// of them.
    fn leavers_line(
        &self,
        left: &[WorkerNumber],
        there: &[WorkerNumber],
        is_silent: bool,
        now: Moment,
    ) -> String {
        let left = self.fates_of(left);
        let seen = &self.run.seen;
        let stopping = there.iter().map(|&worker| &seen[worker]);
        let next = soonest(stopping).filter(|_| is_silent);
        let next = next.and_then(|first| words::next(&seen.run, first, now));
        let parts = [
            Some(summary::listed(&left)).filter(|left| !left.is_empty()),
            Some(stopping::still_there(there, &next.unwrap_or_default())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("{}: {}", self.run.name, parts.join("; "))
    }

    /// Draws who is still there; answers when that has to be done again.
    fn draw(
        &self,
        there: &[WorkerNumber],
        later: usize,
        voice: &mut Voice,
        now: Moment,
    ) -> Option<Moment> {
        let screen = voice.screen()?;
        let (name, seen) = (&self.run.name, &self.run.seen);
        let then = if later == 0 {
            String::new()
        } else {
            format!("; then {}", counted(later, "more run"))
        };
        let picture = Picture {
            head: format!("{name}: {}{then}", still_there(there, &self.asked)),
            run: &seen.run,
            workers: &seen.workers,
            shown: there,
        };
        let postponed = screen.draw(now, |window| picture.lines(now, window));
        let ticks = screen
            .has_picture()
            .then(|| picture.changes_at(now))
            .flatten();
        postponed.or(ticks)
    }

    /// What goes on if it is not waited for.
    pub(crate) fn going_on(&self) -> String {
        let (name, seen, now) = (&self.run.name, &self.run.seen, stopctl::now());
        let there = self
            .asked
            .iter()
            .copied()
            .filter(|&one| !self.has_ended(one));
        let there: Vec<WorkerNumber> = there.collect();
        if there.is_empty() {
            return format!("{name} is over but for its supervisor");
        }
        let stopping = there.iter().map(|&worker| &seen[worker]);
        let next = soonest(stopping).and_then(|first| words::next(&seen.run, first, now));
        let there = stopping::still_there(&there, &next.unwrap_or_default());
        format!("{name} goes on stopping; {there}")
    }
}
