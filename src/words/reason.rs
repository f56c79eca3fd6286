//! The reason of a stop: the word in the flag.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why a stop was requested: one word of 1 to 16 characters of `[a-z0-9-]`, but not `-` alone.
///
/// The constants are the words that stopctl itself uses; `stopctl stop --reason` sets others, and a
/// reader must expect words that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// `stopctl stop`.
    pub const USER: Self = Self(Cow::Borrowed("user"));
    /// Ctrl-C, or SIGINT from somewhere else.
    pub const INTERRUPT: Self = Self(Cow::Borrowed("interrupt"));
    /// SIGTERM to the supervisor, or another signal that would have ended it.
    pub const TERM: Self = Self(Cow::Borrowed("term"));
    /// SIGHUP: the terminal went away.
    pub const HANGUP: Self = Self(Cow::Borrowed("hangup"));
    /// `--timeout` ran out.
    pub const TIMEOUT: Self = Self(Cow::Borrowed("timeout"));
    /// Another worker of the run ended.
    pub const SIBLING: Self = Self(Cow::Borrowed("sibling"));
    /// An outer stopctl stopped this one.
    pub const PARENT: Self = Self(Cow::Borrowed("parent"));
    /// The supervisor died.
    pub const LOST: Self = Self(Cow::Borrowed("lost"));

    /// The length of the longest word that fits into a flag.
    pub const MAX: usize = 16;

    /// Parses a word.
    ///
    /// # Errors
    ///
    /// If it is empty, too long, contains a character outside `[a-z0-9-]`, or is `-`: in a flag,
    /// `-` means that there is no reason.
    pub fn parse(word: &str) -> Result<Self, ReasonError> {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=Self::MAX).contains(&word.len());
        if fits && word != "-" && word.bytes().all(known) {
            Ok(Self(Cow::Owned(word.to_owned())))
        } else {
            Err(ReasonError)
        }
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a stop was asked for, as a person would say it. A signal that has no reason of its own is called
/// `signal`, if that is known.
#[cfg(feature = "cli")]
#[must_use]
pub fn in_words<'a>(reason: &'a str, signal: Option<&'a str>) -> &'a str {
    match reason {
        "user" => "stopctl stop",
        "interrupt" => "Ctrl-C",
        // The supervisor got it, so it is not what --signal names.
        "term" => signal.unwrap_or("a signal to the supervisor"),
        "hangup" => "SIGHUP",
        "timeout" => "--timeout",
        "sibling" => "another worker ended",
        "parent" => "the outer run stops",
        "lost" => "its supervisor died",
        other => other,
    }
}

/// The error for a text that is not a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonError;

impl fmt::Display for ReasonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reason is one word of a-z, 0-9 and -, 1 to 16 letters, not - alone")
    }
}

impl Error for ReasonError {}

#[cfg(test)]
mod tests {
    use super::{Reason, ReasonError};

    #[test]
    fn a_word_of_the_known_letters_is_a_reason() {
        for word in [
            "user",
            "a",
            "7",
            "--",
            "a-",
            "-a",
            "0123456789",
            "abcdefghij-12345",
        ] {
            let reason = Reason::parse(word).unwrap();
            assert_eq!((reason.as_str(), reason.to_string()), (word, word.into()));
        }
        for (word, reason) in [
            ("user", Reason::USER),
            ("interrupt", Reason::INTERRUPT),
            ("term", Reason::TERM),
            ("hangup", Reason::HANGUP),
            ("timeout", Reason::TIMEOUT),
            ("sibling", Reason::SIBLING),
            ("parent", Reason::PARENT),
            ("lost", Reason::LOST),
        ] {
            assert_eq!(Reason::parse(word), Ok(reason));
        }
    }

    #[test]
    fn any_other_letter_or_length_is_none() {
        let too_long = "a".repeat(Reason::MAX + 1);
        for word in [
            "",
            "-",
            "A",
            "two words",
            "a_b",
            "a.",
            "a\n",
            "ß",
            &too_long,
        ] {
            assert_eq!(Reason::parse(word), Err(ReasonError), "{word}");
        }
        for byte in 0..=127_u8 {
            let known = byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let word = char::from(byte).to_string();
            assert_eq!(Reason::parse(&word).is_ok(), known, "{word:?}");
        }
        assert!(ReasonError.to_string().contains("1 to 16 letters"));
    }
}
