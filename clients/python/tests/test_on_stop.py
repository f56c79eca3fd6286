"""Functions that are called at a stop, and the thread that calls them."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

import stopctl
from flag_file import FlagFile

SOON = 10
LONG = 60


def in_a_child(program):
    """What a forked child answers with its status."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            signal.alarm(LONG)
            status = program()
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def run(file, script, *arguments):
    """An interpreter of its own, which has imported nothing yet."""
    command = [sys.executable, "-c", script, file.path, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True)


class TheThread(unittest.TestCase):
    def test_a_signal_that_the_others_have_blocked_does_not_end_the_process(self):
        with FlagFile():

            def program():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
                stopctl.flag().on_stop(lambda: None)
                if signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]) != before:
                    return 1
                os.kill(os.getpid(), signal.SIGTERM)
                return 0 if signal.sigpending() == {signal.SIGTERM} else 2

            self.assertEqual(in_a_child(program), 0)

    def test_a_child_that_is_forked_during_an_import_can_wait(self):
        script = """
import importlib.abc, os, signal, sys, threading, time
import stopctl
importing = threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "ctypes":
            importing.set()
            time.sleep(0.3)

sys.meta_path.insert(0, Slow())
os.environ["STOPCTL_FLAG"] = sys.argv[1]
stop = stopctl.flag()
if sys.argv[2] == "wait":
    threading.Thread(target=stop.wait, daemon=True).start()
    importing.wait()
else:
    stop.on_stop(lambda: None)
pid = os.fork()
if pid == 0:
    signal.alarm(10)
    print(stop.wait(0.01), "ctypes" in sys.modules, flush=True)
    os._exit(0)
print(os.waitpid(pid, 0)[1], flush=True)
os._exit(0)
"""
        for how in ("wait", "on_stop"):
            with FlagFile() as file:
                said, _ = run(file, script, how).communicate(timeout=LONG)
                self.assertEqual(said, "False True\n0\n", how)

    def test_a_thread_that_was_refused_is_tried_again(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            called, last = [], threading.Event()
            refusal = RuntimeError("can't start new thread")
            with mock.patch("threading.Thread.start", side_effect=refusal):
                with self.assertRaises(RuntimeError):
                    stop.on_stop(lambda: called.append("refused"))
            stop.on_stop(last.set)
            file.raise_it()
            self.assertTrue(last.wait(LONG))
            self.assertEqual(called, [])


class Failing(unittest.TestCase):
    def test_whatever_one_raises_keeps_no_other_from_being_called(self):
        for raised in (ValueError, KeyboardInterrupt, SystemExit, stopctl.Stopped):
            with FlagFile() as file:
                stop = stopctl.flag()
                last = threading.Event()

                def fail(raised=raised):
                    raise raised

                said = io.StringIO()
                with contextlib.redirect_stderr(said):
                    stop.on_stop(last.set)
                    stop.on_stop(fail)
                    file.raise_it()
                    self.assertTrue(last.wait(LONG), raised)
                # Whoever looks at the flag in there leaves as asked.
                quiet = raised in (SystemExit, stopctl.Stopped)
                self.assertEqual("Traceback" in said.getvalue(), not quiet, raised)


# Ends as soon as its function has begun.
ENDS = """
import multiprocessing, os, sys, threading, time
import stopctl
os.environ["STOPCTL_FLAG"] = sys.argv[1]
how, seconds = sys.argv[2], float(sys.argv[3])

def program():
    stop = stopctl.flag()
    begun = threading.Event()

    def last_batch():
        begun.set()
        time.sleep(seconds)
        print("end", flush=True)

    stop.on_stop(last_batch)
    print("ready", flush=True)
    if how == "alone":
        stopctl._PATIENCE = 0.5
        stop.set()
    begun.wait()
    if how == "fails":
        sys.exit(3)

if how == "child":
    child = multiprocessing.get_context("fork").Process(target=program)
    child.start()
    child.join()
else:
    program()
"""


class TheEnd(unittest.TestCase):
    def end(self, how, seconds, text=b"user - -"):
        with FlagFile() as file:
            program = run(file, ENDS, how, seconds)
            self.assertEqual(program.stdout.readline(), "ready\n")
            file.raise_it(text=text)
            said, _ = program.communicate(timeout=LONG)
            return said, program.returncode

    def test_a_program_that_ends_waits_for_what_has_begun(self):
        for how, status in (("ends", 0), ("fails", 3), ("child", 0)):
            self.assertEqual(self.end(how, "0.5"), ("end\n", status), how)

    def test_no_longer_than_until_the_next_rung(self):
        since = time.monotonic()
        deadline = int((time.clock_gettime(time.CLOCK_MONOTONIC) + 0.5) * 1e9)
        said = self.end("ends", str(LONG), b"user %d 1" % deadline)
        self.assertEqual(said, ("", 0))
        self.assertLess(time.monotonic() - since, SOON * 2)

    def test_not_for_ever_where_nobody_enforces_the_stop(self):
        with FlagFile() as file:
            program = run(file, ENDS, "alone", str(2 * LONG))
            self.assertEqual(program.communicate(timeout=LONG)[0], "ready\n")
            self.assertEqual(program.returncode, 0)

    def test_a_program_that_nobody_stopped_ends_at_once(self):
        script = "import os, sys, stopctl; os.environ['STOPCTL_FLAG'] = sys.argv[1]\n"
        script += "stopctl.flag().on_stop(lambda: print('called'))\n"
        with FlagFile() as file:
            program = run(file, script)
            self.assertEqual(program.communicate(timeout=LONG)[0], "")
            self.assertEqual(program.returncode, 0)
