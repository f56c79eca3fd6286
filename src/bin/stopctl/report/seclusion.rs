//! Programs that miss the terminal, because a worker is in a session of its own.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use stopctl::run::plan::Plan;
use stopctl::run::spawn::{Place, Stdin};
use stopctl::words::ended::Ended;

use crate::say::letters::escaped;
use crate::say::warnings;

/// Whoever reads nothing ends within this time; an editor tells first that it is in no terminal.
const AT_ONCE: Duration = Duration::from_secs(5);

const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "ash", "ksh", "fish"];

const EDITORS: [&str; 7] = ["vi", "vim", "nvim", "nano", "emacs", "micro", "hx"];

/// Programs that ask, and the status with which they end if they cannot.
const ASKING: [(&str, u8); 3] = [("ssh", 255), ("scp", 255), ("sudo", 1)];

/// What a program wants of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// To read what is typed: without that it ends as at the end of a file.
    Keys,
    /// To read and to draw: it fails if it can do neither. Some read from standard error then.
    Screen,
    /// To ask something; it ends with this status if it cannot.
    Answer(u8),
}

/// A worker that may miss the terminal which we have.
pub(super) struct Seclusion {
    program: String,
    wants: Wants,
}

impl Seclusion {
    /// `None` if it is to have the terminal, if there is none, or if it wants none.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let is_alone = plan.workers == 1 && plan.place == Place::OwnSession;
        let wants = wants(&plan.command).filter(|_| is_alone)?;
        let has_input = plan.stdin == Stdin::Inherit && !matches!(wants, Wants::Answer(_));
        let program = Path::new(&plan.command[0]).file_name().unwrap_or_default();
        let is_secluded = !has_input && io::stdin().is_terminal();
        is_secluded.then(|| Self {
            program: escaped(program),
            wants,
        })
    }

    /// What to say if it has ended so after this time, and nobody had asked it to.
    pub(super) fn told(&self, ended: Option<Ended>, after: Duration) -> Option<String> {
        match self.wants {
            Wants::Screen if ended.is_some_and(Ended::is_success) => None,
            Wants::Keys | Wants::Screen => {
                (after <= AT_ONCE).then(|| warnings::read_nothing(&self.program))
            }
            Wants::Answer(status) => {
                let could_not = ended == Some(Ended::Exited(status));
                could_not.then(|| warnings::asked_nobody(&self.program))
            }
        }
    }
}

fn wants(command: &[OsString]) -> Option<Wants> {
    let mut words = command.iter().map(|word| word.to_str().unwrap_or_default());
    let program = Path::new(words.next()?).file_name()?.to_str()?;
    let is_short = |word: &str| word.starts_with('-') && !word.starts_with("--");
    // Neither a script, nor a command.
    let mut is_interactive = |commands: [char; 2]| {
        words.all(|word| {
            let runs = is_short(word) && word.contains(commands);
            word.starts_with(['-', '+']) && !runs && !["--version", "--help", "-V"].contains(&word)
        })
    };
    let python = program.strip_prefix("python");
    let is_python = python.is_some_and(|rest| rest.chars().all(|c| c == '.' || c.is_ascii_digit()));
    if let Some((_, status)) = ASKING.iter().find(|(name, _)| *name == program) {
        return Some(Wants::Answer(*status));
    }
    if EDITORS.contains(&program) {
        return Some(Wants::Screen);
    }
    let reads = (SHELLS.contains(&program) && is_interactive(['c', 'c']))
        || (is_python && is_interactive(['c', 'm']));
    reads.then_some(Wants::Keys)
}

#[cfg(test)]
mod tests {
    use super::{OsString, Wants, wants};

    #[test]
    fn shells_editors_and_interpreters_want_keys_unless_they_have_a_script() {
        for (command, wanted) in [
            ("bash", Some(Wants::Keys)),
            ("/bin/bash -i +x", Some(Wants::Keys)),
            ("bash -lc ls", None),
            ("bash script", None),
            ("bash --version", None),
            ("python3", Some(Wants::Keys)),
            ("python3.11 -q", Some(Wants::Keys)),
            ("python3 train.py", None),
            ("python3 -m train", None),
            ("python3 -V", None),
            ("pythonic", None),
            ("vim notes", Some(Wants::Screen)),
            ("ssh host", Some(Wants::Answer(255))),
            ("sudo make", Some(Wants::Answer(1))),
            ("make bash", None),
        ] {
            let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
            assert_eq!(wants(&words), wanted, "{command}");
        }
    }
}
