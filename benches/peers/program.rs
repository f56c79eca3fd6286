//! Programs that are measured in turns.

use nix::sys::signal::Signal;

/// A program, and how it is started and asked to end.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<String>,
    pub(crate) stop: Signal,
}

impl Program {
    pub(crate) fn new(name: &'static str, words: &[&str]) -> Self {
        Self {
            name,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            stop: Signal::SIGTERM,
        }
    }

    /// The same program, with more words behind.
    pub(crate) fn with(&self, more: &[&str]) -> Self {
        let mut program = self.clone();
        program
            .words
            .extend(more.iter().map(|word| (*word).to_owned()));
        program
    }
}

/// What each of `programs` did in each round. Every other round goes backwards, so that nobody
/// always comes behind the same one.
pub(crate) fn rounds<T>(
    count: usize,
    programs: &[Program],
    mut one: impl FnMut(&Program) -> T,
) -> Vec<Vec<T>> {
    let mut done: Vec<Vec<T>> = programs.iter().map(|_| Vec::new()).collect();
    for round in 0..count {
        for turn in 0..programs.len() {
            let last = programs.len() - 1;
            let index = if round % 2 == 0 { turn } else { last - turn };
            done[index].push(one(&programs[index]));
        }
    }
    done
}
