//! The program of a worker: where it may be, and becoming it, as execvp(3) does.
//!
//! Everything is prepared before the fork: between fork and exec nothing may be allocated.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use libc::{EACCES, ENODEV, ENOENT, ENOEXEC, ENOTDIR, ESTALE, ETIMEDOUT};

use crate::linux::sys::{self, Words};

/// What runs a file that is executable and has no form that the kernel knows.
const SHELL: &CStr = c"/bin/sh";

/// Where programs are without a PATH (`_CS_PATH`).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The longest name of a file, and the longest part of PATH that is tried.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4096;

/// A command, and the files that it may mean.
#[derive(Debug)]
pub struct Program {
    words: Vec<CString>,
    /// In the order in which they are tried.
    files: Vec<CString>,
    /// What it comes to when there is no file to try.
    none: i32,
}

impl Program {
    /// The program of `command`, which is not empty, looked up in `path`.
    ///
    /// # Errors
    ///
    /// If a word has a zero byte in it: no program could be given that.
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

    /// The arguments, with the name.
    pub(super) fn arguments(&self) -> Words<'_> {
        Words::of(self.words.iter().map(CString::as_c_str))
    }

    /// The arguments of a shell that runs it; the second one is the file, and comes later.
    pub(super) fn shell(&self) -> Words<'_> {
        let rest = self.words[1..].iter().map(CString::as_c_str);
        Words::of([SHELL, SHELL].into_iter().chain(rest))
    }

    /// Becomes it. Comes back only with the error.
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
                // It is not there, or not for us: perhaps the next one is.
                Some(errno @ (EACCES | ENOENT | ESTALE | ENOTDIR | ENODEV | ETIMEDOUT)) => errno,
                Some(_) | None => return error,
            };
            is_denied |= last == EACCES;
        }
        // One that we may not run says more than that others are not there.
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
    // There is no zero byte in a variable, nor in the name by now.
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
