//! `stopctl status --watch`: a run until it is over, told as it changes.

use stopctl::contract::record::{Phase, Snapshot};
use stopctl::decide::rhythm::TOGETHER;
use stopctl::linux::interrupts::Interrupts;
use stopctl::linux::stream::Stream;
use stopctl::words::moment::Moment;
use stopctl::words::worker_number::WorkerNumber;

use super::{changes, described};
use crate::cli::{Color, StatusArgs};
use crate::exit::Leave;
use crate::say::found;
use crate::say::supervisor;
use crate::say::voice;
use crate::show::json;
use crate::show::picture::Picture;
use crate::show::screen::{Screen, heed};
use crate::show::{Printed, draw, print};
use stopctl::linux::plain::plain;
use stopctl::outside::follow::{Course, Followed};
use stopctl::outside::found::Run;
use stopctl::outside::state::State;

pub(crate) fn watch(run: Run, args: &StatusArgs) -> Leave {
    let interrupts = match Interrupts::install() {
        Ok(interrupts) => interrupts,
        Err(error) => return Leave::FAILED.saying(&plain(&error)),
    };
    let mut teller = Teller::new(&run, args);
    let mut followed = Followed::new(run);
    loop {
        if let Some(signal) = heed(&interrupts, teller.screen()) {
            let what = going_on(followed.run());
            return Leave::DieOf(signal).saying(&format_args!("not watching any longer: {what}"));
        }
        let now = stopctl::now();
        let course = match followed.look(now) {
            Ok(course) => course,
            Err(error) => return teller.leave(Leave::FAILED).saying(&error),
        };
        let told = match course {
            // Whether it is being stopped will be known in a moment.
            Course::Orphaned => Ok(None),
            Course::GoesOn => teller.tell(followed.run(), now),
            Course::Over | Course::Lost => teller.tell_the_end(followed.run(), now),
        };
        let due = match told {
            Ok(due) => due,
            Err(leave) => return leave,
        };
        match course {
            Course::GoesOn | Course::Orphaned => followed.sleep(now, due),
            Course::Over => return teller.leave(Leave::OK),
            Course::Lost => {
                let (name, pid) = (followed.run().name(), followed.run().seen().run.pid);
                return teller.leave(Leave::NO_RUN).saying(&supervisor::died(
                    name,
                    pid,
                    &supervisor::workers_may_run(name, args.whose.user.as_deref()),
                ));
            }
        }
    }
}

fn going_on(run: &Run) -> String {
    let name = run.name();
    match run.seen().run.phase {
        Phase::Running => format!("{name} runs on"),
        Phase::Stopping => format!("{name} goes on stopping"),
        Phase::Over => format!("{name} is over"),
    }
}

/// How it is told.
enum Form {
    /// A document for each change.
    Json,
    /// The table, and a line for each change.
    Lines,
    /// What has ended in lines, the others in a picture below them.
    Picture(Box<Screen>),
}

/// Who tells it, and what was told.
struct Teller {
    form: Form,
    told: Option<(State, Snapshot)>,
    /// When the next change may be told.
    next: Moment,
}

impl Teller {
    fn new(run: &Run, args: &StatusArgs) -> Self {
        let coloured = voice::is_coloured(Color::Auto, &std::io::stdout());
        let others = [run.seen().run.pid];
        let screen = Stream::stdout().ok();
        let screen = screen.map(|stream| Screen::with_picture(stream, coloured, &others));
        let form = match screen.filter(Screen::has_picture) {
            _ if args.json => Form::Json,
            Some(screen) => Form::Picture(Box::new(screen)),
            None => Form::Lines,
        };
        Self {
            form,
            told: None,
            next: stopctl::now(),
        }
    }

    fn screen(&mut self) -> Option<&mut Screen> {
        match &mut self.form {
            Form::Picture(screen) => Some(screen),
            Form::Json | Form::Lines => None,
        }
    }

    /// Nothing of the picture stays behind.
    fn leave(&mut self, leave: Leave) -> Leave {
        if let Some(screen) = self.screen() {
            screen.wipe();
        }
        leave
    }

    /// Tells what is new. Answers when there will be something to tell if nothing happens.
    fn tell(&mut self, run: &Run, now: Moment) -> Result<Option<Moment>, Leave> {
        let state = State::of(run);
        if !self.is_news(state, run.seen()) {
            return Ok(self.draw(run, state, now));
        }
        if now < self.next {
            return Ok(Some(self.next));
        }
        let before = self.told.replace((state, run.seen().clone()));
        let before = before.as_ref();
        self.next = now + TOGETHER;
        match &mut self.form {
            Form::Json => printed(&json::document(std::slice::from_ref(run)))?,
            Form::Lines => match before {
                None => printed(&described(run))?,
                Some(before) => printed(&changes::since(before, run, state, now))?,
            },
            Form::Picture(screen) => {
                let ends = before.map(|before| changes::ends_since(before, run, state, now));
                if let Some(ends) = ends.filter(|ends| !ends.is_empty()) {
                    screen.line(&ends);
                }
            }
        }
        Ok(self.draw(run, state, now))
    }

    /// Tells what is new at the end, and the end.
    fn tell_the_end(&mut self, run: &Run, now: Moment) -> Result<Option<Moment>, Leave> {
        self.next = now;
        self.tell(run, now)?;
        let end = changes::end(run);
        match &mut self.form {
            Form::Json => {}
            Form::Lines => printed(&end)?,
            Form::Picture(screen) => screen.line(&end),
        }
        Ok(None)
    }

    fn is_news(&self, state: State, seen: &Snapshot) -> bool {
        self.told.as_ref().is_none_or(|(before, known)| {
            (*before, &known.run, &known.workers) != (state, &seen.run, &seen.workers)
        })
    }

    fn draw(&mut self, run: &Run, state: State, now: Moment) -> Option<Moment> {
        let screen = self.screen()?;
        let all: Vec<WorkerNumber> = WorkerNumber::all_of(run.seen().run.workers).collect();
        let (name, pid, command) = (
            run.name(),
            run.seen().run.pid,
            found::command(&run.seen().run),
        );
        let picture = Picture {
            head: format!(
                "{name} (pid {pid}), {}: {command}",
                found::course(run, state)
            ),
            run: &run.seen().run,
            workers: &run.seen().workers,
            shown: &all,
        };
        draw(&picture, screen, now)
    }
}

/// Prints; a reader that has gone away has seen enough.
fn printed(text: &str) -> Result<(), Leave> {
    match print(text) {
        Printed::Taken => Ok(()),
        Printed::ReaderGone => Err(Leave::OK),
        Printed::Failed(leave) => Err(leave),
    }
}
