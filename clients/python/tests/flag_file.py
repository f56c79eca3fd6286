"""A flag that is written as its owner writes it, for tests without a supervisor."""

import os
import shutil
import struct
import tempfile

import stopctl

DOWN = b"0".ljust(64, b"\n")
ALIVE = 0x8000_1267
DIED = 0xC000_0000


class FlagFile:
    def __init__(self, content=DOWN, owner=ALIVE):
        self.directory = tempfile.mkdtemp(dir="/dev/shm", prefix="stopctl-test-")
        self.path = os.path.join(self.directory, "0.9f3ab2c47d01e586")
        self.owner_path = os.path.join(self.directory, "owner")
        with open(self.path, "wb") as file:
            file.write(content)
        if owner is not None:
            with open(self.owner_path, "wb") as file:
                file.write(b"\n" * 256)
            self.set_owner(owner)

    def __enter__(self):
        os.environ["STOPCTL_FLAG"] = self.path
        return self

    def __exit__(self, *_):
        del os.environ["STOPCTL_FLAG"]
        # A user may have few descriptors of inotify(7), and many interpreters are tested at a time.
        known = stopctl._flags.pop(self.path, None)
        for descriptor in known._descriptors.values() if known else ():
            descriptor.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def raise_it(self, level=b"1", text=b"user 1874909537128 1763818800"):
        """Nobody is woken: a sleep must be capped."""
        self._write(self.path, text.ljust(60, b"\n"), 4)
        self._write(self.path, level + b"   ", 0)

    def set_owner(self, word):
        self._write(self.owner_path, struct.pack("=I", word), 0)

    @staticmethod
    def _write(path, data, offset):
        fd = os.open(path, os.O_WRONLY)
        try:
            os.pwrite(fd, data, offset)
        finally:
            os.close(fd)
