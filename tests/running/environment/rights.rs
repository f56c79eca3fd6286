//! Rights that come from the program's file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::places::through;
use crate::support::base::Base;
use crate::support::need::{Need, lacks};

/// Whoever starts such a program chooses its arguments and its environment, and with them whom it
/// signals and what it removes.
#[test]
fn k2a_with_the_rights_of_another_user_or_group_it_does_nothing() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) {
        return;
    }
    let base = Base::below("/var/tmp");
    let copy = base.file("stopctl");
    Base::copy_program(Base::program(), &copy);
    let path = copy.display();
    let user = "shift; exec setpriv --reuid=61015 --regid=61015 --clear-groups";
    let as_is = format!("{user} {path} \"$@\" #");
    let half_user = format!("shift; exec setpriv --ruid=61015 {path} \"$@\" #");
    let half_group = format!("shift; exec setpriv --rgid=61015 --clear-groups {path} \"$@\" #");
    for (mode, words, said) in [
        (0o4755, &as_is, "uid 61015 with the rights of uid 0"),
        (0o2755, &as_is, "gid 61015 with the rights of gid 0"),
        (0o755, &half_user, "uid 61015 with the rights of uid 0"),
        (0o755, &half_group, "gid 61015 with the rights of gid 0"),
    ] {
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).expect("chmod");
        for arguments in [
            &["run", "--", "touch", "ran"][..],
            &["stop", "-a"],
            &["clean"],
            &["status"],
            &["list"],
            &["wait"],
            &["keep-going"],
            &["sleep", "0"],
            &["notify", "--ready"],
            &["unit", "x", "--", "true"],
            &["client", "sh"],
            &["--help"],
        ] {
            let answer = through(&base, words, arguments);
            answer.expect(125).says(said);
            assert_eq!(answer.out, "", "{arguments:?}");
        }
    }
    assert!(!base.file("ran").exists() && !base.runs().exists());
    // Of its owner, the bits change nothing.
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o6755)).expect("chmod");
    through(
        &base,
        &format!("shift; exec {path} \"$@\" #"),
        &["run", "--", "true"],
    )
    .expect(0);
}

#[test]
fn k2b_with_the_capabilities_of_its_file_it_does_nothing() {
    if lacks(Need::Root) || lacks(Need::Program("setpriv")) || lacks(Need::Program("setcap")) {
        return;
    }
    let base = Base::below("/var/tmp");
    let copy = base.file("stopctl");
    let script = format!(
        "shift; cp {} {path} && setcap cap_kill+ep {path} && exec setpriv --reuid=61015 --regid=61015 \
         --clear-groups {path} \"$@\" #",
        Base::program(),
        path = copy.display()
    );
    through(&base, &script, &["list"])
        .expect(125)
        .says("capabilities of its file");
    // Root has them anyway.
    through(
        &base,
        &format!("shift; exec {} \"$@\" #", copy.display()),
        &["list"],
    )
    .expect(0);
}
