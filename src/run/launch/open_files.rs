//! Room for what a run has to hold open: the limit of open files (getrlimit(2)).

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::LaunchError;

/// Descriptors that we need beside the one of each worker's flag and those that are open already,
/// with room for the moment of a fork.
const DESCRIPTORS: u64 = 12;

/// How many workers may be on the way to their programs at once, if there are descriptors for their
/// pipes. More would say no more about what holds them up.
const ON_THE_WAY: u64 = 32;

/// What the limit of open files was, and what it allows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// The soft and the hard limit, as they were.
    pub(super) open_files: (u64, u64),
    /// How many workers may be on the way to their programs at once.
    pub(super) on_the_way: usize,
}

/// What is to be done about the soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing: it leaves so many descriptors to spare.
    Met(u64),
    /// It is to be as high as the hard limit, which leaves so many to spare.
    Raise(u64),
    /// The hard limit is too low for so many.
    Refused(u64),
}

/// Raises the soft limit of open files as far as the workers need it.
pub(super) fn make_room(workers: u32) -> Result<Room, LaunchError> {
    let failed = |errno: nix::Error| LaunchError::System("RLIMIT_NOFILE", errno.into());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    let spare = match need(workers, (soft, hard), inherited) {
        Need::Met(spare) => spare,
        Need::Raise(spare) => {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(failed)?;
            spare
        }
        Need::Refused(need) => return Err(LaunchError::OpenFiles(need, hard)),
    };
    Ok(Room {
        open_files: (soft, hard),
        on_the_way: usize::try_from(ON_THE_WAY.min(1 + spare)).unwrap_or(1),
    })
}

/// What so many workers need of the soft and the hard limit. `inherited` counts the descriptors that
/// are open already, if that matters.
fn need(workers: u32, (soft, hard): (u64, u64), inherited: impl FnOnce() -> u64) -> Need {
    let ours = u64::from(workers) + DESCRIPTORS;
    if ours + ON_THE_WAY < soft / 2 {
        // Nobody inherits as many as half of the limit, so they are not counted.
        return Need::Met(ON_THE_WAY);
    }
    let need = ours + inherited();
    if need > hard {
        return Need::Refused(need);
    }
    if need + ON_THE_WAY.min(workers.into()) <= soft {
        Need::Met(soft - need)
    } else {
        Need::Raise(hard - need)
    }
}

/// How many descriptors are open.
fn inherited() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(3, |fds| fds.count() as u64)
}

/// Raises the soft limit of open files as far as it goes, because more is open than was to be
/// expected. Workers get the limit that we were started with.
pub(crate) fn allow_all_descriptors() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If that is refused, the limit stays what it was.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(test)]
mod tests {
    use super::{DESCRIPTORS, Need, ON_THE_WAY, need};

    #[test]
    fn what_is_open_already_is_counted_only_where_it_matters() {
        let count = || panic!("nobody has to know");
        assert_eq!(need(1, (1024, 4096), count), Need::Met(ON_THE_WAY));
    }

    #[test]
    fn the_limit_is_raised_only_if_the_soft_one_does_not_do() {
        let least = 100 + DESCRIPTORS + 3;
        let of = |soft, hard| need(100, (soft, hard), || 3);
        assert_eq!(of(least + ON_THE_WAY, 4096), Need::Met(ON_THE_WAY));
        let soft = least + ON_THE_WAY - 1;
        assert_eq!(of(soft, 4096), Need::Raise(4096 - least));
        assert_eq!(of(10, least), Need::Raise(0));
        assert_eq!(of(10, least - 1), Need::Refused(least));
    }

    #[test]
    fn a_few_workers_need_few_descriptors_on_the_way() {
        let least = 2 + DESCRIPTORS + 3;
        let of = |soft| need(2, (soft, soft), || 3);
        assert_eq!(of(least + 2), Need::Met(2));
        assert_eq!(of(least + 1), Need::Raise(1));
    }
}
