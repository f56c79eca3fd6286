//! A line for `control`: a request of one of the three kinds that can be written again, or none.

use stopctl::contract::control::{Extension, LONGEST, Signalling, StopRequest};

pub(crate) fn check(bytes: &[u8]) {
    // What is no UTF-8 is junk before it is read.
    let Ok(line) = std::str::from_utf8(bytes) else {
        return;
    };
    let (request, extension) = (StopRequest::parse(line), Extension::parse(line));
    let signalling = Signalling::parse(line);
    let kinds = [request.is_some(), extension.is_some(), signalling.is_some()];
    assert!(kinds.into_iter().filter(|&is| is).count() <= 1);
    if let Some(signalling) = signalling {
        let written = signalling.to_string();
        assert!(written.len() < LONGEST && !written.contains('\n'));
        assert_eq!(Signalling::parse(&written), Some(signalling), "{written}");
    }
    if let Some(request) = request {
        let written = request.to_string();
        assert!(written.len() < LONGEST && !written.contains('\n'));
        assert_eq!(StopRequest::parse(&written), Some(request), "{written}");
    }
    if let Some(extension) = extension {
        let written = extension.to_string();
        assert!(written.len() < LONGEST && !written.contains('\n'));
        assert_eq!(Extension::parse(&written), Some(extension), "{written}");
    }
}
