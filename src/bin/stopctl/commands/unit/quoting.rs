//! Words as systemd reads them (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers").

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// A word of `ExecStart=`, where a `$` would begin a variable.
pub(super) fn argument(text: &OsStr) -> String {
    word(text).replace('$', "$$")
}

/// A word of any setting that is a list of words.
pub(super) fn word(text: &OsStr) -> String {
    let bytes = text.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-$".contains(byte);
    let escaped = escaped(bytes);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        escaped
    } else {
        format!("\"{escaped}\"")
    }
}

/// A value that is one text; `None` if it does not fit on one line.
pub(super) fn line(text: &OsStr) -> Option<String> {
    let text = text.to_str()?;
    let is_one = !text.contains(char::is_control) && !text.ends_with([' ', '\\']);
    is_one.then(|| text.replace('%', "%%"))
}

fn escaped(bytes: &[u8]) -> String {
    let mut written = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => written.extend(['\\', character]),
                // A single one begins a specifier, and two stand for one.
                '%' => written.push_str("%%"),
                character if character.is_ascii_control() => byte(&mut written, character as u8),
                character => written.push(character),
            }
        }
        for invalid in chunk.invalid() {
            byte(&mut written, *invalid);
        }
    }
    written
}

fn byte(written: &mut String, byte: u8) {
    // UNWRAP: writing to a String cannot fail.
    let _ = write!(written, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::{argument, line, word};

    #[test]
    fn a_word_stays_one_word_and_means_itself() {
        for (typed, written) in [
            ("train.py", "train.py"),
            ("--lr=0.1", "--lr=0.1"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("100%", "100%%"),
            ("$HOME", "$$HOME"),
            ("a \"b\" c", r#""a \"b\" c""#),
            (r"C:\n", r#""C:\\n""#),
            (";", "\";\""),
            ("a\nb", r#""a\x0ab""#),
            ("it's", "\"it's\""),
            ("naïve", "\"naïve\""),
        ] {
            assert_eq!(argument(OsStr::new(typed)), written, "{typed}");
        }
        assert_eq!(argument(OsStr::from_bytes(b"\xff")), r#""\xff""#);
        assert_eq!(word(OsStr::new("A=$B")), "A=$B");
    }

    #[test]
    fn a_line_that_would_not_be_one_is_none() {
        assert_eq!(line(OsStr::new("/a b/50%")).as_deref(), Some("/a b/50%%"));
        for text in ["a\nb", "a ", "a\\", "\t"] {
            assert_eq!(line(OsStr::new(text)), None, "{text:?}");
        }
        assert_eq!(line(OsStr::from_bytes(b"\xff")), None);
    }
}
