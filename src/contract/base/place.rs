//! Where we look for a base directory.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::VARIABLE;

/// Where the default directories of all users are.
const PLACE: &str = "/dev/shm";

/// How the name of a default directory begins; the number of its user follows.
const PREFIX: &str = "stopctl-";

/// How many names the default directory may have.
const NAMES: u32 = 8;

/// Where the path of a base directory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `/dev/shm/stopctl-<uid>`: removed when it is empty.
    Default,
    /// `STOPCTL_DIR`: the user has made it, so it is never removed.
    Variable,
}

impl Origin {
    pub(super) fn of(path: &Path) -> Self {
        if defaults(Uid::effective()).any(|default| default == path) {
            Self::Default
        } else {
            Self::Variable
        }
    }
}

/// The path of the base directory, which may not exist.
pub(super) fn locate() -> io::Result<(PathBuf, Origin)> {
    match named() {
        Some(path) => Ok((path?, Origin::Variable)),
        None => Ok((of(Uid::effective()), Origin::Default)),
    }
}

/// The path that the variable names, if it names one.
fn named() -> Option<io::Result<PathBuf>> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
    // `components` drops a final slash, which would make the kernel follow a link.
    let path: PathBuf = Path::new(&path).components().collect();
    Some(std::path::absolute(path))
}

/// Whose directory the variable names. A link is none.
pub(super) fn owner_of_named() -> Option<u32> {
    let data = fs::symlink_metadata(named()?.ok()?).ok()?;
    data.is_dir().then(|| data.uid())
}

/// The path of the default base directory of `user`, which may not exist.
pub(super) fn of(user: Uid) -> PathBuf {
    chosen(defaults(user), user.as_raw())
}

/// The users who have something at a place where a default base directory may be.
///
/// # Errors
///
/// As open(2) and readdir(3).
pub(super) fn owners() -> io::Result<BTreeSet<u32>> {
    let mut owners = BTreeSet::new();
    for entry in fs::read_dir(PLACE)? {
        let entry = entry?;
        // Whose it is, the kernel tells, and not the name, which anybody may give.
        if entry.file_name().as_bytes().starts_with(PREFIX.as_bytes()) {
            owners.extend(entry.metadata().ok().map(|data| data.uid()));
        }
    }
    Ok(owners)
}

/// The default path, and its substitutes: anybody may have made a directory with that name, and the
/// root of a user namespace does so without meaning any harm.
fn defaults(user: Uid) -> impl Iterator<Item = PathBuf> {
    let first = format!("{PLACE}/{PREFIX}{user}");
    let others = (1..NAMES).map({
        let first = first.clone();
        move |number| format!("{first}.{number}")
    });
    std::iter::once(first).chain(others).map(PathBuf::from)
}

/// The first of `paths` that belongs to the user `us`; otherwise the first that does not exist;
/// otherwise the first. Nearly always that is the first of all, so the kernel is asked of one at a
/// time.
fn chosen(paths: impl Iterator<Item = PathBuf>, us: u32) -> PathBuf {
    let (mut free, mut taken) = (None, None);
    for path in paths {
        // The owner of a link itself, not of what it leads to.
        match fs::symlink_metadata(&path) {
            Ok(data) if data.uid() == us => return path,
            Ok(_) => taken.get_or_insert(path),
            Err(_) => free.get_or_insert(path),
        };
    }
    free.or(taken).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use nix::unistd::Uid;

    use super::chosen;

    #[test]
    fn k1f_a_place_that_another_user_has_made_is_left_to_that_one() {
        let root = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..3).map(|n| root.path().join(n.to_string())).collect();
        let (us, another) = (Uid::effective().as_raw(), Uid::effective().as_raw() + 1);
        let place = |who| chosen(paths.iter().cloned(), who);
        assert_eq!(place(us), paths[0]);
        fs::create_dir(&paths[0]).unwrap();
        assert_eq!(
            (place(us), place(another)),
            (paths[0].clone(), paths[1].clone())
        );
        // A link to nothing exists too.
        symlink("nowhere", &paths[1]).unwrap();
        assert_eq!(place(another), paths[2]);
        // We keep using what exists, although the first is free by now.
        fs::remove_dir(&paths[0]).unwrap();
        assert_eq!(
            (place(us), place(another)),
            (paths[1].clone(), paths[0].clone())
        );
        for path in [&paths[0], &paths[2]] {
            fs::create_dir(path).unwrap();
        }
        assert_eq!(place(another), paths[0]);
    }
}
