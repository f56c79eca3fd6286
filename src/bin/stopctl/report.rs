//! What `run` tells people while it works: plain lines, the fewest that leave nobody guessing.

use std::collections::BTreeSet;
use std::time::Duration;

use stopctl::decide::outcome::Final;
use stopctl::enforce::event::{Event, Witness};
use stopctl::linux::stream::Stream;
use stopctl::run::plan::Plan;
use stopctl::run::spawn::{Exposure, Place};
use stopctl::words::escape::escaped;
use stopctl::words::moment::Moment;
use stopctl::words::reason::Reason;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use crate::annotations::Annotations;
use crate::events::Events;
use crate::fate::Fate;
use crate::progress::Progress;
use crate::summary;
use crate::voice::{Trace, Voice, Weight};

mod ends;
mod grace;
mod left;
mod words;
mod written;

/// Speaks for a run, and writes its events.
pub(crate) struct Report {
    voice: Voice,
    events: Option<Events>,
    annotations: Option<Annotations>,
    progress: Progress,
    /// How many workers the run was to have.
    count: u32,
    /// Whether workers hear what is sent to every process at once: a key of the terminal is not.
    is_exposed: bool,
    finals: Vec<Final>,
    /// The signals that were passed on, each to which worker.
    forwarded: BTreeSet<(WorkerNumber, i32)>,
    said_junk: bool,
    /// How long the run, or its stop, took, once it is over.
    took: Option<Duration>,
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
            count: plan.workers,
            is_exposed: plan.exposure == Exposure::Open && plan.place == Place::OwnSession,
            finals: Vec::new(),
            forwarded: BTreeSet::new(),
            said_junk: false,
            took: None,
        }
    }

    fn detail(&mut self, line: &str) {
        self.voice.say(Weight::Detail, line);
    }

    fn notice(&mut self, line: &str) {
        self.voice.say(Weight::Notice, line);
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
            let line = summary::over(run, time, &fates, signal);
            self.voice.insist(Weight::Notice, &line);
        }
        let not_ours = |status| words::not_ours(status, reason, &self.finals);
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

    /// What has to do with the stop, for the lines about it.
    fn follow(&mut self, now: Moment, event: &Event<'_>) {
        let progress = &mut self.progress;
        match event {
            Event::RunStarted { run, .. } => run.name.clone_into(&mut progress.run),
            Event::WorkerStarted { worker, pid, .. } | Event::Adopted { worker, pid } => {
                progress.started(now, *worker, *pid);
            }
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
                asked: false,
                ..
            } => progress.main_ended(now, *worker, *ended),
            Event::WorkerEnded(last) => progress.ended(now, last),
            Event::Resumed { .. } => progress.resumed(now),
            Event::Forwarded { worker, signal } => {
                self.forwarded.insert((*worker, *signal));
            }
            Event::SupervisorDied { name, .. } => {
                // What was known when the guard was forked is out of date.
                progress.forget_workers();
                (*name).clone_into(&mut progress.run);
            }
            Event::FirstLook { .. }
            | Event::CalledOff { .. }
            | Event::Extended { .. }
            | Event::WorkerReady { .. }
            | Event::Acknowledged { .. }
            | Event::SignalRefused { .. }
            | Event::MainEnded { .. }
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
        match event {
            Event::Adopted { worker, pid } => {
                self.detail(&format!("worker {worker} taken over: pid {pid}"));
            }
            Event::WorkerStarted { worker, pid, .. } => {
                self.detail(&format!("worker {worker} started: pid {pid}"));
            }
            Event::CalledOff { worker, .. } => self.notice(&words::called_off(*worker)),
            Event::FirstLook { worker } => {
                self.detail(&format!("worker {worker} looked at its flag"));
            }
            Event::Extended {
                worker,
                why,
                deadline,
                times,
            } => self.extended(*worker, *why, *deadline, *times),
            Event::WorkerReady { worker } => self.detail(&format!("worker {worker} is ready")),
            Event::Acknowledged { worker, after } => self.acknowledged(*worker, *after),
            Event::SignalSent {
                worker,
                pid,
                signal,
            } => {
                self.detail(&format!(
                    "{} to pid {pid} (worker {worker})",
                    signal_name(*signal)
                ));
            }
            Event::Forwarded { worker, signal } => {
                self.detail(&format!(
                    "{} passed on to worker {worker}",
                    signal_name(*signal)
                ));
            }
            Event::SignalRefused {
                worker,
                pid,
                signal,
                error,
            } => {
                let signal = signal_name(*signal);
                let line = format!("{signal} to pid {pid} of worker {worker} was refused: {error}");
                self.voice.say(Weight::Error, &line);
            }
            Event::MainEnded {
                worker,
                ended,
                asked,
                left,
            } => {
                self.main_ended(*worker, *ended, *asked, *left);
            }
            Event::NotEnded { .. } | Event::StragglerLeft { .. } | Event::Nobodys { .. } => {
                for (weight, line) in left::lines(event) {
                    self.voice.say(weight, &line);
                }
            }
            Event::WorkerEnded(last) => self.worker_ended(last),
            Event::ForeignReaped { pid } => {
                self.detail(&format!("reaped pid {pid}, which is no worker"));
            }
            Event::Repeated { signal } => {
                let (weight, line) = words::repeated(*signal);
                self.voice.say(weight, &line);
            }
            Event::Junk => {
                if !std::mem::replace(&mut self.said_junk, true) {
                    self.warn("something came through 'control' that is no request: ignored");
                }
            }
            Event::Warning(text) => self.warn(text),
            Event::GuardStarted { pid } => self.detail(&format!("guard started: pid {pid}")),
            Event::GuardEnded { pid } => {
                self.warn(&format!(
                    "the guard (pid {pid}) was killed; starting another"
                ));
            }
            Event::SupervisorDied { pid, name } => {
                self.voice
                    .say(Weight::Error, &words::supervisor_died(*pid, name));
            }
            Event::PutBack { directory } => self.warn(&words::put_back(directory)),
            Event::Healed { worker } => self.warn(&words::healed(*worker)),
            Event::Suspended => self.detail(words::SUSPENDED),
            Event::Resumed { suspended } => self.detail(&words::resumed(*suspended)),
            Event::Deposed => self.warn(words::DEPOSED),
            Event::RunEnded {
                status,
                reason,
                duration,
            } => self.run_ended(now, *status, *reason, *duration),
            Event::RunStarted { .. }
            | Event::Signalled { .. }
            | Event::StopRequested { .. }
            | Event::FlagRaised { .. }
            | Event::Ignored { .. }
            | Event::Straggler { .. }
            | Event::StragglerEnded { .. } => {}
        }
    }
}

impl Witness for Report {
    fn see(&mut self, now: Moment, event: &Event<'_>) {
        tracing::trace!("{event:?}");
        self.voice.pass(&Trace::take());
        if matches!(event, Event::SupervisorDied { .. }) {
            // What waited when this process was forked, its parent has written.
            self.streams_mut().for_each(Stream::forget);
        }
        if let Some(events) = &mut self.events {
            events.write(event);
        }
        self.speak(now, event);
        self.follow(now, event);
    }

    fn deadline(&self) -> Option<Moment> {
        let waiting = self.streams().filter_map(Stream::deadline);
        waiting.chain(self.progress.deadline()).min()
    }

    fn tick(&mut self, now: Moment) {
        self.progress.tick(now, &mut self.voice);
        self.streams_mut().for_each(|stream| stream.go_on(now));
    }

    fn helpers(&self) -> Vec<i32> {
        self.streams().filter_map(Stream::helper).collect()
    }

    fn end(&mut self) {
        if let Some(time) = self.took {
            self.annotate(time);
        }
        written::finish(&mut self.voice, self.events.as_mut());
    }
}
