//! Warnings that can save somebody a day, each said once.

use std::ffi::OsString;
use std::path::Path;

use stopctl::linux::process::{self, Stat};

use crate::say::unstarted::{PIPELINE, is_program};

/// Shells that wait for us and pass no signal on.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "ash", "busybox"];

/// CI services that signal every process of a job, not only its shell.
const THOROUGH: [&str; 2] = ["GITLAB_CI", "JENKINS_URL"];

/// What stands between a worker and its flag.
pub(crate) enum Severed {
    Sudo,
    OtherHost,
    Container {
        program: String,
        subcommand: String,
        /// Whether the worker has the path of its flag.
        is_passed: bool,
        /// Whether it can have the file.
        is_shown: bool,
    },
}

impl Severed {
    /// That the worker cannot see its flag, and what to add.
    pub(crate) fn told(&self) -> String {
        let (who, how) = match self {
            Self::Sudo => ("sudo", "add --preserve-env=STOPCTL_FLAG".to_owned()),
            Self::OtherHost => ("ssh", "start stopctl there".to_owned()),
            Self::Container {
                program,
                subcommand,
                is_passed,
                is_shown,
            } => {
                let options = [
                    (!is_passed).then_some("--env STOPCTL_FLAG"),
                    (!is_shown).then_some("--volume /dev/shm:/dev/shm"),
                ];
                let options: Vec<&str> = options.into_iter().flatten().collect();
                let options = options.join(" ");
                let how = format!("add {options} to {program} {subcommand}");
                (program.as_str(), how)
            }
        };
        format!("{who} keeps the flag from the worker, which cannot see that it is to stop: {how}")
    }
}

/// That a shell under a CI service keeps its signals from us, if that is so.
pub(crate) fn unheard() -> Option<String> {
    let ci = std::env::var("CI").ok();
    let is_ci = ci.is_some_and(|ci| !ci.is_empty() && ci != "false");
    if !is_ci || THOROUGH.iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let shell = Stat::of(process::parent_pid()?)?.program;
    if !SHELLS.contains(&shell.as_str()) {
        return None;
    }
    Some(format!(
        "started by {shell} under CI: a runner that stops the step signals {shell} only; write \
         'exec stopctl run ...'"
    ))
}

/// That a program which reads from a terminal has ended at once, as it had none.
pub(crate) fn read_nothing(program: &str) -> String {
    format!(
        "{program} ended at once, as it has no terminal to read: \"stopctl run --foreground\" gives it \
         this one"
    )
}

/// That a program which failed may have had a question, and no terminal to ask it.
pub(crate) fn asked_nobody(program: &str) -> String {
    format!(
        "{program} has no terminal to ask for a password or the like: if it wanted to, \"stopctl run \
         --foreground\" gives it this one"
    )
}

/// What joins two commands in a shell. ';' is not among them: it ends the -exec of find.
const JOINTS: [&str; 5] = ["|", "||", "|&", "&&", "&"];

/// What leads the output of a command elsewhere in a shell.
const REDIRECTIONS: [&str; 3] = [">", ">>", "2>&1"];

/// Programs for which such words mean something.
const CALCULATING: [&str; 3] = ["expr", "test", "["];

/// That a word of the command was meant for a shell, if one was.
pub(crate) fn operator(command: &[OsString]) -> Option<String> {
    let program = Path::new(command.first()?).file_name();
    let program = program.and_then(|name| name.to_str());
    if program.is_some_and(|program| CALCULATING.contains(&program)) {
        return None;
    }
    let is_meant = |(word, next): (&OsString, Option<&OsString>)| {
        let word = word.to_str().unwrap_or_default();
        // Others take such a word, too: cut -d '|'.
        let joins = JOINTS.contains(&word) && next.is_some_and(|next| is_program(next));
        (joins || REDIRECTIONS.contains(&word)).then(|| word.to_owned())
    };
    let next = command.iter().skip(1).map(Some).chain([None]);
    let operator = command.iter().zip(next).find_map(is_meant)?;
    Some(format!(
        "'{operator}' is passed on to the command as a word; {PIPELINE}"
    ))
}

#[cfg(test)]
mod tests {
    use super::{OsString, operator};

    #[test]
    fn an_operator_of_a_shell_is_told_of_but_where_it_has_another_meaning() {
        let told = |command: &[&str]| {
            let command: Vec<OsString> = command.iter().map(OsString::from).collect();
            operator(&command).is_some()
        };
        assert!(told(&["echo", "a", "|", "cat"]));
        assert!(told(&["false", "&&", "cat", "a"]));
        assert!(told(&["work", ">", "file"]));
        assert!(told(&["work", "2>&1"]));
        assert!(!told(&["cut", "-d", "|", "-f", "1"]));
        assert!(!told(&["tr", "&", "+"]));
        assert!(!told(&["join", "-t", "|"]));
        assert!(!told(&["expr", "1", "|", "2"]));
        assert!(!told(&["/usr/bin/test", "a", ">", "b"]));
        assert!(!told(&["find", ".", "-exec", "rm", "{}", ";"]));
        assert!(!told(&["sh", "-c", "a | b"]));
    }
}
