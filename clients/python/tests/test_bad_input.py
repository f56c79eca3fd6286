import os
import shutil
import subprocess
import sys
import tempfile
import unittest

# Looks twice, asks, and tells; whoever hangs is killed by the limit.
PROGRAM = """
import os, sys, stopctl
if len(sys.argv) > 1:
    os.setuid(int(sys.argv[1]))
for _ in range(2):
    stop = stopctl.flag()
print(stop.supervised, stop.is_set(), stop.wait(0.01), stop.request())
"""
NOBODY = "65534"


def run(path, *arguments):
    environment = dict(os.environ, STOPCTL_FLAG=path)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
    )


class BadInput(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(dir="/dev/shm", prefix="stopctl-test-")
        self.path = os.path.join(self.directory, "flag")

    def tearDown(self):
        shutil.rmtree(self.directory)

    def assert_warns_once_and_runs(self, path, *arguments):
        answer = run(path, *arguments)
        self.assertEqual(answer.returncode, 0, answer)
        self.assertEqual(answer.stdout, b"False False False None\n", answer)
        self.assertEqual(answer.stderr.count(b"\n"), 1, answer)
        self.assertIn(b"stopctl: the flag ", answer.stderr)

    def test_missing(self):
        self.assert_warns_once_and_runs(self.path)

    def test_a_directory(self):
        self.assert_warns_once_and_runs(self.directory)

    def test_a_fifo_does_not_block(self):
        os.mkfifo(self.path)
        self.assert_warns_once_and_runs(self.path)

    def test_a_device(self):
        self.assert_warns_once_and_runs("/dev/zero")

    def test_a_link(self):
        os.symlink(self.path + "s", self.path)
        with open(self.path + "s", "wb") as file:
            file.write(b"1")
        self.assert_warns_once_and_runs(self.path)

    def test_an_empty_file(self):
        open(self.path, "wb").close()
        self.assert_warns_once_and_runs(self.path)

    def test_a_path_of_5000_bytes(self):
        self.assert_warns_once_and_runs("/dev/shm/" + "x" * 4991)

    def test_a_path_that_is_no_utf_8_and_has_a_newline(self):
        self.assert_warns_once_and_runs(b"/dev/shm/\xff\n\x1b[31m")

    @unittest.skipUnless(os.geteuid() == 0, "this needs root")
    def test_a_file_of_another_user(self):
        os.chmod(self.directory, 0o755)
        with open(self.path, "wb") as file:
            file.write(b"1")
        os.chmod(self.path, 0o600)
        self.assert_warns_once_and_runs(self.path, NOBODY)

    def test_garbage_is_a_stop(self):
        for content in (b"x", b"\0" * 64, b"garbage\n" * 1000):
            with open(self.path, "wb") as file:
                file.write(content)
            answer = run(self.path)
            self.assertEqual(answer.stderr, b"", answer)
            self.assertTrue(answer.stdout.startswith(b"True True True Request("), answer)

    def test_an_owner_that_is_none(self):
        owners = (
            lambda path: None,
            lambda path: os.mkdir(path),
            lambda path: os.mkfifo(path),
            lambda path: open(path, "wb").close(),
        )
        for number, make in enumerate(owners):
            directory = os.path.join(self.directory, str(number))
            os.mkdir(directory)
            flag = os.path.join(directory, "flag")
            with open(flag, "wb") as file:
                file.write(b"0".ljust(64, b"\n"))
            make(os.path.join(directory, "owner"))
            answer = run(flag)
            self.assertEqual((answer.stdout, answer.stderr), (b"True False False None\n", b""))

    def test_a_closed_standard_error_ends_nobody(self):
        program = "import os, sys; os.close(2)\n" + PROGRAM
        for broken in (program, program.replace("os.close(2)", "sys.stderr = None")):
            answer = subprocess.run(
                [sys.executable, "-c", broken],
                env=dict(os.environ, STOPCTL_FLAG=self.path),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=60,
            )
            self.assertEqual(answer.stdout, b"False False False None\n", answer)


class Importing(unittest.TestCase):
    def test_it_does_nothing_and_needs_little(self):
        program = """
import signal, sys, threading
before = [signal.getsignal(number) for number in range(1, signal.NSIG)]
import stopctl
stopctl.flag().is_set()
assert before == [signal.getsignal(number) for number in range(1, signal.NSIG)]
assert threading.active_count() == 1
assert not {"ctypes", "asyncio", "multiprocessing"} & set(sys.modules), sys.modules
"""
        answer = subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
        )
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (0, b"", b""))
