//! Flags as memory: who maps them, who wakes their sleepers, and how little memory there may be.

use std::fs;

use super::group::Group;
use super::scene::{clients, flag, waiting};
use crate::support::base::Base;
use crate::support::need::not_run;
use crate::support::python;
use crate::support::started::Started;

/// What it takes to wake up and look, far above what it should: 0.25 ms each time.
const TICKS: u64 = 50;
const WAKES: u32 = 2000;

/// Anybody who may read a flag can wake those who sleep on it.
#[test]
fn b11_a_thousand_wakes_for_nothing_in_a_second_change_nothing() {
    const WAKER: &str = "
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t) + 3 * (ctypes.c_int,) + (ctypes.c_long,)
file = os.open(sys.argv[1], os.O_RDONLY)
page = libc.mmap(None, 64, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
number = {'x86_64': 202}.get(os.uname().machine, 98)
woken = 0
for _ in range(int(sys.argv[2])):
    woken += libc.syscall(number, ctypes.c_void_p(page), 1, 100, None, None, 0)
    time.sleep(0.001)
print('woke', woken, flush=True)
";
    let Some(python) = python::python() else {
        return;
    };
    let base = Base::new();
    for (client, command) in clients(&base) {
        let (run, pid) = waiting(base.scenario(), "woken", &command);
        let path = flag(&base, "woken", 0);
        let before = ticks(pid);
        let mut waker = base.command(&python);
        waker
            .args(["-c", WAKER])
            .arg(&path)
            .arg(WAKES.to_string())
            .env_remove("STOPCTL_DIR");
        let waker = Started::begin(waker, base.root(), None);
        let woken = waker.wait_for("woke").number("woke ");
        waker.finish().expect(0);
        let took = ticks(pid) - before;
        assert!(woken > 100, "B11 {client}: {woken} wakes reached it");
        assert!(
            took <= TICKS,
            "B11 {client}: {took} ticks of processor time"
        );
        base.call(&["stop", "woken"]).expect(0);
        let end = run.finish();
        end.expect(0);
        assert_eq!(end.events.outcomes(), ["flag"], "B11 {client}");
    }
}

/// Processor time of a process, in ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a live process");
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ');
    let times = fields.skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum()
}

#[test]
fn b18_a_fork_without_exec_shares_the_flag_and_holds_nothing_else() {
    const FORKS: &str = "
import fcntl, os, stopctl, sys
stop = stopctl.flag()
child = os.fork()
who = 'parent' if child else 'child'
flag, directory = os.environ['STOPCTL_FLAG'], os.path.dirname(os.environ['STOPCTL_FLAG'])
for line in open('/proc/self/maps'):
    if directory in line:
        print(who, 'maps', line.split()[1], os.path.basename(line.split()[-1]).split('.')[0], flush=True)
for number in os.listdir('/proc/self/fd'):
    try:
        target = os.readlink('/proc/self/fd/' + number)
    except OSError:
        continue
    if directory in target:
        mode = fcntl.fcntl(int(number), fcntl.F_GETFL) & os.O_ACCMODE
        print(who, 'holds', os.path.basename(target), 'O_RDONLY' if mode == 0 else 'O_RDWR', flush=True)
print(who, 'looks', stop.is_set(), flush=True)
print(who, 'waited', stop.wait(60), stop.reason, flush=True)
if child:
    os.waitpid(child, 0)
os._exit(0)
";
    let Some(python) = python::python() else {
        return;
    };
    let base = Base::new();
    let run = base
        .scenario()
        .name("forks")
        .environment("PYTHONPATH", python::client())
        .command(&[&python, "-B", "-c", FORKS])
        .start();
    run.wait_for("parent looks False");
    run.wait_for("child looks False");
    base.call(&["stop", "forks"]).expect(0);
    let end = run.finish();
    end.expect(0);
    let out = end.out();
    for who in ["parent", "child"] {
        assert!(
            out.contains(&format!("{who} waited True user")),
            "B18: {out}"
        );
        assert!(out.contains(&format!("{who} maps r--s 0")), "B18: {out}");
    }
    // A mapping of Python keeps its own descriptor for reading.
    for ours in ["holds control", "holds record", "O_RDWR"] {
        assert!(!out.contains(ours), "B18 {ours}: {out}");
    }
    let mut maps = out.lines().filter(|line| line.contains("maps"));
    assert!(maps.all(|line| line.contains("r--s")), "B18: {out}");
    assert_eq!(end.events.outcomes(), ["flag"], "B18");
}

#[test]
fn b19_a_worker_cannot_write_its_flag_by_a_descriptor_for_reading() {
    const WRITES: &str = "
import errno, mmap, os
def refused(what, act):
    try:
        act()
        print(what, 'works', flush=True)
    except OSError as error:
        print(what, errno.errorcode[error.errno], flush=True)
path = os.environ['STOPCTL_FLAG']
file = os.open(path, os.O_RDONLY)
refused('map', lambda: mmap.mmap(file, 64, prot=mmap.PROT_READ | mmap.PROT_WRITE))
refused('write', lambda: os.pwrite(file, b'1', 0))
refused('cut', lambda: os.ftruncate(file, 0))
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
refused('open', lambda: os.open(path, os.O_RDWR))
refused('remove', lambda: os.unlink(path) if os.getuid() == 65534 else os.rmdir(path))
";
    let Some(python) = python::python() else {
        return;
    };
    let base = Base::new();
    let run = base.scenario().command(&[&python, "-c", WRITES]).start();
    let end = run.finish();
    end.expect(0);
    let out = end.out();
    for refusal in ["map EACCES", "write EBADF", "cut EINVAL", "open EACCES"] {
        assert!(out.contains(refusal), "B19 {refusal}: {out}");
    }
    assert!(!out.contains("works"), "B19: {out}");
}

/// One worker eats all memory that there is and more, again and again; another one waits.
#[test]
fn b20_a_flag_works_while_memory_is_short() {
    let Some(group) = Group::of_memory("24M") else {
        return;
    };
    if fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() < 2) {
        not_run("B20: no swap here; memory is short all the same");
    }
    let base = Base::new();
    // On a disk: what is cached of it can be dropped, and has to be.
    let disk = tempfile::tempdir().expect("a directory on a disk");
    let run = base
        .scenario()
        .name("short")
        .environment("ON_DISK", disk.path())
        .workers(2)
        .through(&format!(
            r#"echo $$ >{}; exec "$@""#,
            group.entry().display()
        ))
        .sh(r#"if [ "$STOPCTL_WORKER" = 0 ]; then exec "$0" polite; fi
        dd if=/dev/zero of="$ON_DISK/eaten" bs=1M count=64 2>/dev/null
        echo "ready worker=1 pid=$$"
        while read -r level rest <"$STOPCTL_FLAG" && [ "$level" = 0 ]; do
            cat "$ON_DISK/eaten" >/dev/null
        done"#)
        .zoo_as_argument()
        .start();
    run.ready(2);
    base.call(&["status", "short"]).expect(0);
    base.call(&["stop", "short"]).expect(0);
    let end = run.finish();
    end.expect(0);
    assert_eq!(end.events.outcomes(), ["flag", "flag"], "B20");
}
