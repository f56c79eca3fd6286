//! A datagram of `sd_notify(3)`: what is heard of it can be said again, and is short.

use stopctl::contract::notify::{LONGEST, Message};

/// Longer than any text that is kept.
const TEXT: usize = 256;

pub(crate) fn check(bytes: &[u8]) {
    let heard = Message::parse(bytes);
    let text = heard.status.as_deref().unwrap_or_default();
    let kept = serde_json::to_string(text).expect("a text");
    assert!(kept.len() <= TEXT, "{kept}");
    assert!(!text.contains(['\n', '\0']), "{text:?}");
    let said = heard.datagram();
    assert!(said.len() < LONGEST, "{said}");
    assert_eq!(Message::parse(said.as_bytes()), heard, "{said}");
}
