//! A line for `control`: a request of one of the two kinds that can be written again, or none.

use stopctl::control::{Extension, LONGEST, Request};

pub(crate) fn check(bytes: &[u8]) {
    // What is no UTF-8 is junk before it is read.
    let Ok(line) = std::str::from_utf8(bytes) else {
        return;
    };
    let (request, extension) = (Request::parse(line), Extension::parse(line));
    assert!(request.is_none() || extension.is_none());
    if let Some(request) = request {
        let written = request.to_string();
        assert!(written.len() < LONGEST && !written.contains('\n'));
        assert_eq!(Request::parse(&written), Some(request), "{written}");
    }
    if let Some(extension) = extension {
        let written = extension.to_string();
        assert!(written.len() < LONGEST && !written.contains('\n'));
        assert_eq!(Extension::parse(&written), Some(extension), "{written}");
    }
}
