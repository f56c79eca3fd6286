//! Warnings that can save somebody a day, each said once.

use std::ffi::OsString;
use std::path::Path;

use stopctl::linux::process::{self, Stat};

/// Programs that do not pass the environment on.
const SEVERING: [&str; 3] = ["sudo", "ssh", "docker"];

/// Shells that wait for us and pass no signal on.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "ash", "busybox"];

/// CI services that signal every process of a job, not only its shell.
const THOROUGH: [&str; 2] = ["GITLAB_CI", "JENKINS_URL"];

/// What can be seen before the first worker is started.
pub(crate) fn before(command: &[OsString]) -> Vec<String> {
    let program = Path::new(&command[0])
        .file_name()
        .and_then(|name| name.to_str());
    let severed = program
        .filter(|program| SEVERING.contains(program))
        .map(|program| {
            let how = match program {
                "sudo" => "sudo --preserve-env=STOPCTL_FLAG …",
                "docker" => "docker run --env STOPCTL_FLAG --volume /dev/shm:/dev/shm …",
                _ => "start stopctl on the other side instead",
            };
            format!(
                "{program} does not pass STOPCTL_FLAG on, so the worker cannot see its flag: {how}"
            )
        });
    let parent = std::env::var("CI")
        .ok()
        .filter(|ci| !ci.is_empty() && ci != "false");
    let parent = parent.filter(|_| THOROUGH.iter().all(|name| std::env::var_os(name).is_none()));
    let parent = parent.and_then(|_| Stat::of(process::parent_pid()?));
    let shell = parent
        .map(|parent| parent.program)
        .filter(|name| SHELLS.contains(&name.as_str()));
    let unheard = shell.map(|shell| {
        format!("started by {shell} under CI: a runner that stops the step signals {shell} only; write 'exec stopctl run …'")
    });
    severed.into_iter().chain(unheard).collect()
}
