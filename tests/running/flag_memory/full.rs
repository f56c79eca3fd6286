//! Shared memory that is full, wrong or missing, and the default base directory.

use crate::support::base::{Answer, Base};
use crate::support::need::{Need, lacks};

#[test]
fn b1_a_full_shared_memory_is_an_error_at_the_start() {
    let Some(answer) =
        in_mount("mount -t tmpfs -o size=4k none /dev/shm; head -c 4096 /dev/zero >/dev/shm/full")
    else {
        return;
    };
    assert_eq!(answer.out, "status 125\nfull\n", "B1: {answer:?}");
    let said = answer.err.to_lowercase();
    assert!(
        said.contains("space") || said.contains("full"),
        "B1: {answer:?}"
    );
}

#[test]
fn b1_r6_at_every_size_a_run_works_or_fails_cleanly() {
    let mut worked = false;
    for pages in 1..=16 {
        let Some(answer) = in_mount(&format!(
            "mount -t tmpfs -o size={} none /dev/shm",
            pages * 4096
        )) else {
            return;
        };
        match answer.out.as_str() {
            "status 7\n" => worked = true,
            "status 125\n" => {
                assert!(!worked, "R6: {pages} pages are too few, fewer were not");
                assert!(!answer.err.is_empty(), "R6: silent");
            }
            _ => panic!("R6 with {pages} pages: {answer:?}"),
        }
    }
    assert!(worked, "R6: 64 kB are enough");
}

#[test]
fn b2_a_shared_memory_without_inodes_says_so() {
    let mut messages = Vec::new();
    for (why, mount) in [
        ("inodes", "mount -t tmpfs -o nr_inodes=2 none /dev/shm"),
        ("read-only", "mount -t tmpfs -o ro none /dev/shm"),
    ] {
        let Some(answer) = in_mount(mount) else {
            return;
        };
        assert_eq!(answer.out, "status 125\n", "B2 {why}: {answer:?}");
        assert!(answer.err.contains("/dev/shm"), "B2 {why}: {answer:?}");
        messages.push(answer.err);
    }
    assert_ne!(messages[0], messages[1], "B2: distinct messages");
}

#[test]
fn b2_a_missing_shared_memory_says_so() {
    let Some(answer) = in_mount(
        "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9",
    ) else {
        return;
    };
    assert!(answer.out.starts_with("status 125\n"), "B2: {answer:?}");
    assert!(answer.err.contains("/dev/shm"), "B2: {answer:?}");
    assert!(answer.err.contains("STOPCTL_DIR"), "B2: {answer:?}");
}

#[test]
fn b2_a_plain_directory_works() {
    let Some(answer) = in_mount("mkdir plain; mount --bind plain /dev/shm") else {
        return;
    };
    assert_eq!(answer.out, "status 7\n", "B2: {answer:?}");
}

#[test]
fn b3_b4_the_shared_memory_of_a_container_works() {
    for mount in [
        "mount -t tmpfs -o size=64m none /dev/shm; head -c 63M /dev/zero >/dev/shm/used",
        "mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 none /dev/shm",
    ] {
        let Some(answer) = in_mount(mount) else {
            return;
        };
        assert!(
            answer.out.starts_with("status 7\n"),
            "B3 B4 {mount}: {answer:?}"
        );
    }
}

#[test]
fn the_default_base_directory_is_ours_and_goes_with_the_last_run() {
    let Some(answer) = in_mount(
        r#"mount -t tmpfs none /dev/shm
        "$STOPCTL" run --name here -- sh -c 'stat -c "%a %u %n" /dev/shm/* >&2; echo "$STOPCTL_FLAG" >&2'"#,
    ) else {
        return;
    };
    let user = nix::unistd::Uid::effective();
    assert!(
        answer
            .err
            .contains(&format!("755 {user} /dev/shm/stopctl-{user}")),
        "{answer:?}"
    );
    assert!(
        answer
            .err
            .contains(&format!("/dev/shm/stopctl-{user}/here/0.")),
        "{answer:?}"
    );
    assert_eq!(answer.out, "status 7\n", "nothing is left: {answer:?}");
}

#[test]
fn clean_removes_a_default_base_directory_that_is_empty() {
    let Some(answer) = in_mount(
        r#"mount -t tmpfs none /dev/shm
        mkdir -m 755 "/dev/shm/stopctl-$(id -u)"
        "$STOPCTL" clean --dry-run
        ls -A /dev/shm
        "$STOPCTL" clean
        ls -A /dev/shm"#,
    ) else {
        return;
    };
    let user = nix::unistd::Uid::effective();
    assert_eq!(answer.out, format!("stopctl-{user}\nstatus 7\n"));
}

/// Runs a worker that exits with 7 after this mount, in a mount namespace, and prints the status
/// and what is then in /dev/shm. None where the machine cannot.
fn in_mount(mount: &str) -> Option<Answer> {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return None;
    }
    let base = Base::below("/tmp");
    let script = format!(
        r#"{mount}
        "$STOPCTL" run -- sh -c 'exit 7'
        echo "status $?"
        ls -A /dev/shm"#
    );
    let mut command = base.command("unshare");
    command
        .args(["-m", "sh", "-c", &script])
        .env("STOPCTL", Base::program())
        .env_remove("STOPCTL_DIR");
    Some(base.answer(command))
}
