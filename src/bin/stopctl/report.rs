//! What `run` tells people while it works: as few plain lines as leave nobody guessing.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::time::Duration;

use stopctl::decide::outcome::{Final, Outcome};
use stopctl::enforce::event::{Event, Witness};
use stopctl::linux::plain::plain;
use stopctl::linux::stream::Stream;
use stopctl::linux::terminal::keys_reach_us;
use stopctl::outside::fate::Fate;
use stopctl::run::plan::Plan;
use stopctl::run::spawn::{Exposure, Place};
use stopctl::words::ended::Ended;
use stopctl::words::moment::Moment;
use stopctl::words::pid::Pid;
use stopctl::words::reason::Reason;
use stopctl::words::worker_number::WorkerNumber;

use crate::report::annotations::Annotations;
use crate::report::events::Events;
use crate::report::progress::Progress;
use crate::report::seclusion::Seclusion;
use crate::say;
use crate::say::letters::escaped;
use crate::say::summary;
use crate::say::voice::{Trace, Voice, Weight};

pub(crate) mod annotations;
mod behind;
pub(crate) mod events;
mod progress;
mod seclusion;
mod written;

/// Speaks for a run, and writes its events.
pub(crate) struct Report {
    voice: Voice,
    events: Option<Events>,
    annotations: Option<Annotations>,
    progress: Progress,
    seclusion: Option<Seclusion>,
    /// How many workers the run was to have.
    count: u32,
    /// Whether the keys of our terminal are not for the worker.
    has_key: bool,
    /// Whether a signal that somebody sends to every process at once reaches the workers. A key of the
    /// terminal does not.
    is_exposed: bool,
    finals: Vec<Final>,
    /// The signals that were passed on, and to which worker.
    forwarded: BTreeSet<(WorkerNumber, i32)>,
    said: BTreeSet<Once>,
    /// How long the run, or its stop, took, once it is over.
    took: Option<Duration>,
}

/// What is said once at most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Once {
    HowToStop,
    Junk,
}

impl Report {
    pub(crate) fn new(
        voice: Voice,
        events: Option<Events>,
        annotations: Option<Annotations>,
        plan: &Plan,
    ) -> Self {
        let program = std::path::Path::new(&plan.command[0])
            .file_name()
            .unwrap_or_default();
        Self {
            voice,
            events,
            annotations,
            progress: Progress::new(escaped(program), plan),
            seclusion: Seclusion::of(plan),
            count: plan.workers,
            has_key: plan.place == Place::OwnSession,
            is_exposed: plan.exposure == Exposure::Open && plan.place == Place::OwnSession,
            finals: Vec::new(),
            forwarded: BTreeSet::new(),
            said: BTreeSet::new(),
            took: None,
        }
    }

    /// For a person at a terminal: a run says nothing else as long as nothing happens. Of one whose program
    /// cannot be run there is nothing to stop.
    fn say_how_to_stop(&mut self) {
        if self.said.insert(Once::HowToStop) && std::io::stderr().is_terminal() {
            let has_key = self.has_key && keys_reach_us();
            let line = say::stopping::start(&self.progress.run, self.count, has_key);
            self.voice.say(Weight::Notice, &line);
        }
    }

    fn warn(&mut self, line: &str) {
        self.voice.say(Weight::Warning, line);
    }

    fn run_ended(
        &mut self,
        now: Moment,
        status: Option<u8>,
        reason: Option<&Reason>,
        duration: Duration,
    ) {
        let bad = |last: &Final| last.ended.is_none_or(|ended| !ended.is_success());
        self.progress.say_who_failed(&mut self.voice);
        let began = self.progress.began();
        let time = began.map_or(duration, |began| now.since(began));
        if began.is_some() || (self.count > 1 && self.finals.iter().any(bad)) {
            let fates: Vec<Fate> = self.finals.iter().map(Fate::from).collect();
            let (run, signal) = (&self.progress.run, &self.progress.stop_signal);
            let line = summary::over_after(run, time, &fates, signal);
            self.voice.insist(Weight::Notice, &line);
        }
        let not_ours = |status| say::end::not_ours(status, reason, &self.finals);
        if let Some(line) = status.and_then(not_ours) {
            self.warn(&line);
        }
        self.took = Some(time);
    }

    fn streams(&self) -> impl Iterator<Item = &Stream> {
        let events = self.events.as_ref().map(Events::stream);
        self.voice.stream().into_iter().chain(events)
    }

    fn streams_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        let events = self.events.as_mut().map(Events::stream_mut);
        self.voice.stream_mut().into_iter().chain(events)
    }

    /// Keeps what the lines about a stop need to know.
    fn follow(&mut self, now: Moment, event: &Event<'_>) {
        let progress = &mut self.progress;
        match event {
            Event::RunStarted { run, .. } => run.name.clone_into(&mut progress.run),
            Event::WorkerStarted { worker, pid, .. } => {
                progress.started(now, *worker, *pid);
                self.say_how_to_stop();
            }
            Event::Adopted { worker, pid } => progress.started(now, *worker, *pid),
            Event::Signalled { signal } => progress.signalled(*signal),
            Event::StopRequested {
                reason,
                workers,
                unaware,
                all,
            } => {
                progress.asked(now, reason, (workers, unaware), *all);
            }
            Event::FlagRaised {
                worker,
                level,
                deadline,
                ..
            } => {
                progress.raised(*worker, *level, deadline.map(|left| now + left));
            }
            Event::SignalSent {
                worker,
                pid,
                signal,
            } => progress.sent(now, *worker, *pid, *signal),
            Event::Ignored { worker, .. } => progress.ignored(*worker),
            Event::Straggler { worker, straggler } => {
                let what = format!("{} (pid {})", escaped(&straggler.program), straggler.pid);
                progress.left_behind(now, *worker, straggler.pid, what);
            }
            Event::StragglerEnded { pid, .. } => progress.straggler_ended(*pid),
            Event::MainEnded {
                worker,
                ended,
                asked,
            } => progress.main_ended(now, *worker, *ended, *asked),
            Event::WorkerEnded(last) => progress.ended(now, last),
            Event::Resumed { .. } => progress.resumed(now),
            Event::Forwarded { worker, signal } => {
                self.forwarded.insert((*worker, *signal));
            }
            Event::SupervisorDied { name, .. } => {
                // The guard knows what was true when it was forked.
                progress.forget_workers();
                (*name).clone_into(&mut progress.run);
            }
            Event::CalledOff { worker, .. } => progress.called_off(*worker),
            Event::FirstLook { .. }
            | Event::Extended { .. }
            | Event::WorkerReady { .. }
            | Event::Acknowledged { .. }
            | Event::SignalRefused { .. }
            | Event::NotEnded { .. }
            | Event::StragglerLeft { .. }
            | Event::Nobodys { .. }
            | Event::ForeignReaped { .. }
            | Event::Repeated { .. }
            | Event::Junk
            | Event::Warning(_)
            | Event::GuardStarted { .. }
            | Event::GuardEnded { .. }
            | Event::PutBack { .. }
            | Event::Healed { .. }
            | Event::Suspended
            | Event::Deposed
            | Event::RunEnded { .. } => {}
        }
    }

    /// What is said at once.
    fn speak(&mut self, now: Moment, event: &Event<'_>) {
        for (weight, line) in say::event::lines(event, &self.progress.stop_signal) {
            self.voice.say(weight, &line);
        }
        if let Event::MainEnded {
            worker,
            ended,
            asked: false,
        } = event
        {
            if self.count > 1 && !ended.is_some_and(Ended::is_success) {
                self.warn(&say::end::failed(*worker, *ended, self.progress.running()));
            }
            let age = self.progress.age(*worker, now);
            let seclusion = self.seclusion.as_ref();
            if let Some(line) = seclusion.and_then(|one| one.told(*ended, age)) {
                self.warn(&line);
            }
        } else if let Event::WorkerEnded(last) = event {
            self.worker_ended(last);
        } else if let Event::RunEnded {
            status,
            reason,
            duration,
        } = event
        {
            self.run_ended(now, *status, *reason, *duration);
        } else if matches!(event, Event::Junk) && self.said.insert(Once::Junk) {
            self.warn("ignored something in 'control' that is no request");
        }
    }

    fn worker_ended(&mut self, last: &Final) {
        if last.outcome == Outcome::ByOthers {
            let same = |other: &Final| (other.outcome, other.ended) == (last.outcome, last.ended);
            // The hint is given once: the others died of the same.
            let is_known = self.finals.iter().any(same);
            let line = match last.ended {
                Some(Ended::Signalled(signal))
                    if self.forwarded.contains(&(last.worker, signal)) =>
                {
                    say::end::by_forwarded(last)
                }
                Some(_) | None => say::end::by_others(last, is_known, self.is_exposed),
            };
            self.warn(&line);
        }
        self.finals.push(last.clone());
    }

    fn annotate(&mut self, time: Duration) {
        let Some(annotations) = &self.annotations else {
            return;
        };
        let (run, finals) = (&self.progress.run, &self.finals);
        for line in annotations.lines(run, time, finals) {
            self.voice.pass(&line);
        }
        if let Err(error) = annotations.summarise(run, time, finals) {
            self.warn(&format!("GITHUB_STEP_SUMMARY: {}", plain(&error)));
        }
    }
}

impl Witness for Report {
    fn see(&mut self, now: Moment, event: &Event<'_>) {
        tracing::trace!("{event:?}");
        self.voice.pass(&Trace::take());
        if matches!(event, Event::SupervisorDied { .. }) {
            // The parent has written what was waiting when this process was forked.
            self.streams_mut().for_each(Stream::forget);
        }
        if let Some(events) = &mut self.events {
            events.write(event);
        }
        self.follow(now, event);
        self.speak(now, event);
    }

    fn deadline(&self) -> Option<Moment> {
        let waiting = self.streams().filter_map(Stream::deadline);
        waiting.chain(self.progress.deadline()).min()
    }

    fn tick(&mut self, now: Moment) {
        self.progress.tick(now, &mut self.voice);
        self.streams_mut().for_each(|stream| stream.go_on(now));
    }

    fn helpers(&self) -> Vec<Pid> {
        self.streams().filter_map(Stream::helper).collect()
    }

    fn end(&mut self) {
        if let Some(time) = self.took {
            self.annotate(time);
        }
        written::finish(&mut self.voice, self.events.as_mut());
    }
}
