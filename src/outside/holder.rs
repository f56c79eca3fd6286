//! Who has a name that somebody else wants.

use std::os::fd::AsFd as _;

use crate::contract::base::Base;
use crate::contract::record::{RecordError, RecordReader, Snapshot};
use crate::contract::standing::Standing;
use crate::words::name::RunName;

/// A run that has a name already.
#[derive(Debug)]
pub struct Holder {
    /// What its record says.
    pub record: Result<Snapshot, RecordError>,
    /// How its owner stands.
    pub standing: Standing,
}

impl Holder {
    /// The run that has this name in `base`; `None` if it has just ended.
    #[must_use]
    pub fn of(base: &Base, name: &RunName) -> Option<Self> {
        let dir = base.open_run(name).ok()??;
        let record = RecordReader::open(dir.as_fd()).and_then(|record| record.read());
        let standing = Standing::of(&dir);
        Some(Self { record, standing })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Base, Holder, RecordError, RunName, Standing};
    use crate::contract::record::{Record, RunRecord};
    use crate::words::pid::Pid;

    #[test]
    fn a_name_is_held_by_whatever_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let base = Base::at(dir.path()).unwrap();
        let name = RunName::parse("train".as_ref()).unwrap();
        assert!(Holder::of(&base, &name).is_none());
        let place = dir.path().join("train");
        fs::create_dir(&place).unwrap();
        let holder = Holder::of(&base, &name).unwrap();
        assert!(matches!(holder.record, Err(RecordError::Io(_))));
        assert!(matches!(holder.standing, Standing::Unreadable));
        let run = RunRecord::new("train".into(), Pid::NOBODYS, vec!["true".into()], 1);
        let _record = Record::create(File::open(&place).unwrap(), &run).unwrap();
        let holder = Holder::of(&base, &name).unwrap();
        assert_eq!(holder.record.unwrap().run.pid, Pid::NOBODYS);
    }
}
