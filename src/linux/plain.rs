//! The error of a system call as a person reads it.

use std::fmt;
use std::io;

/// The error without its number, which tells nobody more than the sentence before it.
#[must_use]
pub fn plain(error: &io::Error) -> impl fmt::Display + use<'_> {
    Plain(error)
}

struct Plain<'a>(&'a io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let number = self.0.raw_os_error();
        let end = number.map_or_else(String::new, |number| format!(" (os error {number})"));
        f.write_str(text.strip_suffix(&end).unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::{io, plain};

    #[test]
    fn an_error_is_told_without_its_number() {
        for (errno, words) in [
            (libc::ENOENT, "No such file or directory"),
            (libc::EACCES, "Permission denied"),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(plain(&error).to_string(), words);
        }
        let own = io::Error::other("it is a socket (os error 2)");
        assert_eq!(plain(&own).to_string(), "it is a socket (os error 2)");
    }
}
