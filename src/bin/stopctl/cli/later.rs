//! What can be typed behind a command, declared only once that command was typed.

use std::ops::Deref;

use clap::{ArgMatches, Args, FromArgMatches};

/// To declare all of it at each start would be a tenth of a short run.
#[derive(Debug)]
pub(crate) struct Later<T>(pub(crate) T);

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Args> Args for Later<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // A group of options that it takes in would leave its own words there.
            let about = command.get_about().cloned().unwrap_or_default();
            T::augment_args(command).about(about)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(typed: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(typed).map(Self)
    }

    // Without a copy of everything that was typed.
    fn from_arg_matches_mut(typed: &mut ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches_mut(typed).map(Self)
    }

    fn update_from_arg_matches(&mut self, typed: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(typed)
    }
}
