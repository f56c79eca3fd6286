//! The flag's bytes, and the modes of its files.

mod full;
mod place;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::base::{Answer, Base};
use crate::support::owner::open_to_spoil;
use crate::support::started::Ended;

const RUNNING: &[u8; 64] = include_bytes!("../golden/running.flag");

const STOPPING: &[u8; 64] = include_bytes!("../golden/stopping.flag");

#[test]
fn the_golden_flags_are_what_the_manual_describes() {
    assert_eq!(RUNNING[0], b'0');
    assert!(RUNNING[1..].iter().all(|byte| *byte == b'\n'));
    let text = std::str::from_utf8(STOPPING).expect("text");
    assert_eq!(
        text.trim_end_matches('\n'),
        "1   user 1874909537128 1763818800"
    );
}

#[test]
fn a_flag_is_64_bytes_of_text_at_every_level() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("levels")
        .times("300ms", "300ms")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    // Open to the end: the file's name is gone then, its last level is not.
    let file = File::open(flag(&base, "levels", 0)).expect("the flag");
    assert_eq!(&bytes(&file), RUNNING);
    base.call(&[
        "stop",
        "levels",
        "--no-wait",
        "--reason",
        "sixteen-letters1",
    ])
    .expect(0);
    run.wait_for("flag 1");
    assert_form(&bytes(&file), '1', "sixteen-letters1");
    run.wait_for("flag 2");
    assert_form(&bytes(&file), '2', "sixteen-letters1");
    run.finish().expect(137);
    assert_form(&bytes(&file), '3', "sixteen-letters1");
}

#[test]
fn b15_modes_do_not_depend_on_the_umask() {
    for mask in ["000", "022", "077", "0777"] {
        let base = Base::new();
        let run = base
            .scenario()
            .name("modes")
            .without_events()
            .through(&format!(r#"umask {mask}; exec "$@""#))
            .sh(r#"umask; exec "$0" polite"#)
            .zoo_as_argument()
            .start();
        let told = run.wait_for("0").text;
        run.ready(1);
        assert_eq!(
            u32::from_str_radix(&told, 8),
            u32::from_str_radix(mask, 8),
            "B15: the workers' own"
        );
        let directory = base.runs().join("modes");
        assert_eq!(mode(base.runs()), 0o755, "B15 {mask}: base");
        assert_eq!(mode(&directory), 0o711, "B15 {mask}: run");
        assert_eq!(mode(&flag(&base, "modes", 0)), 0o444, "B15 {mask}: flag");
        assert_eq!(mode(&directory.join("owner")), 0o444, "B15 {mask}: owner");
        assert_eq!(
            mode(&directory.join("control")),
            0o600,
            "B15 {mask}: control"
        );
        assert_eq!(mode(&directory.join("record")), 0o600, "B15 {mask}: record");
        let control = fs::metadata(directory.join("control")).expect("control");
        assert!(control.file_type().is_fifo());
        base.call(&["stop", "modes"]).expect(0);
        run.finish().expect(0);
    }
}

#[test]
fn the_owner_file_names_its_owner_in_one_line() {
    let base = Base::new();
    let run = base.scenario().name("owned").zoo(&["polite"]).start();
    run.ready(1);
    let bytes = fs::read(base.runs().join("owned/owner")).expect("owner");
    let word = u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
    assert_eq!(word & 0x4000_0000, 0, "the owner lives");
    assert_ne!(word & 0x8000_0000, 0, "WAITERS is always set");
    assert_eq!(word & 0x3fff_ffff, u32::try_from(run.pid()).expect("a pid"));
    let line = std::str::from_utf8(&bytes[64..]).expect("text");
    assert_eq!(bytes.len(), 256);
    assert!(line.ends_with('\n'));
    let fields: Vec<&str> = line.trim_end_matches('\n').split(' ').collect();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("boot id");
    let namespace = fs::metadata("/proc/self/ns/pid")
        .expect("pid namespace")
        .ino();
    let clock = fs::metadata("/proc/self/ns/time").map(|one| one.ino());
    assert_eq!(fields.len(), 7, "{fields:?}");
    assert_eq!(fields[0], "1");
    assert_eq!(fields[1], run.pid().to_string());
    assert_eq!(fields[3], boot.trim());
    assert_eq!(fields[4], namespace.to_string());
    assert_eq!(fields[5], clock.unwrap_or(0).to_string());
    // Nobody has put this test into a time namespace with another clock.
    assert_eq!(fields[6], "0");
    base.call(&["stop", "owned"]).expect(0);
    run.finish().expect(0);
}

#[test]
fn every_start_has_a_flag_of_its_own() {
    let base = Base::new();
    let mut names = Vec::new();
    for _ in 0..3 {
        let run = base.scenario().name("again").zoo(&["polite"]).start();
        run.ready(1);
        names.push(flag(&base, "again", 0));
        base.call(&["stop", "again"]).expect(0);
        run.finish().expect(0);
    }
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn b8_any_first_byte_but_0_means_stop_to_keep_going() {
    let base = Base::new();
    let file = base.file("flag");
    let mut stopping = STOPPING.to_vec();
    for (content, status) in [
        (RUNNING.to_vec(), 0),
        (stopping.clone(), 1),
        (b"0".to_vec(), 0),
        (b"1".to_vec(), 1),
        (b"9".to_vec(), 1),
        (b"x".to_vec(), 1),
        (vec![0; 64], 1),
        (vec![0xff; 64], 1),
        (vec![b'1'; 1_000_000], 1),
        (vec![b'0'; 1_000_000], 0),
    ] {
        fs::write(&file, &content).expect("write");
        let answer = keep_going(&base, &file);
        let head = &content[..content.len().min(8)];
        assert_eq!(answer.ended, Ended::Code(status), "B8 {head:?}: {answer:?}");
    }
    fs::write(&file, "").expect("write");
    assert_eq!(
        keep_going(&base, &file).ended,
        Ended::Code(125),
        "B8: empty"
    );
    // B10: an impossible level, deadline or reason changes nothing about the first byte.
    stopping[0] = b'7';
    stopping[4..].fill(b'\xfe');
    fs::write(&file, &stopping).expect("write");
    assert_eq!(keep_going(&base, &file).ended, Ended::Code(1), "B10");
    let directory = base.file("directory");
    fs::create_dir(&directory).expect("mkdir");
    assert_eq!(
        keep_going(&base, &directory).ended,
        Ended::Code(125),
        "B8: a directory"
    );
}

#[test]
fn b8_without_a_flag_the_reading_commands_go_on() {
    let base = Base::new();
    base.call(&["keep-going"]).expect(0);
    let slept = base.call(&["sleep", "50ms"]);
    slept.expect(0);
    assert!(slept.took >= Duration::from_millis(50));
}

#[test]
fn b9_a_flag_that_changes_while_it_is_read_is_never_a_crash() {
    let base = Base::new();
    let path = base.file("flag");
    fs::write(&path, RUNNING).expect("write");
    let file = File::options().write(true).open(&path).expect("open");
    let (stop, done) = std::sync::mpsc::channel::<()>();
    let flipper = std::thread::spawn(move || {
        while done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            for content in [RUNNING, STOPPING, &[0xff; 64]] {
                file.write_all_at(content, 0).expect("write");
            }
        }
    });
    for _ in 0..100 {
        let answer = keep_going(&base, &path);
        assert!(matches!(answer.ended, Ended::Code(0 | 1)), "B9: {answer:?}");
    }
    drop(stop);
    flipper.join().expect("it only writes");
}

#[test]
fn b10_an_impossible_byte_in_a_flag_is_overwritten_by_the_next_level() {
    let base = Base::new();
    let run = base
        .scenario()
        .name("scribbled")
        .times("200ms", "200ms")
        .zoo(&["deaf"])
        .start();
    run.ready(1);
    let path = flag(&base, "scribbled", 0);
    let reader = File::open(&path).expect("the flag");
    let writer = open_to_spoil(&path);
    writer.write_all_at(&[0xff; 60], 4).expect("write");
    base.call(&["stop", "scribbled"]).expect(0);
    run.finish().expect(137);
    assert_form(&bytes(&reader), '3', "user");
}

fn keep_going(base: &Base, flag: &Path) -> Answer {
    let mut command = base.stopctl(&["keep-going"]);
    command.env("STOPCTL_FLAG", flag);
    base.answer(command)
}

/// The path of a worker's flag.
fn flag(base: &Base, run: &str, worker: usize) -> PathBuf {
    let start = format!("{worker}.");
    let found = fs::read_dir(base.runs().join(run))
        .expect("the run")
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with(&start));
    found.expect("a flag").path()
}

fn bytes(file: &File) -> [u8; 64] {
    let mut bytes = [0; 64];
    file.read_exact_at(&mut bytes, 0).expect("64 bytes");
    assert_eq!(file.metadata().expect("metadata").len(), 64);
    bytes
}

/// Level, three spaces, reason, and two deadlines; then newlines to the end.
#[track_caller]
fn assert_form(bytes: &[u8; 64], level: char, reason: &str) {
    let text = std::str::from_utf8(bytes).expect("text");
    let line = text.trim_end_matches('\n');
    assert!(line.len() < 64, "at least one newline: {text:?}");
    let rest = line
        .strip_prefix(&format!("{level}   {reason} "))
        .unwrap_or_else(|| panic!("level {level}, reason {reason}: {text:?}"));
    let fields: Vec<&str> = rest.split(' ').collect();
    assert_eq!(fields.len(), 2, "{text:?}");
    for field in fields {
        assert!(
            field == "-" || field.chars().all(|digit| digit.is_ascii_digit()),
            "{text:?}"
        );
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path)
        .expect("it exists")
        .permissions()
        .mode()
        & 0o7777
}
