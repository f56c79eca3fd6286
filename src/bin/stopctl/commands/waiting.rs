//! Waiting for runs that are being stopped, and telling meanwhile who has left and who is still
//! there.

use std::collections::BTreeSet;

use stopctl::decide::rhythm::Rhythm;
use stopctl::linux::interrupts::Interrupts;
use stopctl::outside::stop::{Course, Stop};
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use crate::say::asking::{self, hearing};
use crate::say::voice::{Voice, Weight};
use crate::say::workers::counted;
use crate::show::draw;
use crate::show::picture::{Picture, still_there};
use crate::show::screen::heed;

/// Why the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There is nothing left to wait for.
    ToTheEnd,
    /// This signal has ended it; the stop goes on.
    Until(i32),
}

/// Waits for the first of these runs, and looks after the others meanwhile. A signal ends the wait,
/// or does what it does to a picture.
pub(crate) fn watch(stops: &mut [Stop<'_>], voice: &mut Voice, interrupts: &Interrupts) -> Waited {
    let Some((first, later)) = stops.split_first_mut() else {
        return Waited::ToTheEnd;
    };
    let mut telling = Telling::new(first, later.len());
    let waited = loop {
        if let Some(signal) = heed(interrupts, voice.screen()) {
            break Waited::Until(signal);
        }
        for stop in later.iter_mut() {
            stop.look(&mut hearing(voice));
        }
        if !wait_once(first, &mut telling, voice) {
            break Waited::ToTheEnd;
        }
    };
    // The next line comes where the picture was.
    if let Some(screen) = voice.screen() {
        screen.wipe();
    }
    waited
}

/// Waits until all that were asked have ended; for a whole run, until its name is free and its
/// supervisor gone. A signal ends us.
pub(crate) fn wait(stop: &mut Stop<'_>, voice: &mut Voice) {
    let mut telling = Telling::new(stop, 0);
    while wait_once(stop, &mut telling, voice) {}
}

/// Looks, does what has to be done, and sleeps until something may have changed; answers whether
/// there is something to wait for.
fn wait_once(stop: &mut Stop<'_>, telling: &mut Telling, voice: &mut Voice) -> bool {
    let course = stop.look(&mut hearing(voice));
    match course {
        Course::Over => return false,
        Course::Again => {}
        Course::GoesOn => {
            let due = telling.tell(stop, voice);
            stop.sleep(due);
        }
    }
    true
}

/// What we have told so far, and when the next line is due.
struct Telling {
    /// The workers whose end we have told already.
    told: BTreeSet<WorkerNumber>,
    /// The workers that were still there when the wait began.
    awaited: Vec<WorkerNumber>,
    rhythm: Rhythm,
    /// How many runs we wait for after this one.
    later: usize,
}

impl Telling {
    fn new(stop: &Stop<'_>, later: usize) -> Self {
        let ended = stop.asked().iter().copied();
        Self {
            told: ended.filter(|&one| stop.has_ended(one)).collect(),
            awaited: stop.there(),
            rhythm: Rhythm::new(stopctl::now()),
            later,
        }
    }

    /// Says what is due, and draws. Answers when there will be something to tell if nothing
    /// happens.
    fn tell(&mut self, stop: &Stop<'_>, voice: &mut Voice) -> Moment {
        let now = stopctl::now();
        let there = stop.there();
        let left = stop.asked().iter().copied();
        let news = left.filter(|&one| stop.has_ended(one) && !self.told.contains(&one));
        let news: Vec<WorkerNumber> = news.collect();
        if !news.is_empty() {
            self.rhythm.left(now);
        }
        // A picture shows all the time what a line would say now and then.
        let has_picture = voice.screen().is_some_and(|screen| screen.has_picture());
        let is_silent = self.rhythm.ends_silence(now) && !has_picture;
        if there.is_empty() {
            // The end says what became of all of them.
            self.rhythm.told();
        } else if is_silent || self.rhythm.leavers_are_due(now) {
            self.rhythm.told();
            let line = asking::leavers(stop, &news, &there, is_silent, now);
            voice.say(Weight::Notice, &line);
            self.told.extend(news);
        }
        let silence_ends = self.rhythm.silence_ends();
        let next_line = self.rhythm.leavers_at().into_iter().chain([silence_ends]);
        let drawn = self.draw(stop, &there, voice, now);
        next_line.chain(drawn).min().unwrap_or(silence_ends)
    }

    /// Draws who is still there; answers when that has to be done again.
    fn draw(
        &self,
        stop: &Stop<'_>,
        there: &[WorkerNumber],
        voice: &mut Voice,
        now: Moment,
    ) -> Option<Moment> {
        let screen = voice.screen()?;
        let (name, seen) = (stop.run().name(), stop.run().seen());
        let then = if self.later == 0 {
            String::new()
        } else {
            format!("; then {}", counted(self.later, "more run"))
        };
        let picture = Picture {
            head: format!("{name}: {}{then}", still_there(there, &self.awaited)),
            run: &seen.run,
            workers: &seen.workers,
            shown: there,
        };
        draw(&picture, screen, now)
    }
}
