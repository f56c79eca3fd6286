//! A flag: its first byte alone says whether it is raised, and what it says can be written again.

use stopctl::contract::flag::format;
use stopctl::words::reason::Reason;

pub(crate) fn check(bytes: &[u8]) {
    let mut flag = [b'\n'; format::LEN];
    let length = bytes.len().min(format::LEN);
    flag[..length].copy_from_slice(&bytes[..length]);
    let request = format::parse(&flag);
    assert_eq!(request.is_none(), flag[0] == format::RUNNING);
    let Some(request) = request else {
        return;
    };
    assert_eq!(request.level, flag[0]);
    if let Some(reason) = &request.reason {
        assert_eq!(Reason::parse(reason.as_str()).as_ref(), Ok(reason));
    }
    let written = format::stopping(&request);
    assert_eq!(format::parse(&written), Some(request));
}
