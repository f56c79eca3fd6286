//! The files of one case: a flag, the owner beside it, and what happens to them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::cases::Case;
use crate::committed;

const OWNER_ALIVE: u32 = 0x8000_1267;
const OWNER_DIED: u32 = 0xc000_0000;
const OWNER_TAKEN: u32 = 0x8000_4321;

pub(crate) struct Scene {
    dir: TempDir,
    /// What `STOPCTL_FLAG` is; not set if there is nothing.
    pub(crate) variable: Option<OsString>,
}

impl Scene {
    pub(crate) fn new(case: &Case) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("stopctl-test-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/dev/shm")
            .expect("a directory for a flag");
        let mut scene = Self {
            dir,
            variable: None,
        };
        let path = scene.flag();
        scene.variable = Some(path.clone().into());
        let words: Vec<&str> = case.flag.iter().map(String::as_str).collect();
        match words[..] {
            ["golden", file] => write(&path, &golden(file)),
            ["text", text] => {
                let mut bytes = text.replace('_', " ").into_bytes();
                bytes.resize(64, b'\n');
                write(&path, &bytes);
            }
            ["bytes", length, text] => {
                let length = length.parse().expect("a number of bytes");
                write(
                    &path,
                    &text.bytes().cycle().take(length).collect::<Vec<_>>(),
                );
            }
            ["missing"] => {}
            ["unset"] => scene.variable = None,
            ["blank"] => scene.variable = Some(OsString::new()),
            ["directory"] => fs::create_dir(&path).expect("a directory"),
            ["fifo"] => mkfifo(&path, Mode::from_bits_truncate(0o644)).expect("a FIFO"),
            ["device", device] => scene.variable = Some(device.into()),
            ["foreign"] => {
                write(&path, &golden("running.flag"));
                fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
            }
            ["long"] => scene.variable = Some(format!("/{}", "long/".repeat(1000)).into()),
            _ => panic!("no such flag: {words:?}"),
        }
        match case.owner.as_str() {
            "none" => {}
            "alive" => scene.make_owner(OWNER_ALIVE),
            "died" => scene.make_owner(OWNER_DIED),
            other => panic!("no such owner: {other}"),
        }
        scene
    }

    /// Makes what happens happen. What it answers ends when it is dropped.
    pub(crate) fn change(&self, change: &str, waker: Option<&Path>) -> Option<Waking> {
        let words: Vec<&str> = change.split(' ').collect();
        match words[..] {
            ["remove"] => fs::remove_file(self.flag()).expect("remove the flag"),
            ["cut"] => open(&self.flag()).set_len(0).expect("cut the flag"),
            ["raise", file] => {
                // The text first, then the word, as the contract says.
                let (bytes, flag) = (golden(file), open(&self.flag()));
                flag.write_all_at(&bytes[4..], 4).expect("the text");
                flag.write_all_at(&bytes[..4], 0).expect("the word");
            }
            ["owner-died"] => self.set_owner(OWNER_DIED),
            ["owner-taken"] => self.set_owner(OWNER_TAKEN),
            ["wakes"] => return Some(Waking::start(waker.expect("a waker"), &self.flag())),
            _ => panic!("no such change: {change}"),
        }
        None
    }

    fn flag(&self) -> PathBuf {
        self.dir.path().join("0.9f3ab2c47d01e586")
    }

    fn owner(&self) -> PathBuf {
        self.dir.path().join("owner")
    }

    fn make_owner(&self, word: u32) {
        write(&self.owner(), &[b'\n'; 256]);
        self.set_owner(word);
    }

    fn set_owner(&self, word: u32) {
        let owner = open(&self.owner());
        owner
            .write_all_at(&word.to_ne_bytes(), 0)
            .expect("the owner word");
    }
}

/// Somebody who wakes all that sleep on a flag, until this is dropped.
pub(crate) struct Waking(Child);

impl Waking {
    fn start(program: &Path, flag: &Path) -> Self {
        let mut command = Command::new(program);
        let child = command.arg(flag).stdin(Stdio::piped()).spawn();
        Self(child.expect("the waker"))
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let status = self.0.wait().expect("our own child");
        assert!(status.success(), "the waker could not wake: {status}");
    }
}

fn golden(file: &str) -> Vec<u8> {
    fs::read(committed::path(&format!("tests/golden/{file}"))).expect("a golden flag")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("write a file of the case");
}

fn open(path: &Path) -> File {
    let file = OpenOptions::new().write(true).open(path);
    file.expect("open to write")
}
