//! Texts that come from elsewhere, made harmless before they are printed.
//!
//! A worker's name or a command line may hold anything: a newline would forge a line of ours, an
//! escape sequence would control the terminal, and some invisible characters reverse the direction
//! of writing, so that a text reads as another one.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// `text` with everything that is not plainly visible written as an escape.
///
/// Control characters and bytes that are not UTF-8 become `\xNN`; invisible characters that
/// change how their neighbours are shown become `\u{...}`; a backslash becomes `\\`, so that what
/// is printed stands for one text only. Every other character, of any script, stays as it is.
#[must_use]
pub fn escaped(text: impl AsRef<OsStr>) -> String {
    let bytes = text.as_ref().as_bytes();
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut shown, character);
        }
        for byte in chunk.invalid() {
            push_byte(&mut shown, *byte);
        }
    }
    shown
}

fn push(shown: &mut String, character: char) {
    match character {
        '\\' => shown.push_str("\\\\"),
        character if character.is_ascii_control() => push_byte(shown, character as u8),
        character if character.is_control() || is_invisible(character) => {
            shown.extend(character.escape_unicode());
        }
        character => shown.push(character),
    }
}

fn push_byte(shown: &mut String, byte: u8) {
    // UNWRAP: writing into a String cannot fail.
    write!(shown, "\\x{byte:02x}").expect("a String takes everything");
}

/// Characters of the Unicode categories Cf, Zl and Zp that reorder, break or hide text.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::{OsStr, OsStrExt, escaped, is_invisible};
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert, proptest};

    #[test]
    fn printable_text_of_any_script_stays_as_it_is() {
        for text in ["", "train-1", "two words", "naïve Straße", "訓練", "🚂"] {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn what_is_not_visible_is_written_as_an_escape() {
        for (text, shown) in [
            ("a\nb\t", r"a\x0ab\x09"),
            ("\x1b[31mred", r"\x1b[31mred"),
            ("\0\x7f", r"\x00\x7f"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("ab\u{202e}dc", r"ab\u{202e}dc"),
            ("line\u{2028}", r"line\u{2028}"),
            (r"\x41", r"\\x41"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn every_character_that_reorders_breaks_or_hides_text_is_written_as_an_escape() {
        let ranges = [
            ('\u{ad}', '\u{ad}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{180e}', '\u{180e}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{206f}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{fff9}', '\u{fffb}'),
            ('\u{e0000}', '\u{e007f}'),
        ];
        for character in ('\u{a0}'..='\u{ffff}').chain('\u{dffff}'..='\u{e0080}') {
            let is_in = |(from, to): &(char, char)| (*from..=*to).contains(&character);
            let shown = escaped(character.to_string());
            let expected = if ranges.iter().any(is_in) {
                character.escape_unicode().to_string()
            } else {
                character.to_string()
            };
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_written_in_hexadecimal() {
        let text = OsStr::from_bytes(b"ok\xff\xc3(\xe2\x82");
        assert_eq!(escaped(text), r"ok\xff\xc3(\xe2\x82");
    }

    proptest! {
        #[test]
        fn an_escaped_text_never_contains_a_control_character(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let shown = escaped(OsStr::from_bytes(&bytes));
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)), "{shown:?}");
        }

        #[test]
        fn an_escaped_string_never_contains_a_control_character(text in any::<String>()) {
            let shown = escaped(&text);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)), "{shown:?}");
        }
    }
}
