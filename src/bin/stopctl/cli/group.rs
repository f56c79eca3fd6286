//! Options that are declared together, if one of them is named.

use std::ops::{Deref, DerefMut};

use clap::{ArgMatches, Args, FromArgMatches, Id};

/// What the options of a group are called.
pub(crate) struct Names {
    /// Behind `--`.
    pub(crate) long: &'static [&'static str],
    /// Behind `-`.
    pub(crate) short: &'static str,
    /// The variables that they have their values from if they are not typed.
    pub(crate) variables: &'static [&'static str],
}

/// Options that are declared together. Their `Default` is what they are where none is named.
pub(crate) trait Group: Args + Default {
    const NAMES: Names;
}

/// What was typed of a group, which need not be declared if that is nothing.
#[derive(Debug)]
pub(crate) struct Grouped<T>(T);

impl<T> Deref for Grouped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Grouped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Group> Args for Grouped<T> {
    fn group_id() -> Option<Id> {
        T::group_id()
    }

    fn augment_args(command: clap::Command) -> clap::Command {
        T::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        T::augment_args_for_update(command)
    }
}

impl<T: Group> FromArgMatches for Grouped<T> {
    fn from_arg_matches(typed: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut typed.clone())
    }

    fn from_arg_matches_mut(typed: &mut ArgMatches) -> Result<Self, clap::Error> {
        // A group is there if a value of one of its options is no default.
        let is_named = typed.ids().any(|id| T::group_id().as_ref() == Some(id));
        if is_named {
            T::from_arg_matches_mut(typed).map(Self)
        } else {
            Ok(Self(T::default()))
        }
    }

    fn update_from_arg_matches(&mut self, typed: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(typed)
    }
}
