"""Runs a command to which the kernel refuses some system calls, as a sandbox or an older kernel does:
refuse.py ERRNO CALL[,CALL]... COMMAND [ARGUMENT]... `group` is pidfd_send_signal to a whole group, and
`subreaper` prctl with PR_SET_CHILD_SUBREAPER."""

import ctypes
import errno
import os
import struct
import sys

# The same everywhere; then those that differ.
NUMBERS = {"pidfd_send_signal": 424, "pidfd_open": 434, "clone3": 435, "close_range": 436}
OWN = {
    "x86_64": {
        "set_robust_list": 273,
        "inotify_init1": 294,
        "inotify_add_watch": 254,
        "renameat2": 316,
        "fallocate": 285,
        "pwritev2": 328,
        "memfd_create": 319,
        "statx": 332,
        "fstatfs": 138,
        "getrandom": 318,
        "prctl": 157,
    },
    "aarch64": {
        "set_robust_list": 99,
        "inotify_init1": 26,
        "inotify_add_watch": 27,
        "renameat2": 276,
        "fallocate": 47,
        "pwritev2": 287,
        "memfd_create": 279,
        "statx": 291,
        "fstatfs": 44,
        "getrandom": 278,
        "prctl": 167,
    },
}
NUMBERS.update(OWN[os.uname().machine])

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
FIRST_ARGUMENT, FOURTH_ARGUMENT = 16, 16 + 3 * 8


def step(code, value, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, value)


def program(refusal, calls):
    refuse = step(RETURN, ERRNO | refusal)
    steps = []
    for call in calls:
        steps.append(step(LOAD, 0))
        if call == "group":
            steps.append(step(EQUAL, NUMBERS["pidfd_send_signal"], 0, 3))
            steps += [step(LOAD, FOURTH_ARGUMENT), step(EQUAL, 4, 0, 1), refuse]
        elif call == "subreaper":
            steps.append(step(EQUAL, NUMBERS["prctl"], 0, 3))
            steps += [step(LOAD, FIRST_ARGUMENT), step(EQUAL, 36, 0, 1), refuse]
        else:
            steps += [step(EQUAL, NUMBERS[call], 0, 1), refuse]
    return steps + [step(RETURN, ALLOW)]


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def main():
    steps = program(getattr(errno, sys.argv[1]), sys.argv[2].split(","))
    text = b"".join(steps)
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privs, seccomp, by_filter = 38, 22, 2
    if libc.prctl(no_new_privs, 1, 0, 0, 0) or libc.prctl(
        seccomp, by_filter, ctypes.byref(Filter(len(steps), text)), 0, 0
    ):
        sys.exit("no seccomp: " + os.strerror(ctypes.get_errno()))
    os.execv(sys.argv[3], sys.argv[3:])


main()
