//! Warnings that can save somebody a day, each said once.

use stopctl::linux::process::{self, Stat};

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
