//! What can be typed behind a command, declared only when that command is typed.

use std::ops::Deref;

use clap::{ArgMatches, Args, FromArgMatches};

/// The help of one command needs the options of no other.
#[derive(Debug)]
pub(crate) struct Deferred<T>(pub(crate) T);

impl<T> Deref for Deferred<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Args> Args for Deferred<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // A flattened group of options would put its own description there.
            let about = command.get_about().cloned().unwrap_or_default();
            T::augment_args(command).about(about)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for Deferred<T> {
    fn from_arg_matches(typed: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(typed).map(Self)
    }

    // Takes what was typed instead of copying it.
    fn from_arg_matches_mut(typed: &mut ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches_mut(typed).map(Self)
    }

    fn update_from_arg_matches(&mut self, typed: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(typed)
    }
}
