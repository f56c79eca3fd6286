"""Under gevent and eventlet: ``python3 with_green.py gevent``."""

import subprocess
import sys
import unittest

from flag_file import FlagFile

LONG = 60

# The library patches before our import, or after it.
LIBRARIES = {
    "gevent": ("from gevent import monkey, spawn, sleep", "monkey.patch_all()"),
    "eventlet": ("import eventlet; from eventlet import spawn, sleep", "eventlet.monkey_patch()"),
}

# Counts while something else waits; each program ends with `leave`.
COUNTS = """
import os, signal, sys, time
signal.alarm(60)      # for a program that blocks
pieces = 0
def count():
    global pieces
    while True:
        pieces += 1
        sleep(0.01)
os.environ["STOPCTL_FLAG"] = sys.argv[1]
stop = stopctl.flag()
counting = spawn(count)
def counted():
    while pieces <= 10:
        sleep(0.01)
def leave(what):
    print(what, stop.reason, flush=True)
"""

WAITS = """
while pieces <= 10:
    before = stop.wait(0.1)
print("counted", flush=True)
leave((before, stop.wait()))
"""

MANY_WAIT = """
done = []
for n in range(5):
    spawn(lambda: done.append(stop.wait()))
counted()
with open(sys.argv[1], "r+b") as flag:
    flag.write(b"0")      # an event that is no stop
pieces = 0
counted()
print("counted", flush=True)
while len(done) < 5:
    sleep(0.01)
leave(done)
"""

IS_CALLED = """
called = []
def fn():
    sleep(0.1)      # others go on meanwhile
    called.append("called")
stop.on_stop(fn)
counted()
print("counted", flush=True)
while not called:
    sleep(0.01)
leave(called)
"""

FINISHES = """
def last_batch():
    sleep(0.5)
    leave("end")
stop.on_stop(last_batch)
counted()
print("counted", flush=True)
while not stop.is_set():
    sleep(0.01)
"""

WITHOUT_INOTIFY = """
def refuse(shared):
    raise OSError(24, "refused")
stopctl._Descriptor = refuse
"""


class Green(unittest.TestCase):
    library = ""

    def check(self, program, expected):
        first, patch = LIBRARIES[self.library]
        orders = {
            "before": [first, patch, "import stopctl"],
            "after": [first, "import stopctl", patch],
        }
        for order, beginning in orders.items():
            with self.subTest(order), FlagFile() as file:
                script = "\n".join([*beginning, COUNTS, program])
                command = [sys.executable, "-W", "ignore", "-c", script, file.path]
                process = subprocess.Popen(
                    command, stdout=subprocess.PIPE, universal_newlines=True
                )
                try:
                    self.assertEqual(process.stdout.readline(), "counted\n")
                    file.raise_it(text=b"user - -")
                    said, _ = process.communicate(timeout=LONG)
                finally:
                    process.kill()
                self.assertEqual(said, f"{expected} user\n")
                self.assertEqual(process.returncode, 0)

    def test_others_continue_while_one_waits(self):
        self.check(WAITS, (False, True))

    def test_others_continue_while_many_wait(self):
        self.check(MANY_WAIT, [True] * 5)

    def test_a_function_is_called(self):
        self.check(IS_CALLED, ["called"])

    def test_a_program_that_ends_waits_for_its_function(self):
        self.check(FINISHES, "end")

    def test_others_continue_without_a_descriptor(self):
        self.check(WITHOUT_INOTIFY + WAITS, (False, True))
        self.check(WITHOUT_INOTIFY + IS_CALLED, ["called"])


if __name__ == "__main__":
    Green.library = sys.argv.pop()
    unittest.main()
