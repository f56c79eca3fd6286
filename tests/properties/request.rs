//! A line for `control`: a request that can be written again, or none.

use stopctl::control::{LONGEST, Request};

pub(crate) fn check(bytes: &[u8]) {
    // What is no UTF-8 is junk before it is read.
    let Ok(line) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(request) = Request::parse(line) {
        let written = request.to_string();
        assert!(written.len() < LONGEST && !written.contains('\n'));
        assert_eq!(Request::parse(&written), Some(request), "{written}");
    }
}
