//! `stopctl run`: starts workers as its plan says, and supervises them until they have ended.

use stopctl::outside::outer::Outer;
use stopctl::run::launch::{LaunchError, launch};
use stopctl::run::plan::Plan;
use stopctl::run::spawn::SpawnError;
use stopctl::run::supervisor::supervise;

use crate::cli::run::RunArgs;
use crate::exit::Leave;
use crate::report::Report;
use crate::report::annotations::Annotations;
use crate::report::events::Events;
use crate::say::letters::escaped;
use crate::say::voice::{Level, Trace, Voice, Weight};
use crate::say::{found, warnings};
use crate::show::excerpt;

mod forward;
mod plan;
mod severed;
mod tidy;

pub(crate) use plan::{finite, plan};

pub(crate) fn run(args: &RunArgs) -> Leave {
    let plan = match plan(args) {
        Ok(plan) => plan,
        Err(problem) => return Leave::FAILED.saying(&format_args!("{problem:#}")),
    };
    let events = match args.events.as_deref().map(Events::open).transpose() {
        Ok(events) => events,
        Err(error) => {
            return Leave::FAILED.saying(&format_args!(
                "--events: {}: {error}",
                escaped(args.events.as_deref().unwrap_or_default())
            ));
        }
    };
    let mut voice = Voice::of_loop(&args.voice);
    if Level::of(&args.voice) == Level::Trace {
        trace();
    }
    let severed = severed::severed(&plan.command).map(|severed| severed.told());
    for warning in severed.into_iter().chain(warnings::unheard()) {
        voice.say(Weight::Warning, &warning);
    }
    let outer = match Outer::from_env() {
        Ok(outer) => outer,
        Err(error) => {
            voice.say(Weight::Warning, &format!("{error}; running without it"));
            None
        }
    };
    tidy::tidy(plan.name.as_ref(), &mut voice);
    let launched = match launch(&plan) {
        Ok(launched) => launched,
        Err(LaunchError::Taken(name, holder)) => {
            return Leave::FAILED.saying(&found::taken(&name, holder.as_deref()));
        }
        Err(error) => return Leave::FAILED.saying(&error),
    };
    let annotations = args.annotations;
    let annotations = annotations.map(|service| Annotations::new(service, plan.stop_signal));
    let mut report = Report::new(voice, events, annotations, &plan);
    match supervise(&plan, launched, outer, &mut report) {
        Ok(verdict) => verdict.into(),
        Err(error) => Leave::With(error.why().status()).saying(&not_started(&plan, &error)),
    }
}

/// How much of a program's name is shown.
const PROGRAM: usize = 200;

fn not_started(plan: &Plan, error: &SpawnError) -> String {
    let program = excerpt(escaped(&plan.command[0]), PROGRAM);
    let exists = std::path::Path::new(&plan.command[0]).exists();
    let hint = match error {
        SpawnError::NotFound(_) if exists => {
            "; the interpreter that its first line names is missing"
        }
        SpawnError::NotFound(_) if plan.command.len() == 1 && program.contains(' ') => {
            "; it is one word with spaces in it: leave the quotes out"
        }
        SpawnError::NotFound(_) | SpawnError::NotRunnable(_) | SpawnError::Lacks(..) => "",
    };
    format!("cannot start '{program}': {error}{hint}")
}

/// Sets up the trace of `-vv`, which costs too much to be there without it.
fn trace() {
    let subscriber = tracing_subscriber::fmt().with_writer(|| Trace);
    // It fails only if a subscriber is set already, which would do as well.
    let _ = subscriber.with_max_level(tracing::Level::TRACE).try_init();
}
