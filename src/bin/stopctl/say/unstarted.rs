//! Why the program of a worker cannot be started, and what was probably meant.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use stopctl::run::spawn::{Program, SpawnError};

use crate::say::letters::escaped;
use crate::show::excerpt;

/// How much of a program's name is shown.
const PROGRAM: usize = 200;

/// What a shell makes of a command, and nobody else.
pub(crate) const PIPELINE: &str = "a pipeline needs a shell: stopctl run -- sh -c '...'";

/// Words that a shell does itself.
const BUILTINS: [&str; 12] = [
    ".", "alias", "cd", "eval", "exec", "export", "set", "source", "trap", "ulimit", "umask",
    "unset",
];

/// Why the command of a run cannot be started.
pub(crate) fn cannot_start(command: &[OsString], error: &SpawnError) -> String {
    let name = &command[0];
    let program = excerpt(escaped(name), PROGRAM);
    let why = match error {
        SpawnError::NotFound(_) if is_program(name) => {
            "the interpreter that its first line names is missing".to_owned()
        }
        SpawnError::NotFound(_) => meant(command).unwrap_or_else(|| not_found(name)),
        SpawnError::NotRunnable(_) => not_run(command, error),
        SpawnError::Lacks(..) => error.to_string(),
    };
    format!("cannot start '{program}': {why}")
}

/// What was meant by a command that is the name of no program; `None` if nobody can know.
fn meant(command: &[OsString]) -> Option<String> {
    let name = &command[0];
    let text = name.to_string_lossy();
    if text.is_empty() {
        return Some("the command is an empty word".to_owned());
    }
    if text.contains(['|', '&', ';', '<', '>']) {
        return Some(format!("not a program; {PIPELINE}"));
    }
    if is_assignment(name) {
        let name = excerpt(escaped(name), PROGRAM);
        return Some(format!(
            "not a program; env sets a variable: stopctl run -- env {name} ..."
        ));
    }
    if command.len() == 1 && text.contains(' ') {
        return Some("it is one word with spaces in it: leave the quotes out".to_owned());
    }
    let is_builtin = BUILTINS.contains(&text.as_ref());
    is_builtin.then(|| format!("only a shell knows {text}: stopctl run -- sh -c '{text} ...'"))
}

fn not_found(name: &OsStr) -> String {
    if name.as_bytes().contains(&b'/') {
        return "No such file or directory".to_owned();
    }
    format!("not in PATH{}", beside(name).unwrap_or_default())
}

/// The file of this name in the working directory, which was perhaps meant.
fn beside(name: &OsStr) -> Option<String> {
    let here = Path::new(".").join(name);
    let shown = || excerpt(escaped(here.as_os_str()), PROGRAM);
    here.is_file()
        .then(|| format!("; did you mean {}?", shown()))
}

/// Why a program cannot be run. As execvp(3) does it, a directory of PATH that may not be searched counts
/// as one that may have it.
fn not_run(command: &[OsString], error: &SpawnError) -> String {
    let name = &command[0];
    if name.as_bytes().contains(&b'/') || is_program(name) {
        return format!("{error}{}", not_runnable(name));
    }
    meant(command).unwrap_or_else(|| {
        let hint = beside(name)
            .unwrap_or_else(|| format!(", of which a directory may not be searched: {error}"));
        format!("not in PATH{hint}")
    })
}

/// Whether a program has this name, as execvp(3) would find it.
pub(crate) fn is_program(name: &OsStr) -> bool {
    let path = std::env::var_os("PATH");
    let program = Program::of(&[name.to_owned()], path.as_deref());
    program.is_ok_and(|program| program.is_there())
}

/// Whether a shell would take it for a variable and its value.
fn is_assignment(word: &OsStr) -> bool {
    let name = word.as_bytes().split(|&byte| byte == b'=').next();
    let is_name = |name: &[u8]| {
        let plain = name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        plain && name.first().is_some_and(|byte| !byte.is_ascii_digit())
    };
    word.as_bytes().contains(&b'=') && name.is_some_and(is_name)
}

fn not_runnable(name: &OsStr) -> &'static str {
    match Path::new(name).metadata() {
        Ok(data) if data.is_dir() => "; it is a directory",
        Ok(data) if data.permissions().mode() & 0o111 == 0 => {
            "; it is not executable: chmod +x it, or put its interpreter before it"
        }
        Ok(_) | Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{OsString, PIPELINE, SpawnError, cannot_start};

    fn said(command: &[&str]) -> String {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        cannot_start(&command, &SpawnError::NotFound(error))
    }

    #[test]
    fn what_a_directory_hides_that_may_not_be_searched_is_not_found_either() {
        let said = |command: &str| {
            let error = io::Error::from_raw_os_error(libc::EACCES);
            cannot_start(&[command.into()], &SpawnError::NotRunnable(error))
        };
        assert!(said("a | b").ends_with(PIPELINE));
        for (command, why) in [
            (
                "no-such-program",
                "not in PATH, of which a directory may not be searched: Permission denied",
            ),
            ("Cargo.toml", "not in PATH; did you mean ./Cargo.toml?"),
            ("/no/such/program", "Permission denied"),
            ("sh", "Permission denied"),
            (
                "./Cargo.toml",
                "Permission denied; it is not executable: chmod +x it, or put its interpreter before it",
            ),
        ] {
            assert_eq!(said(command), format!("cannot start '{command}': {why}"));
        }
    }

    #[test]
    fn what_is_not_found_is_told_from_what_is_no_program() {
        for (command, why) in [
            (&["no-such-program"][..], "not in PATH"),
            (&["/no/such/program"], "No such file or directory"),
            // Tests run in the package's directory.
            (&["build.toml"], "not in PATH"),
            (&["Cargo.toml"], "not in PATH; did you mean ./Cargo.toml?"),
            (
                &["./Cargo.toml"],
                "the interpreter that its first line names is missing",
            ),
            (
                &["sleep 5"],
                "it is one word with spaces in it: leave the quotes out",
            ),
            (
                &["cd", "/srv"],
                "only a shell knows cd: stopctl run -- sh -c 'cd ...'",
            ),
            (
                &["A_1=b", "make"],
                "not a program; env sets a variable: stopctl run -- env A_1=b ...",
            ),
            (&["1=b"], "not in PATH"),
            (&[""], "the command is an empty word"),
        ] {
            assert_eq!(
                said(command),
                format!("cannot start '{}': {why}", command[0])
            );
        }
        for pipeline in ["a | b", "a|b", "cd /srv; make", "a && b", "a >b"] {
            assert!(said(&[pipeline]).ends_with(PIPELINE), "{pipeline}");
        }
    }
}
