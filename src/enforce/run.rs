//! The run as its owner has it: its files, its workers, and everything that is done to all of
//! them. The supervisor and whoever takes over from one enforce the ladder by this, and by nothing
//! else.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;

use crate::contract::control::{Control, Line};
use crate::contract::flag::writer::FlagFile;
use crate::contract::owner::OwnerFile;
use crate::contract::record::{Phase, Record, RunRecord};
use crate::contract::run_dir::RunDir;
use crate::decide::outcome::Outcome;
use crate::enforce::event::{Event, Witness};
use crate::enforce::turn::{Rules, Turn};
use crate::enforce::worker::Worker;
use crate::failpoint;
use crate::linux::sys;
use crate::tree::Search;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

mod roster;
mod signal;
mod stop;
mod unstarted;

pub(crate) use roster::Roster;
pub(crate) use stop::How;
pub(crate) use unstarted::Unstarted;

/// How often it is looked whether somebody has ended for whom there is no descriptor to poll.
const GLANCE: Duration = Duration::from_millis(100);

/// What an owner has of its run.
pub(crate) struct Run<'a> {
    pub(crate) witness: &'a mut dyn Witness,
    pub(crate) files: Files,
    pub(crate) rules: Rules,
    pub(crate) search: Search,
    pub(crate) begun: Moment,
    /// Nobody of them, where we have taken over.
    pub(crate) unstarted: Unstarted,
    workers: Roster,
    /// Why the whole run was asked to stop: a latch.
    stopping: Option<Reason>,
}

/// The files of a run that only its owner writes.
pub(crate) struct Files {
    pub(crate) owner: OwnerFile,
    pub(crate) control: Control,
    pub(crate) record: Record,
    /// The header of the record.
    pub(crate) run: RunRecord,
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

    /// Takes in a worker of an owner that is no more. Not if we are no owner any more: to take it in
    /// is to go on with its ladder.
    pub(crate) fn adopt(&mut self, worker: impl FnOnce(&mut Turn<'_>) -> Worker) {
        if !self.files.owner.is_ours() {
            return;
        }
        let (_, workers, mut turn) = self.turn(sys::now());
        workers.add(worker(&mut turn));
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
        let workers = self.workers.iter().filter_map(Worker::deadline);
        let unseen = self.workers.iter().any(Worker::ends_unseen);
        let glance = unseen.then(|| sys::now() + GLANCE);
        let deadlines = workers.chain(at).chain(self.witness.deadline());
        let deadline = deadlines.chain(glance).min();
        let timeout = deadline.map(|deadline| deadline.since(sys::now()));
        // What is asked is asked of the owner. Unread by us, it would wake us again and again.
        let control = self
            .files
            .owner
            .is_ours()
            .then(|| self.files.control.as_fd());
        let fds = control
            .into_iter()
            .chain(others)
            .chain(self.workers.iter().flat_map(Worker::fds));
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // Any error is a wake-up: EINTR is a signal, and the others are looked at all the same.
        let _ = ppoll(&mut fds, timeout.map(TimeSpec::from), Some(*mask));
    }

    /// Applies what came through `control`.
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

    /// Looks who has ended of what nobody reaps for us: stragglers, and workers that we adopted.
    pub(crate) fn settle(&mut self, now: Moment) {
        // ORDER: who has ended, then the looks, then what follows from them. So the children of
        // whoever is forgotten here are seen, and so is an orphan that has got the pid of one of
        // them: nobody's tree is taken for empty too early.
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

    /// Orphans without any sign go to a worker that can take them: who is over takes nobody any more.
    fn pass_orphans_on(&mut self) {
        let is_over = |one: &Worker| one.is_over();
        let adopter = self.search.adopter();
        let mut over = self.workers.iter().filter(|one| is_over(one));
        if over.any(|one| Some(one.number()) == adopter) {
            let mut others = self.workers.iter().filter(|one| one.is_to_settle());
            if let Some(next) = others.next() {
                self.search.set_adopter(next.number());
            }
        }
    }

    /// What was seen in an earlier wake-up is out of date.
    fn look_anew(&mut self) {
        let trees = self.workers.iter().map(Worker::tree);
        let held = trees.flat_map(|tree| tree.rest().iter().map(|one| one.pid));
        self.search.restart(held);
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.on_each(now, Worker::tick);
    }

    /// What a turn that begins `now` needs, each by itself.
    fn turn(&mut self, now: Moment) -> (&OwnerFile, &mut Roster, Turn<'_>) {
        let turn = Turn {
            now,
            rules: &self.rules,
            search: &mut self.search,
            witness: self.witness,
        };
        (&self.files.owner, &mut self.workers, turn)
    }

    /// Does the same to every worker that is not over. Nothing is done by an owner that was deposed:
    /// another one does it.
    pub(crate) fn on_each(&mut self, now: Moment, mut act: impl FnMut(&mut Worker, &mut Turn<'_>)) {
        let (owner, workers, mut turn) = self.turn(now);
        workers.on_each(|worker| {
            if owner.is_ours() {
                act(worker, &mut turn);
            }
        });
    }

    /// Does something to the worker that has this number, if it is not over. Nothing is done by an
    /// owner that was deposed: another one does it.
    pub(crate) fn on_worker(
        &mut self,
        number: WorkerNumber,
        now: Moment,
        act: impl FnOnce(&mut Worker, &mut Turn<'_>),
    ) {
        let (owner, workers, mut turn) = self.turn(now);
        if owner.is_ours() {
            workers.on(number, |worker| act(worker, &mut turn));
        }
    }

    /// Makes the flags again in `dir` whose names are gone. Answers whether there were any, and
    /// why some could not be made.
    pub(crate) fn put_back_flags(&mut self, dir: &RunDir) -> (bool, io::Result<()>) {
        let (mut missing, mut result) = (false, Ok(()));
        for worker in self.workers.iter_mut().filter(|w| !w.is_over()) {
            match worker.put_back_flag(dir) {
                Ok(was_missing) => missing |= was_missing,
                Err(error) => result = result.and(Err(error)),
            }
        }
        (missing, result)
    }

    /// Other ends of the flags of workers that are not over, by number.
    pub(crate) fn flags(&self) -> BTreeMap<WorkerNumber, FlagFile> {
        let there = self.workers.there();
        let flags = there.map(|worker| (worker.number(), worker.flag().twin()));
        flags.collect()
    }

    /// Asks everybody to stop as well as that can be done at once.
    pub(crate) fn abandon(&mut self) {
        for worker in self.workers.iter_mut().filter(|w| !w.is_over()) {
            worker.abandon(&self.rules);
        }
    }

    /// Gives up everything: somebody else is the owner now. Answers whether that is news.
    pub(crate) fn depose(&mut self) -> bool {
        self.stopping.replace(Reason::LOST) != Some(Reason::LOST)
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
        self.files.run.lacks.push(what.to_owned());
        self.files.record.set_run(&self.files.run);
    }

    pub(crate) fn warn(&mut self, text: &str) {
        self.witness.see(sys::now(), &Event::Warning(text));
    }

    /// Ends a turn: what has changed is written, and told.
    pub(crate) fn publish(&mut self) {
        self.look_anew();
        // Who was deposed has nothing to write any more.
        if self.files.owner.is_ours() {
            self.mend_record();
            for worker in self.workers.iter_mut() {
                if let Some(changes) = worker.take_changes() {
                    self.files.record.set_worker(worker.number(), &changes);
                }
            }
            // Its storage is reserved. Should it fail all the same, readers see an older state.
            let _ = self.files.record.commit();
        }
        self.witness.tick(sys::now());
        for pid in self.witness.helpers() {
            self.search.exclude(pid);
        }
    }

    /// A record that somebody has cut is written again when there is something to write.
    fn mend_record(&mut self) {
        let is_due = self.files.record.is_due() || self.workers.iter().any(Worker::is_changed);
        if !is_due || !self.files.record.is_cut(&self.files.run) {
            return;
        }
        let workers = self.workers.iter_mut();
        let born: Vec<_> = workers.map(|one| (one.number(), one.forgotten())).collect();
        let mended = self.files.record.mend(&self.files.run, &born);
        let name = &self.files.run.name;
        let what = match mended {
            Ok(()) => format!("somebody has cut the record of {name}: it is written again"),
            Err(error) => format!("the record of {name} was cut and cannot be written: {error}"),
        };
        self.warn(&what);
    }

    /// Writes the last word of the run. `status` is its exit status, if anybody can know it.
    pub(crate) fn finish(&mut self, status: Option<u8>) {
        let now = sys::now();
        self.files.run.phase = Phase::Over;
        self.files.run.status = status;
        self.files.record.set_run(&self.files.run);
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
