//! The program of a worker: which files it may be, and how a child becomes it, as with execvp(3).
//!
//! Everything is prepared before the fork, because nothing may be allocated between fork and exec.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use libc::{EACCES, ENODEV, ENOENT, ENOEXEC, ENOTDIR, ESTALE, ETIMEDOUT};

use crate::linux::sys::{self, Words};

/// What runs an executable file whose format the kernel does not know.
const SHELL: &CStr = c"/bin/sh";

/// Where programs are looked for if there is no PATH (`_CS_PATH`).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The longest name that a file can have, and the longest part of PATH that is tried.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4096;

/// A command, and the files that it may mean.
#[derive(Debug)]
pub struct Program {
    words: Vec<CString>,
    /// The files that may be the program, in the order in which they are tried.
    files: Vec<CString>,
    /// The error if there is no file to try.
    none: i32,
}

impl Program {
    /// The program of `command`, which is not empty, looked up in `path`.
    ///
    /// # Errors
    ///
    /// If a word has a zero byte in it: it cannot be passed to a program.
    pub fn of(command: &[OsString], path: Option<&OsStr>) -> io::Result<Self> {
        let words: Result<Vec<CString>, _> = command
            .iter()
            .map(|word| CString::new(word.as_bytes()))
            .collect();
        let words = words?;
        let name = words[0].as_bytes();
        let path = path.unwrap_or(DEFAULT_PATH.as_ref());
        let (files, none) = match name {
            b"" => (Vec::new(), ENOENT),
            name if name.contains(&b'/') => (vec![words[0].clone()], ENOENT),
            name if name.len() > NAME_MAX => (Vec::new(), libc::ENAMETOOLONG),
            name => (candidates(name, path.as_bytes()), ENOENT),
        };
        Ok(Self { words, files, none })
    }

    /// Whether one of the files that it may be is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let paths = self
            .files
            .iter()
            .map(|file| OsStr::from_bytes(file.to_bytes()));
        paths.map(Path::new).any(Path::exists)
    }

    /// The arguments, with the name of the program as the first one.
    pub(super) fn arguments(&self) -> Words<'_> {
        Words::of(self.words.iter().map(CString::as_c_str))
    }

    /// The arguments of a shell that runs the program. The second one is the file: it is set later.
    pub(super) fn shell(&self) -> Words<'_> {
        let rest = self.words[1..].iter().map(CString::as_c_str);
        Words::of([SHELL, SHELL].into_iter().chain(rest))
    }

    /// Becomes the program. Comes back only with an error.
    pub(super) fn run<'a>(
        &'a self,
        arguments: &Words<'_>,
        shell: &mut Words<'a>,
        environment: &Words<'_>,
    ) -> io::Error {
        let mut last = self.none;
        let mut is_denied = false;
        for file in &self.files {
            let mut error = sys::execve(file, arguments, environment);
            if error.raw_os_error() == Some(ENOEXEC) {
                shell.set(1, file);
                error = sys::execve(SHELL, shell, environment);
            }
            last = match error.raw_os_error() {
                // It is not there, or we may not run it: perhaps the next one is ours.
                Some(errno @ (EACCES | ENOENT | ESTALE | ENOTDIR | ENODEV | ETIMEDOUT)) => errno,
                Some(_) | None => return error,
            };
            is_denied |= last == EACCES;
        }
        // That we may not run one file says more than that the others are not there.
        io::Error::from_raw_os_error(if is_denied { EACCES } else { last })
    }
}

/// The file in each directory of `path`; an empty part is the working directory.
fn candidates(name: &[u8], path: &[u8]) -> Vec<CString> {
    let directories = path.split(|&b| b == b':');
    let short = directories.filter(|directory| directory.len() < PATH_MAX);
    let files = short.map(|directory| match directory {
        b"" => name.to_vec(),
        directory => [directory, name].join(&b'/'),
    });
    // A variable has no zero byte, and the name was checked.
    files.filter_map(|file| CString::new(file).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{PATH_MAX, Program};

    fn files(name: &str, path: Option<&str>) -> Vec<String> {
        let program = Program::of(&[name.into()], path.map(AsRef::as_ref)).unwrap();
        let files = program.files.iter();
        files
            .map(|file| file.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_name_is_looked_up_as_execvp_does() {
        assert_eq!(files("ls", None), ["/bin/ls", "/usr/bin/ls"]);
        assert_eq!(files("ls", Some("/a:/b/")), ["/a/ls", "/b//ls"]);
        assert_eq!(
            files("ls", Some(":/a::b:")),
            ["ls", "/a/ls", "ls", "b/ls", "ls"]
        );
        assert_eq!(files("ls", Some("")), ["ls"]);
        assert_eq!(files("./ls", Some("/a")), ["./ls"]);
        assert_eq!(files("a/ls", None), ["a/ls"]);
        let long = format!("{}:/b", "x".repeat(PATH_MAX));
        assert_eq!(files("ls", Some(&long)), ["/b/ls"]);
    }

    #[test]
    fn a_name_that_no_file_can_have_has_the_error_of_execvp() {
        let none = |name: &str| Program::of(&[name.into()], None).unwrap().none;
        assert_eq!(none(""), libc::ENOENT);
        assert!(files("", None).is_empty());
        assert_eq!(none(&"x".repeat(256)), libc::ENAMETOOLONG);
        assert!(files(&"x".repeat(256), None).is_empty());
        assert_eq!(files(&"x".repeat(255), None).len(), 2);
        assert!(Program::of(&["a\0b".into()], None).is_err());
    }
}
