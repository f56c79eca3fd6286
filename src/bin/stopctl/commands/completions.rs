//! `stopctl completions`: the files of `completions/`, which the program carries.

use crate::cli::{CompletionsArgs, Shell};
use crate::exit::Leave;
use crate::show;

pub(crate) fn completions(args: &CompletionsArgs) -> Leave {
    show::out(match args.shell {
        Shell::Bash => include_str!("../../../../completions/stopctl.bash"),
        Shell::Zsh => include_str!("../../../../completions/_stopctl"),
        Shell::Fish => include_str!("../../../../completions/stopctl.fish"),
    })
}
