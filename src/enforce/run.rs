//! The run as its owner has it: its files, its workers, and everything that is done to all of them.
//! The supervisor enforces the ladder by this and by nothing else, and so does whoever takes over from
//! one.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;

use crate::contract::control::{Extension, Line, Signalling, StopRequest};
use crate::contract::flag::writer::FlagFile;
use crate::contract::run_dir::RunDir;
use crate::decide::ladder::Input;
use crate::decide::outcome::Outcome;
use crate::enforce::event::{Event, Why, Witness};
use crate::enforce::turn::{Rules, Turn};
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::sys;
use crate::tree::Search;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

mod files;
mod how;
mod roster;
mod unstarted;

pub(crate) use files::Files;
pub(crate) use how::How;
pub(crate) use roster::Roster;
use unstarted::Unstarted;

/// How often we look whether a process has ended that there is no descriptor to poll for.
const GLANCE: Duration = Duration::from_millis(100);

/// What an owner has of its run.
pub(crate) struct Run<'a> {
    witness: &'a mut dyn Witness,
    files: Files,
    rules: Rules,
    search: Search,
    begun: Moment,
    /// None, if we have taken over.
    unstarted: Unstarted,
    workers: Roster,
    /// Why the whole run was asked to stop: a latch.
    stopping: Option<Reason>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        files: Files,
        rules: Rules,
        search: Search,
        witness: &'a mut dyn Witness,
    ) -> Self {
        Self {
            witness,
            files,
            rules,
            search,
            begun: sys::now(),
            unstarted: Unstarted::default(),
            workers: Roster::default(),
            stopping: None,
        }
    }

    /// Takes in a worker that was started.
    pub(crate) fn add(&mut self, worker: Worker) {
        self.workers.add(worker);
    }

    /// Takes in a worker of an earlier owner, unless we are not the owner any more: to take it in is to
    /// go on with its ladder.
    pub(crate) fn adopt(&mut self, worker: impl FnOnce(&mut Turn<'_>) -> Worker) {
        if !self.is_ours() {
            return;
        }
        let (_, workers, mut turn) = self.turn(sys::now());
        workers.add(worker(&mut turn));
    }

    /// Has so many workers to start.
    pub(crate) fn set_unstarted(&mut self, workers: u32) {
        self.unstarted = Unstarted::all(workers);
    }

    /// How many workers are still to be started.
    pub(crate) fn unstarted(&self) -> usize {
        self.unstarted.count()
    }

    /// The worker that is to be started now.
    pub(crate) fn take_unstarted(&mut self) -> Option<WorkerNumber> {
        self.unstarted.next()
    }

    /// Starts no worker any more.
    pub(crate) fn forget_unstarted(&mut self) {
        self.unstarted = Unstarted::default();
    }

    /// When it began, or when we took it over.
    pub(crate) fn begun(&self) -> Moment {
        self.begun
    }

    /// Whether we are its owner: somebody else takes it over if we are silent.
    pub(crate) fn is_ours(&self) -> bool {
        self.files.is_ours()
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Where the processes of its workers are looked for.
    pub(crate) fn search(&mut self) -> &mut Search {
        &mut self.search
    }

    pub(crate) fn workers(&self) -> &Roster {
        &self.workers
    }

    /// Why the whole run was asked to stop. Once it was, no worker is started any more.
    pub(crate) fn stopping(&self) -> Option<&Reason> {
        self.stopping.as_ref()
    }

    /// The one blocking call: until something of the run happens or of `others`, at the latest at
    /// the next deadline or `at`. Signals outside `mask` are let through here and nowhere else.
    pub(crate) fn wait<'b>(
        &'b self,
        others: impl Iterator<Item = BorrowedFd<'b>>,
        at: Option<Moment>,
        mask: &SigSet,
    ) {
        let workers = self.workers.astir().filter_map(Worker::deadline);
        let unseen = self.workers.astir().any(Worker::ends_unseen);
        let glance = unseen.then(|| sys::now() + GLANCE);
        let deadlines = workers.chain(at).chain(self.witness.deadline());
        let deadline = deadlines.chain(glance).min();
        let timeout = deadline.map(|deadline| deadline.since(sys::now()));
        // Only the owner reads requests. What is not read would wake us again and again.
        let control = self.is_ours().then(|| self.files.requests());
        let fds = control
            .into_iter()
            .chain(others)
            .chain(self.workers.astir().flat_map(Worker::fds));
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // Any error is a wake-up: EINTR is a signal, and after any other we look all the same.
        let _ = ppoll(&mut fds, timeout.map(TimeSpec::from), Some(*mask));
    }

    /// Reads what was requested.
    pub(crate) fn read_requests(&mut self) -> Vec<Line> {
        self.files.read_requests()
    }

    /// Applies what was requested.
    pub(crate) fn obey(&mut self, lines: Vec<Line>, now: Moment) {
        for line in lines {
            failpoint::pass("request read");
            match line {
                Line::Stop(request) => self.apply_request(&request, now),
                Line::Extension(extension) => self.give_time(extension, now),
                Line::Signalling(asked) => self.send_signal(asked, now),
                Line::Junk => self.witness.see(now, &Event::Junk),
            }
        }
    }

    /// Stops the whole run. The first time it is a latch: no worker is started any more.
    pub(crate) fn stop_all(&mut self, reason: &Reason, how: How, now: Moment) {
        if !self.is_ours() {
            return;
        }
        // A look until now is reported before the stop.
        self.on_each(now, Worker::see_read);
        let all: Vec<WorkerNumber> = self.workers.iter().map(Worker::number).collect();
        if self.stopping.is_none() {
            self.stopping = Some(reason.clone());
            self.files.stopping(reason);
            self.announce(reason, &all, now);
        }
        failpoint::pass("stop is latched");
        self.on_each(now, Worker::remember);
        for number in all {
            self.stop_one(number, reason, how, now);
        }
        self.files.not_started(self.unstarted.numbers());
    }

    /// Climbs one rung with every worker.
    pub(crate) fn hurry(&mut self, now: Moment) {
        // What was not asked to stop cannot be hurried.
        let Some(reason) = self.stopping.clone() else {
            return;
        };
        self.on_each(now, |worker, turn| {
            worker.ask(Input::Hurry, &reason, turn);
        });
    }

    fn apply_request(&mut self, request: &StopRequest, now: Moment) {
        let how = How::of(request);
        let Some(number) = request.worker else {
            return self.stop_all(&request.reason, how, now);
        };
        if !self.is_ours() {
            return;
        }
        if self.workers.get(number).is_some() {
            self.on_worker(number, now, Worker::see_read);
            self.announce(&request.reason, &[number], now);
            self.on_worker(number, now, Worker::remember);
            self.stop_one(number, &request.reason, how, now);
        } else if self.unstarted.call_off(number) {
            self.files.not_started([number].into_iter());
            let (worker, reason) = (number, &request.reason);
            self.witness.see(now, &Event::CalledOff { worker, reason });
        }
    }

    /// Gives more time to those that are meant and were asked to stop.
    fn give_time(&mut self, extension: Extension, now: Moment) {
        let Extension { worker, time } = extension;
        let is_meant = |one: &Worker| worker.is_none_or(|number| number == one.number());
        self.on_each(now, |one, turn| {
            if is_meant(one) {
                one.extend(time, Why::Given, turn);
            }
        });
    }

    /// Reports which of these workers a stop reaches that were not asked before, if there are any.
    fn announce(&mut self, reason: &Reason, numbers: &[WorkerNumber], now: Moment) {
        // ORDER: a start is reported before the stop: after it no worker is started any more.
        for &number in numbers {
            self.on_worker(number, now, Worker::tell_start);
        }
        let all = numbers
            .iter()
            .filter_map(|&number| self.workers.get(number));
        let asked: Vec<&Worker> = all.filter(|worker| worker.can_be_asked()).collect();
        let workers: Vec<WorkerNumber> = asked.iter().map(|worker| worker.number()).collect();
        let unaware = asked.iter().filter(|one| one.has_looked() == Some(false));
        let unaware: Vec<WorkerNumber> = unaware.map(|worker| worker.number()).collect();
        if !workers.is_empty() {
            let requested = Event::StopRequested {
                reason,
                workers: &workers,
                unaware: &unaware,
                all: self.stopping.is_some(),
            };
            self.witness.see(now, &requested);
        }
    }

    fn stop_one(&mut self, number: WorkerNumber, reason: &Reason, how: How, now: Moment) {
        self.on_worker(number, now, |worker, turn| {
            worker.ask(how.input(), reason, turn);
        });
    }

    /// Sends a signal to the main processes that are meant, if somebody still waits for that: once, and the
    /// record tells that it was done.
    fn send_signal(&mut self, asked: Signalling, now: Moment) {
        let Signalling { worker, signal, .. } = asked;
        if self.files.header().has_answered(asked.id) || !self.is_ours() {
            return;
        }
        let mut sent = 0;
        if now <= asked.until {
            self.on_each(now, |one, turn| {
                if worker.is_none_or(|number| number == one.number()) && one.forward(signal, turn) {
                    sent += 1;
                }
            });
        }
        self.files.answer(asked.id, sent);
    }

    /// Looks which of the processes have ended that nobody reaps for us: stragglers, and the main
    /// processes of workers that we adopted.
    pub(crate) fn settle(&mut self, now: Moment) {
        // ORDER: first what has ended, of all workers, then the looks, then what follows from them. So the
        // children of a process that is forgotten here are seen, and so is an orphan that has got the pid
        // of one: no tree is taken for empty too early.
        self.on_each(now, Worker::forget_ended);
        self.look_anew();
        self.pass_orphans_on();
        let adopter = self.search.adopter();
        for is_adopter in [false, true] {
            self.on_each(now, |worker, turn| {
                if (Some(worker.number()) == adopter) == is_adopter {
                    worker.settle(turn);
                }
            });
        }
    }

    /// Gives orphans without any sign to a worker that is not over: one that is over takes no more.
    fn pass_orphans_on(&mut self) {
        let adopter = self.search.adopter();
        let adopter = adopter.and_then(|number| self.workers.get(number));
        if adopter.is_some_and(Worker::is_over) {
            let mut others = self.workers.iter().filter(|one| one.is_to_settle());
            if let Some(next) = others.next() {
                self.search.set_adopter(next.number());
            }
        }
    }

    /// What was seen in an earlier wake-up is out of date.
    fn look_anew(&mut self) {
        let trees = self.workers.astir().map(Worker::tree);
        let held = trees.flat_map(|tree| tree.rest().iter().map(|one| one.pid));
        self.search.restart(held);
    }

    /// Does what is due. The others are passed over: each that something is done to has us ask the
    /// kernel whether the run is ours, and a turn for each of thousands would ask that of them all.
    pub(crate) fn tick(&mut self, now: Moment) {
        let is_due = |worker: &&Worker| worker.deadline().is_some_and(|at| at <= now);
        let due = self.workers.astir().filter(is_due).map(Worker::number);
        for number in due.collect::<Vec<_>>() {
            self.on_worker(number, now, Worker::tick);
        }
    }

    /// What a turn that begins `now` needs, each by itself.
    fn turn(&mut self, now: Moment) -> (&Files, &mut Roster, Turn<'_>) {
        let turn = Turn {
            now,
            rules: &self.rules,
            search: &mut self.search,
            witness: self.witness,
        };
        (&self.files, &mut self.workers, turn)
    }

    /// Does the same to every worker that is not over. If we were deposed, nothing is done: the other
    /// owner does it.
    pub(crate) fn on_each(&mut self, now: Moment, mut act: impl FnMut(&mut Worker, &mut Turn<'_>)) {
        let (files, workers, mut turn) = self.turn(now);
        workers.on_each(|worker| {
            if files.is_ours() {
                act(worker, &mut turn);
            }
        });
    }

    /// Does something to the worker that has this number, if it is not over and we were not deposed.
    pub(crate) fn on_worker(
        &mut self,
        number: WorkerNumber,
        now: Moment,
        act: impl FnOnce(&mut Worker, &mut Turn<'_>),
    ) {
        let (files, workers, mut turn) = self.turn(now);
        if files.is_ours() {
            workers.on(number, |worker| act(worker, &mut turn));
        }
    }

    /// Makes the files again in `dir` whose names are gone. Answers whether there were any.
    ///
    /// # Errors
    ///
    /// As [`OwnerFile::put_back`](crate::contract::owner::OwnerFile::put_back).
    pub(crate) fn put_back_files(&mut self, dir: &RunDir) -> io::Result<bool> {
        self.files.put_back(dir)
    }

    /// Makes the flags again in `dir` whose names are gone. Answers whether there were any, and
    /// why some could not be made.
    pub(crate) fn put_back_flags(&mut self, dir: &RunDir) -> (bool, io::Result<()>) {
        let (mut missing, mut first) = (false, None);
        self.workers
            .on_each(|worker| match worker.put_back_flag(dir) {
                Ok(was_missing) => missing |= was_missing,
                Err(error) => {
                    first.get_or_insert(error);
                }
            });
        (missing, first.map_or(Ok(()), Err))
    }

    /// Other ends of the flags of workers that are not over, by number.
    pub(crate) fn flags(&self) -> BTreeMap<WorkerNumber, FlagFile> {
        let there = self.workers.there();
        let flags = there.map(|worker| (worker.number(), worker.flag().twin()));
        flags.collect()
    }

    /// Asks all workers to stop as well as that can be done at once.
    pub(crate) fn abandon(&mut self) {
        self.workers.on_each(|worker| worker.abandon(&self.rules));
    }

    /// Gives up everything: somebody else is the owner now. Answers whether that is news.
    pub(crate) fn depose(&mut self) -> bool {
        self.stopping.replace(Reason::LOST) != Some(Reason::LOST)
    }

    /// Says that a worker was started whose ladder another owner enforces.
    pub(crate) fn tell_start(&mut self, number: WorkerNumber, now: Moment) {
        let (_, workers, mut turn) = self.turn(now);
        workers.on(number, |worker| worker.tell_start(&mut turn));
    }

    /// Keeps how a worker ended whose ladder another owner enforces, and whether that has just
    /// happened.
    pub(crate) fn write_off(
        &mut self,
        number: WorkerNumber,
        ended: Option<Ended>,
        just_now: bool,
        now: Moment,
    ) {
        let (_, workers, mut turn) = self.turn(now);
        workers.on(number, |worker| {
            worker.write_off(ended, just_now, &mut turn);
        });
    }

    /// Has the record tell of something that the kernel refuses.
    pub(crate) fn lacks(&mut self, what: &str) {
        self.files.lacks(what);
    }

    /// Who is told what happens.
    pub(crate) fn witness(&mut self) -> &mut dyn Witness {
        self.witness
    }

    /// Says that the run has begun in this directory.
    pub(crate) fn tell_begun(&mut self, directory: &Path) {
        let run = self.files.header();
        let begun = Event::RunStarted { run, directory };
        self.witness.see(self.begun, &begun);
    }

    pub(crate) fn tell(&mut self, now: Moment, event: &Event<'_>) {
        self.witness.see(now, event);
    }

    pub(crate) fn warn(&mut self, text: &str) {
        self.witness.see(sys::now(), &Event::Warning(text));
    }

    /// Ends a turn: writes what has changed, and lets the witness report.
    pub(crate) fn publish(&mut self) {
        self.look_anew();
        // An owner that was deposed writes nothing any more.
        if self.is_ours() {
            if let Some(what) = self.files.mend(&mut self.workers) {
                self.warn(&what);
            }
            self.files.write(&mut self.workers);
        }
        self.witness.tick(sys::now());
        for pid in self.witness.helpers() {
            self.search.exclude(pid);
        }
    }

    /// Writes the last word of the run. `status` is its exit status, if anybody can know it.
    pub(crate) fn finish(&mut self, status: Option<u8>) {
        let now = sys::now();
        self.files.over(status);
        let (reason, duration) = (self.stopping.as_ref(), now.since(self.begun));
        failpoint::pass("last word");
        let ended = Event::RunEnded {
            status,
            reason,
            duration,
        };
        self.witness.see(now, &ended);
        self.publish();
    }

    /// Whether something is still there that could not be ended.
    pub(crate) fn leaves_something(&self) -> bool {
        let mut outcomes = self.workers.finals().iter().map(|last| last.outcome);
        outcomes.any(|outcome| outcome == Outcome::NotEnded)
    }
}
