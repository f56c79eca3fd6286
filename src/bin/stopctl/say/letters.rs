//! The letters that a reader can read: all of them in a locale that has UTF-8, otherwise those of ASCII.
//! Sentences are written in ASCII; this is for what is cut, and for texts that come from elsewhere.

use std::ffi::{OsStr, OsString};
use std::sync::LazyLock;

use stopctl::words::escape;

/// Whether the reader can read more than ASCII. Unit tests do not depend on who runs them.
static HAS_ALL: LazyLock<bool> =
    LazyLock::new(|| cfg!(test) || has_all(["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var_os)));

/// Whether these settings choose UTF-8: the first that is set and not empty counts (locale(7)).
fn has_all(settings: [Option<OsString>; 3]) -> bool {
    let mut set = settings.into_iter().flatten();
    let chosen = set.find(|locale| !locale.is_empty()).unwrap_or_default();
    let chosen = chosen.to_string_lossy().to_ascii_lowercase();
    ["utf-8", "utf8"].iter().any(|name| chosen.contains(name))
}

/// Stands in place of what was cut off.
pub(crate) fn cut_mark() -> &'static str {
    if *HAS_ALL { "…" } else { "..." }
}

/// A text that comes from elsewhere, harmless, and in letters that the reader can read.
pub(crate) fn escaped(text: impl AsRef<OsStr>) -> String {
    let text = escape::escaped(text);
    if *HAS_ALL { text } else { in_ascii(&text) }
}

fn in_ascii(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{OsString, has_all, in_ascii};

    #[test]
    fn the_first_setting_that_is_not_empty_chooses() {
        for (settings, chosen) in [
            (["", "", ""], false),
            (["", "", "en_US.UTF-8"], true),
            (["", "", "de_DE.utf8@euro"], true),
            (["C", "", "en_US.UTF-8"], false),
            (["", "POSIX", "en_US.UTF-8"], false),
            (["C.UTF-8", "C", "C"], true),
            (["", "", "de_DE.ISO-8859-1"], false),
        ] {
            let set = settings.map(|value| Some(OsString::from(value)));
            assert_eq!(has_all(set), chosen, "{settings:?}");
        }
        assert!(!has_all([None, None, None]));
    }

    #[test]
    fn letters_that_cannot_be_read_are_written_as_escapes() {
        assert_eq!(in_ascii("train"), "train");
        assert_eq!(in_ascii("naïve …"), r"na\u{ef}ve \u{2026}");
    }
}
