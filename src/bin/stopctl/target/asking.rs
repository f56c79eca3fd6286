//! Asking the owner of a run, through its FIFO, as often as that is needed.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd as _;
use std::time::Duration;

use stopctl::contract::control::{Asker, Extension, StopRequest};
use stopctl::contract::record::{Phase, WorkerRecord, WorkerState};
use stopctl::decide::ladder::Rung;
use stopctl::outside::rescue::{self, Care};
use stopctl::words::duration::Limit;
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use super::errand::{Fifo, Look, PATIENCE, Step};
use super::{Demand, TAKEOVERS, Target};
use crate::voice::{Voice, Weight};

/// How much later than it was asked for a rung may come that was asked for.
const SLACK: Duration = Duration::from_millis(500);

/// How long is waited for room in a FIFO that is full.
const ROOM: Duration = Duration::from_millis(50);

/// What is still to be written.
#[derive(Debug, Default)]
pub(super) struct Letters {
    unsent: VecDeque<String>,
    /// How often each worker's grace had been made longer when it was asked.
    extensions: BTreeMap<WorkerNumber, u32>,
    /// Whether it was said that the run was asked.
    is_announced: bool,
}

impl Target<'_> {
    /// Sees to it that the owner, which is this one as far as anybody can tell, has what is asked of
    /// it; or that another one has it.
    pub(super) fn pursue(&mut self, owner: Option<u32>, voice: &mut Voice) {
        let now = stopctl::now();
        let look = Look {
            owner,
            is_wanted: self.demand.is_some(),
            is_taken: self.is_taken(),
            is_late: self.run.seen.is_late(now),
        };
        if !self.errand.concerns(&look) {
            self.letters.unsent.clear();
            return;
        }
        let mut asker = Asker::open(self.run.dir.as_fd());
        let fifo = match asker.as_ref().map(Asker::unread) {
            Ok(Ok(0)) if self.letters.unsent.is_empty() => Fifo::Empty,
            Ok(Ok(_)) => Fifo::Unread,
            Ok(Err(_)) | Err(_) => Fifo::Missing,
        };
        match self.errand.next(&look, fifo, now) {
            Step::Wait => {}
            Step::Ask(times) => self.write_letters(times),
            Step::Depose => return self.take_from_silent(fifo, voice),
            Step::Refused => return self.is_not_heeded(),
        }
        if let Ok(asker) = &mut asker {
            self.send(asker);
        }
        let demand = self.demand.filter(|_| self.letters.unsent.is_empty());
        let is_asked = self.errand.asked_at().is_some() && !self.letters.is_announced;
        if let (Some(demand), true) = (demand, is_asked) {
            self.letters.is_announced = true;
            voice.say(Weight::Notice, &self.announced(demand));
        }
    }

    /// What is to be asked of an owner, for this time.
    fn write_letters(&mut self, times: u32) {
        self.letters.unsent.clear();
        if times > 1 {
            // Somebody may have left a line without an end. Owners find out by themselves; those of
            // an older version do not.
            self.letters.unsent.push_back(String::new());
        }
        let seen = self.run.seen.numbered();
        let extensions = seen.map(|(worker, one)| (worker, one.extensions));
        self.letters.extensions = extensions.collect();
        let Some(demand) = self.demand else {
            self.letters
                .unsent
                .push_back(Extension::NOTHING.to_string());
            return;
        };
        let whom: Vec<Option<WorkerNumber>> = if self.is_whole() {
            vec![None]
        } else {
            self.asked.iter().copied().map(Some).collect()
        };
        let line = |worker| {
            let request = StopRequest {
                worker,
                rung: demand.rung,
                times: demand.times,
                reason: demand.reason.clone(),
            };
            request.to_string()
        };
        self.letters.unsent.extend(whom.into_iter().map(line));
    }

    /// Sends what there is room for. Should nobody read any more, the next look finds out.
    fn send(&mut self, asker: &mut Asker) {
        while let Some(line) = self.letters.unsent.front() {
            match asker.send(line) {
                Ok(true) => drop(self.letters.unsent.pop_front()),
                Ok(false) => {
                    asker.wait_until_writable(ROOM);
                    if !asker.send(line).is_ok_and(|sent| sent) {
                        return;
                    }
                    self.letters.unsent.pop_front();
                }
                Err(_) => return,
            }
        }
    }

    /// Whether the record shows all that is wanted.
    pub(super) fn is_taken(&self) -> bool {
        let Some(demand) = self
            .demand
            .filter(|_| self.run.seen.run.phase != Phase::Over)
        else {
            return true;
        };
        let is_latched = !self.is_whole() || self.run.seen.run.phase == Phase::Stopping;
        is_latched && self.asked.iter().all(|&one| self.has_taken(one, demand))
    }

    fn has_taken(&self, worker: WorkerNumber, demand: &Demand) -> bool {
        let seen = &self.run.seen[worker];
        match seen.state {
            WorkerState::Ended => true,
            // Once all of the run is stopped it is not started any more.
            WorkerState::Starting => self.run.seen.run.phase == Phase::Stopping,
            WorkerState::Running | WorkerState::Stopping if seen.level == demand.rung.level() => {
                demand.rung != Rung::Flag || self.is_as_near(worker, seen, demand)
            }
            WorkerState::Running | WorkerState::Stopping => seen.level > demand.rung.level(),
        }
    }

    /// Whether SIGTERM comes as soon as it was asked for, or the worker has more time since then.
    fn is_as_near(&self, worker: WorkerNumber, seen: &WorkerRecord, demand: &Demand) -> bool {
        let (Some(Limit::After(grace)), Some(at)) = (demand.times.grace, self.errand.asked_at())
        else {
            return true;
        };
        let then = self.letters.extensions.get(&worker);
        let deadline = seen.deadline_ns.map(Moment::from_nanos);
        deadline.is_some_and(|deadline| deadline <= at + grace + SLACK)
            || then.is_some_and(|&then| then != seen.extensions)
    }

    /// The owner lives and reads nothing.
    fn take_from_silent(&mut self, fifo: Fifo, voice: &mut Voice) {
        let (name, time) = (&self.run.name, PATIENCE.as_secs());
        let what = match fifo {
            Fifo::Missing => format!("has not put back its file 'control' for {time} s"),
            Fifo::Empty | Fifo::Unread => format!("has not read what it is asked for {time} s"),
        };
        let Some(owned) = &self.owner else {
            let pid = self.run.seen.run.pid;
            self.problem = Some(format!(
                "{name} cannot be asked: its supervisor (pid {pid}) {what}, and cannot be verified \
                 from here"
            ));
            return;
        };
        let pid = owned.owner.pid;
        let what = format!(
            "the supervisor of {name} (pid {pid}) {what}, it is frozen or hangs: taking over"
        );
        self.depose(&what, voice);
    }

    /// Takes over from an owner that lives, and says so in these words. The new one is asked the
    /// same.
    pub(super) fn depose(&mut self, what: &str, voice: &mut Voice) {
        let Some(owned) = &self.owner else {
            return;
        };
        voice.say(Weight::Warning, what);
        self.takeovers += 1;
        let care = if self.takeovers > TAKEOVERS {
            Care::Failed("whoever does so does not answer".to_owned())
        } else {
            rescue::depose(&self.run.dir, owned)
        };
        (self.stopped_since, self.is_roused) = (None, false);
        // Whoever is the owner now may have ended everything before it is seen.
        self.owner = None;
        let name = &self.run.name;
        match care {
            Care::Failed(why) => {
                self.problem = Some(format!("{name} cannot be taken over: {why}"));
            }
            Care::Owned(warnings) => {
                for warning in warnings {
                    voice.say(Weight::Warning, &format!("{name}: {warning}"));
                }
            }
            Care::Unverifiable(why) => {
                self.problem = Some(format!("{name} cannot be taken over from here: {why}"));
            }
            Care::Mended | Care::Removed | Care::Gone => {}
        }
    }

    fn is_not_heeded(&mut self) {
        let (name, pid) = (&self.run.name, self.run.seen.run.pid);
        let control = self.run.dir.path().join(stopctl::contract::control::FILE);
        self.problem = Some(format!(
            "{name} was asked again and again, and its supervisor (pid {pid}) has taken nothing of \
             it: does something else read {}? SIGTERM to the supervisor stops the run",
            control.display()
        ));
    }
}
