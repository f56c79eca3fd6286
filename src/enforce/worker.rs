//! One worker on its ladder: every rung that is used on it is used here, by the supervisor and
//! by whoever takes over from one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::contract::flag::writer::FlagFile;
use crate::decide::ladder::{Action, Input, Ladder, Rung};
use crate::decide::outcome::Final;
use crate::enforce::event::{Event, Why};
use crate::enforce::turn::Turn;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::SignalSet;
use crate::tree::{Leader, Tree};
use crate::words::duration::Limit;
use crate::words::ended::Ended;
use crate::words::moment::Moment;
use crate::words::reason::Reason;

use suspend::Halt;

pub use adopted::Heritage;
pub use stranger::Stranger;

mod adopted;
mod care;
mod end;
mod recorded;
mod rungs;
mod said;
mod stranger;
mod suspend;

use crate::words::worker_number::WorkerNumber;
use said::Said;

/// A worker that was started.
#[derive(Debug)]
pub struct Worker {
    number: WorkerNumber,
    pid: i32,
    main: Main,
    program: Program,
    /// Whether it was told that it was started.
    told: bool,
    start: Option<u64>,
    flag: FlagFile,
    tree: Tree,
    ladder: Ladder,
    /// When it was started.
    began: Moment,
    /// Whether anybody opened the flag; `None` where that cannot be known.
    looked: Option<bool>,
    asked: Option<Asked>,
    /// The signals that it had handlers for when it was asked.
    handled: SignalSet,
    said: Said,
    /// When the rest of the tree gets the stop signal, too, if the main process has not ended.
    rest_at: Option<Moment>,
    life: Life,
    /// When it is looked again whether somebody else has care of what it left behind.
    care_at: Option<Moment>,
    halt: Halt,
    /// Whether it was continued so that it can look at its flag: once, for it may stop itself
    /// again and again.
    continued: bool,
    extensions: u32,
    stragglers: u32,
    /// Whether its slot in the record is out of date.
    changed: bool,
}

/// What is known of a worker's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    /// The main process is on the way to it.
    Awaited,
    Runs,
    /// It cannot be run: that was told, and the main process only has to end.
    Impossible,
}

/// What is known of a stop once it was asked for.
#[derive(Clone, Debug)]
struct Asked {
    reason: Reason,
    at: Moment,
}

/// What proves that the main process is the worker's.
#[derive(Debug)]
enum Main {
    /// It is our child, and nobody else reaps it.
    Child,
    /// It is the child of an owner that is no more.
    Stranger(Stranger),
}

impl Main {
    /// Has `act` use what its number proves.
    fn as_leader<T>(&self, life: &Life, act: impl FnOnce(Leader<'_>) -> T) -> T {
        match (self, life) {
            (Self::Child, Life::Main) => act(Leader::Unreaped),
            (Self::Child, Life::Remains { .. } | Life::Over(_)) => act(Leader::Reaped),
            (Self::Stranger(main), _) => act(Leader::Stranger(&main.look())),
        }
    }
}

#[derive(Debug)]
enum Life {
    /// The main process has not ended.
    Main,
    /// It has; what it left behind has not.
    Remains { ended: Option<Ended>, at: Moment },
    /// Nothing is left, or it was given up: the final record was made.
    Over(Final),
}

impl Worker {
    /// A worker that was forked as `pid` at `began`, in the control group `cgroup` if it has one. Its
    /// slot in the record is written when its program runs, or when there is something to say before.
    #[must_use]
    pub fn new(
        number: WorkerNumber,
        pid: i32,
        flag: FlagFile,
        cgroup: Option<Cgroup>,
        (began, ladder): (Moment, Ladder),
    ) -> Self {
        Self {
            number,
            pid,
            main: Main::Child,
            program: Program::Awaited,
            told: false,
            start: None,
            tree: Tree::new(number, pid, flag.path().to_owned(), cgroup),
            flag,
            ladder,
            began,
            looked: Some(false),
            asked: None,
            handled: SignalSet::default(),
            said: Said::default(),
            rest_at: None,
            life: Life::Main,
            care_at: None,
            halt: Halt::No,
            continued: false,
            extensions: 0,
            stragglers: 0,
            changed: false,
        }
    }

    /// Its program runs, in a process that began at `start`.
    pub fn runs(&mut self, start: Option<u64>, turn: &mut Turn<'_>) {
        self.program = Program::Runs;
        self.start = start;
        self.changed = true;
        if self.asked.is_none() {
            // What it took to come here is no time in which it could have looked.
            let way = turn.now.since(self.began);
            let _ = self.ladder.step(Input::Suspended(way), turn.now);
            self.began = self.began + way;
        }
        self.tell_start(turn);
    }

    /// Its program cannot be run. The main process ends without our asking.
    pub fn cannot_run(&mut self) {
        self.program = Program::Impossible;
    }

    /// Whether there is anything that can be asked to stop: what was not asked before, and has not
    /// ended.
    #[must_use]
    pub fn can_be_asked(&self) -> bool {
        let has_program = self.program != Program::Impossible;
        has_program && !self.is_asked() && self.is_over().is_none()
    }

    /// Says that it was started, once: when its program runs, or when it is about to be asked to stop
    /// on the way there.
    pub fn tell_start(&mut self, turn: &mut Turn<'_>) {
        if self.told || self.program == Program::Impossible {
            return;
        }
        self.told = true;
        let started = Event::WorkerStarted {
            worker: self.number,
            pid: self.pid,
            flag: self.flag.path(),
        };
        turn.tell(&started);
    }

    /// Its program does not run for so long that people should see it starting.
    pub fn is_slow(&mut self) {
        self.changed = true;
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> WorkerNumber {
        self.number
    }

    /// Its main process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its flag.
    #[must_use]
    pub fn flag(&self) -> &FlagFile {
        &self.flag
    }

    /// What is known of its tree, besides the main process.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Makes its flag again in `dir` if its name is gone. Answers whether it was.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::put_back`].
    pub fn put_back_flag(&mut self, dir: impl AsFd) -> io::Result<bool> {
        self.flag.put_back(dir)
    }

    /// Writes its flag again if somebody else has written it. Answers whether that was so.
    ///
    /// # Errors
    ///
    /// As [`FlagFile::heal`].
    pub fn heal(&self) -> io::Result<bool> {
        self.flag.heal()
    }

    /// Whether its flag was raised.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Its final record, once it has one.
    #[must_use]
    pub fn is_over(&self) -> Option<&Final> {
        match &self.life {
            Life::Over(last) => Some(last),
            Life::Main | Life::Remains { .. } => None,
        }
    }

    /// Says that its looks cannot be seen: then it has the time of one that looks.
    pub fn cannot_be_watched(&mut self, turn: &mut Turn<'_>) {
        self.looked = None;
        self.gain(Input::Looked, Why::Looked, turn);
    }

    /// The next moment at which [`Worker::tick`] does something.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match self.life {
            Life::Main => self.ladder.deadline().into_iter().chain(self.rest_at).min(),
            Life::Remains { .. } => self.ladder.deadline().into_iter().chain(self.care_at).min(),
            Life::Over(_) => None,
        }
    }

    /// The highest rung that was used on it.
    #[must_use]
    pub fn rung(&self) -> Option<Rung> {
        self.ladder.rung()
    }

    /// How long what is left of its ladder can take; `None` if it was not asked, or is over.
    #[must_use]
    pub fn rest(&self, now: Moment) -> Option<Limit> {
        match self.life {
            Life::Main | Life::Remains { .. } => self.ladder.rest(now),
            Life::Over(_) => None,
        }
    }

    /// What to poll for reading besides the end of a main process that is our child.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let (main, tree) = match (&self.life, &self.main) {
            (Life::Main, Main::Stranger(main)) => (main.fd(), None),
            (Life::Remains { .. }, _) => (None, Some(&self.tree)),
            // Whoever lives beside a main process that lives needs no watching.
            (Life::Main | Life::Over(_), _) => (None, None),
        };
        main.into_iter().chain(tree.into_iter().flat_map(Tree::fds))
    }

    /// Whether something of it ends unseen, because there is no descriptor to poll: then it has to be
    /// looked at now and then.
    #[must_use]
    pub fn ends_unseen(&self) -> bool {
        match (&self.life, &self.main) {
            (Life::Main, Main::Stranger(main)) => main.fd().is_none(),
            (Life::Remains { .. }, _) => self.tree.fds().count() < self.tree.rest().len(),
            (Life::Main, Main::Child) | (Life::Over(_), _) => false,
        }
    }

    /// Whether its main process has ended, and it has no final record yet.
    #[must_use]
    pub fn is_to_settle(&self) -> bool {
        matches!(self.life, Life::Remains { .. })
    }

    /// Whether its main process has ended and what that left has not.
    #[must_use]
    pub fn leaves_others(&self) -> bool {
        self.is_to_settle() && !self.tree.rest().is_empty()
    }

    /// Its main process was stopped, or continued, by whomever.
    pub fn set_stopped(&mut self, stopped: bool, turn: &mut Turn<'_>) {
        self.halt = match (stopped, self.halt) {
            (false, _) => Halt::No,
            (true, Halt::No | Halt::ByOthers) => Halt::ByOthers,
            (true, Halt::Suspended) => Halt::Suspended,
        };
        self.let_it_look(turn);
    }

    /// Whether it ever looked at its flag; `None` where that cannot be known.
    #[must_use]
    pub fn has_looked(&self) -> Option<bool> {
        self.looked
    }

    /// Whether it has more time once it looks.
    #[must_use]
    pub fn gains_by_look(&self) -> bool {
        self.looked == Some(false) && self.ladder.gains_by_look()
    }

    /// Takes note if its flag was read, when the news of that may have been lost.
    pub fn see_any_read(&mut self, turn: &mut Turn<'_>) {
        self.see_read(turn);
        if self.looked == Some(false) && !self.flag.notes_reads() {
            self.cannot_be_watched(turn);
        }
    }

    /// Takes note if its flag was read since that was last asked.
    pub fn see_read(&mut self, turn: &mut Turn<'_>) {
        if self.flag.take_read() {
            self.first_look(turn);
        }
    }

    /// Its flag was opened for the first time. Asked already, it gets back the whole grace,
    /// counted from the raise.
    pub fn first_look(&mut self, turn: &mut Turn<'_>) {
        if self.looked == Some(true) {
            return;
        }
        self.looked = Some(true);
        self.changed = true;
        turn.tell(&Event::FirstLook {
            worker: self.number,
        });
        self.gain(Input::Looked, Why::Looked, turn);
    }

    /// Asks it to stop, for this reason, which stays the one that it was asked for first.
    pub fn ask(&mut self, input: Input, reason: &Reason, turn: &mut Turn<'_>) {
        if matches!(self.life, Life::Over(_)) || self.program == Program::Impossible {
            return;
        }
        let action = self.ladder.step(input, turn.now);
        if self.asked.is_none() && self.ladder.rung().is_some() {
            self.asked = Some(Asked {
                reason: reason.clone(),
                at: turn.now,
            });
        }
        self.act(action, turn);
    }

    /// Takes in what happened, and does what the ladder answers.
    fn step(&mut self, input: Input, turn: &mut Turn<'_>) {
        if matches!(self.life, Life::Over(_)) || self.program == Program::Impossible {
            return;
        }
        let action = self.ladder.step(input, turn.now);
        self.act(action, turn);
    }

    fn act(&mut self, action: Action, turn: &mut Turn<'_>) {
        match action {
            Action::Nothing => {}
            Action::Climb(rung) => self.climb(rung, turn),
            Action::Retime => self.write_flag(turn),
            Action::GiveUp => self.give_up(turn),
        }
    }

    /// Does what is due at this moment.
    pub fn tick(&mut self, turn: &mut Turn<'_>) {
        if self.gains_by_look() && self.ladder.deadline().is_some_and(|at| at <= turn.now) {
            self.see_read(turn);
        }
        self.step(Input::Tick, turn);
        if self.care_at.is_some_and(|at| at <= turn.now) {
            self.ask_stragglers(turn);
        }
        if self.rest_at.is_some_and(|at| at <= turn.now) {
            self.rest_at = None;
            if matches!(self.life, Life::Main) {
                self.look_for_tree(turn);
                self.signal_rest(turn.rules.stop_signal, turn);
            }
        }
    }
}
