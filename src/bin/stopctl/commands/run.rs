//! `stopctl run`: starts workers as its plan says, and supervises them until they have ended.

use stopctl::linux::plain::plain;
use stopctl::outside::outer::Outer;
use stopctl::run::launch::{LaunchError, launch};
use stopctl::run::supervisor::supervise;

use crate::cli::run::RunArgs;
use crate::exit::Leave;
use crate::report::Report;
use crate::report::annotations::Annotations;
use crate::report::events::Events;
use crate::say::letters::escaped;
use crate::say::unstarted::cannot_start;
use crate::say::voice::{Level, Trace, Voice, Weight};
use crate::say::{found, warnings};

mod forward;
mod plan;
mod severed;
mod tidy;

pub(crate) use plan::{finite, plan};

pub(crate) fn run(args: &RunArgs, variables: &[&str]) -> Leave {
    let plan = match plan(args, variables) {
        Ok(plan) => plan,
        Err(problem) => return Leave::FAILED.mistaken("run", &format_args!("{problem:#}")),
    };
    let events = match args.told.events.as_deref().map(Events::open).transpose() {
        Ok(events) => events,
        Err(error) => {
            return Leave::FAILED.saying(&format_args!(
                "--events: {}: {}",
                escaped(args.told.events.as_deref().unwrap_or_default()),
                plain(&error)
            ));
        }
    };
    let mut voice = Voice::of_loop(&args.voice);
    if Level::of(&args.voice) == Level::Trace {
        trace();
    }
    let severed = severed::severed(&plan.command).map(|severed| severed.told());
    let seen = [
        severed,
        warnings::unheard(),
        warnings::operator(&plan.command),
    ];
    for warning in seen.into_iter().flatten() {
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
    let annotations = args.told.annotations;
    let annotations = annotations.map(|service| Annotations::new(service, plan.stop_signal));
    let mut report = Report::new(voice, events, annotations, &plan);
    match supervise(&plan, launched, outer, &mut report) {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            Leave::With(error.why().status()).saying(&cannot_start(&plan.command, &error))
        }
    }
}

/// Sets up the trace of `-vv`, which costs too much to be there without it.
fn trace() {
    let subscriber = tracing_subscriber::fmt().with_writer(|| Trace);
    // It fails only if a subscriber is set already, which would do as well.
    let _ = subscriber.with_max_level(tracing::Level::TRACE).try_init();
}
