import asyncio
import contextlib
import itertools
import os
import signal
import threading
import time
import unittest
from unittest import mock

import stopctl
from flag_file import DIED, DOWN, FlagFile

# Far above the cap of a sleep, far below the waits that must not be sat through.
SOON = 10
LONG = 60


class Waiting(unittest.TestCase):
    def assert_soon(self, since):
        self.assertLess(time.monotonic() - since, SOON)

    def both_ways(self):
        """With futex(2), and as on a machine where its number is not known."""
        yield
        number, stopctl._futex_number = stopctl._futex_number, lambda: None
        try:
            yield
        finally:
            stopctl._futex_number = number

    def test_a_raise_that_wakes_nobody_is_seen(self):
        for _ in self.both_ways():
            with FlagFile() as file:
                stop = stopctl.flag()
                since = time.monotonic()
                threading.Timer(0.05, file.raise_it).start()
                self.assertTrue(stop.wait(LONG))
                self.assert_soon(since)
                self.assertEqual(stop.reason, "user")

    def test_the_death_of_the_owner_is_a_stop_and_stays_one(self):
        for _ in self.both_ways():
            with FlagFile() as file:
                stop = stopctl.flag()
                since = time.monotonic()
                threading.Timer(0.05, file.set_owner, (DIED,)).start()
                self.assertTrue(stop.wait(LONG))
                self.assert_soon(since)
                self.assertEqual(stop.request(), ("1", "lost", None))
                file.set_owner(1)
                self.assertTrue(stop.is_set())
                self.assertTrue(stop.wait(0))
                # Whoever took over tells more.
                file.raise_it(b"2", b"lost 7 1")
                self.assertEqual(stop.request(), ("2", "lost", 7))

    def test_an_owner_that_is_dead_is_told_without_a_wait(self):
        with FlagFile(owner=DIED):
            stop = stopctl.flag()
            self.assertFalse(stop.is_set())
            self.assertEqual(stop.reason, "lost")
            self.assertTrue(stop.is_set())

    def test_it_sleeps_as_long_as_it_was_told(self):
        for _ in self.both_ways():
            with FlagFile():
                for timeout in (0.1, 1.2):
                    since, cpu = time.monotonic(), time.process_time()
                    self.assertFalse(stopctl.flag().wait(timeout))
                    took = time.monotonic() - since
                    self.assertTrue(timeout <= took < timeout + SOON, took)
                    self.assertLess(time.process_time() - cpu, timeout / 2)

    def test_no_time_and_less_are_a_look(self):
        for timeout in (0, -1, -1e9):
            with FlagFile():
                self.assertFalse(stopctl.flag().wait(timeout))

    def test_a_file_that_is_gone_later_goes_on_working(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            kept = os.open(file.path, os.O_WRONLY)
            os.unlink(file.path)
            os.unlink(file.owner_path)
            self.assertFalse(stop.is_set())
            self.assertFalse(stop.wait(0.1))
            os.pwrite(kept, b"1   user 7 1\n", 0)
            os.close(kept)
            self.assertTrue(stop.wait(LONG))
            self.assertEqual(stop.request(), ("1", "user", 7))

    def test_another_file_of_the_same_name_is_not_looked_at(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            os.unlink(file.path)
            open(file.path, "wb").close()
            self.assertFalse(stop.wait(0.1))
            self.assertIsNone(stop.request())

    def test_a_file_cut_to_nothing_is_a_stop_for_whoever_waits_or_asks(self):
        for ask in (lambda stop: stop.wait(LONG), lambda stop: stop.request() is not None):
            with FlagFile() as file:
                stop = stopctl.flag()
                self.assertFalse(stop.wait(0.01))
                os.truncate(file.path, 0)
                self.assertTrue(ask(stop))
                self.assertEqual(stop.request(), ("-", None, None))
                self.assertTrue(stop.is_set())

    def test_a_file_cut_to_nothing_at_any_moment_ends_nobody_who_waits_or_asks(self):
        calls = ("open", "close", "fstat", "pread", "stat")

        class Cutting:
            """Cuts the files after the system call of this number."""

            def __init__(self, paths, at):
                self.paths, self.left = paths, at

            def passing(self, call):
                def made(*arguments):
                    try:
                        return call(*arguments)
                    finally:
                        if self.left == 0:
                            for path in self.paths:
                                os.truncate(path, 0)
                        self.left -= 1

                return made

        def cut(ask, name, content, at):
            """Answers whether there were so many calls."""
            with FlagFile(content) as file, contextlib.ExitStack() as patches:
                stop = stopctl.flag()
                if content is DOWN:
                    # The first sleep maps what the others sleep on.
                    stop.wait(0.01)
                paths = {"flag": [file.path], "owner": [file.owner_path]}
                cutting = Cutting(paths.get(name, [file.path, file.owner_path]), at)
                for call in calls:
                    made = cutting.passing(getattr(os, call))
                    patches.enter_context(mock.patch("os." + call, made))
                ask(stop)
                return cutting.left < 0

        asks = (
            lambda stop: stop.wait(0.01),
            lambda stop: stop.wait(0),
            lambda stop: stop.request(),
            lambda stop: (stop.reason, stop.remaining, stop.level),
        )
        raised = b"1   user 7 1\n".ljust(64, b"\n")
        for ask, name, content in itertools.product(asks, ("flag", "owner", "both"), (DOWN, raised)):
            # A SIGBUS would be the end of the tests, too.
            pid = os.fork()
            if pid == 0:
                at, status = 0, 1
                try:
                    while cut(ask, name, content, at):
                        at += 1
                    status = 0 if at >= 5 else 2
                finally:
                    os._exit(status)
            self.assertEqual(os.waitpid(pid, 0)[1], 0, (name, content))

    def test_an_owner_cut_to_nothing_is_no_owner(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            os.truncate(file.owner_path, 0)
            self.assertFalse(stop.wait(0.01))

    def test_closing_every_descriptor_as_daemons_do_changes_nothing(self):
        with FlagFile() as file:
            pid = os.fork()
            if pid == 0:
                try:
                    stop = stopctl.flag()
                    os.closerange(3, 256)
                    os.pipe()
                    before = stop.wait(0.1)
                    file.raise_it()
                    os._exit(0 if (before, stop.wait(LONG)) == (False, True) else 1)
                finally:
                    os._exit(2)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_signal_handlers_run_while_it_waits(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            stop.wait(0.01)
            since = time.monotonic()
            # Nothing else raises it: the wait ends because the handler ran in it.
            before = signal.signal(signal.SIGUSR1, lambda *_: file.raise_it())
            try:
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
                self.assertTrue(stop.wait(LONG))
            finally:
                signal.signal(signal.SIGUSR1, before)
            self.assert_soon(since)

    def test_an_exception_of_a_handler_ends_the_wait(self):
        with FlagFile():
            before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
            try:
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
                with self.assertRaises(KeyboardInterrupt):
                    stopctl.flag().wait(LONG)
            finally:
                signal.signal(signal.SIGUSR1, before)


class Setting(unittest.TestCase):
    def setUp(self):
        # Each test its own flag, as each process has.
        stopctl._flags.clear()

    tearDown = setUp

    def test_set_is_for_this_process_alone(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            stop.set()
            self.assertTrue(stop.is_set())
            self.assertEqual(stop.request(), ("1", "local", None))
            with open(file.path, "rb") as content:
                self.assertEqual(content.read(1), b"0")
            file.raise_it()
            self.assertEqual(stop.reason, "user")

    def test_set_in_one_thread_wakes_another(self):
        for supervised in (True, False):
            with FlagFile():
                if not supervised:
                    os.environ["STOPCTL_FLAG"] = ""
                stop = stopctl.flag()
                self.assertIs(stop.supervised, supervised)
                since = time.monotonic()
                threading.Timer(0.1, stop.set).start()
                self.assertTrue(stop.wait(LONG))
                self.assertLess(time.monotonic() - since, SOON)

    def test_a_child_that_sets_its_own_does_not_set_its_parent(self):
        stop = stopctl.flag()
        stop.wait(0.01)
        pid = os.fork()
        if pid == 0:
            stop.set()
            os._exit(0 if stop.is_set() else 1)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertFalse(stop.wait(0.1))

    def test_also_on_takes_a_signal_for_a_request(self):
        words = ((signal.SIGTERM, "term"), (signal.SIGHUP, "hangup"), (signal.SIGUSR1, "local"))
        for number, reason in words + ((signal.SIGRTMIN + 1, "local"),):
            stopctl._flags.clear()
            before = signal.getsignal(number)
            stop = stopctl.flag()
            stop.also_on(number)
            try:
                threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
                self.assertTrue(stop.wait(LONG))
                self.assertEqual(stop.reason, reason)
            finally:
                signal.signal(number, before)

    def test_set_in_a_signal_handler_never_hangs(self):
        """multiprocessing.Event hangs in most rounds: its set() takes a lock that the interrupted
        code may hold."""
        for round_ in range(36):
            ready, tell = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    stopctl._flags.clear()
                    stop = stopctl.flag()
                    signal.signal(signal.SIGTERM, lambda *_: stop.set())
                    signal.alarm(LONG)
                    os.write(tell, b"!")
                    if round_ % 2:
                        stop.wait()
                    while not stop.is_set():
                        stop.wait(0)
                    os._exit(0)
                finally:
                    os._exit(1)
            os.close(tell)
            os.read(ready, 1)
            os.close(ready)
            os.kill(pid, signal.SIGTERM)
            self.assertEqual(os.waitpid(pid, 0)[1], 0, f"round {round_}")


class OnStop(unittest.TestCase):
    def test_each_function_is_called_once_the_last_one_first(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            called, last = [], threading.Event()
            stop.on_stop(last.set)
            for number in range(3):
                stop.on_stop(lambda number=number: called.append(number))
            file.raise_it()
            self.assertTrue(last.wait(LONG))
            self.assertEqual(called, [2, 1, 0])

    def test_it_is_called_at_once_when_the_flag_is_up(self):
        with FlagFile(b"1   user - -\n"):
            for _ in range(3):
                called = threading.Event()
                stopctl.flag().on_stop(called.set)
                self.assertTrue(called.wait(LONG))

    def test_what_was_cancelled_is_not_called(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            called, last = [], threading.Event()
            stop.on_stop(last.set)
            with stop.on_stop(lambda: called.append("left")):
                pass
            registered = stop.on_stop(lambda: called.append("cancelled"))
            registered.cancel()
            registered.cancel()
            file.raise_it()
            self.assertTrue(last.wait(LONG))
            self.assertEqual(called, [])

    def test_one_that_fails_does_not_keep_the_others(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            last = threading.Event()
            stop.on_stop(last.set)
            stop.on_stop(lambda: [][1])
            file.raise_it()
            self.assertTrue(last.wait(LONG))

    def test_a_forked_child_calls_its_own_alone(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            ready, tell = os.pipe()
            stop.on_stop(lambda: os.write(tell, b"parent"))
            pid = os.fork()
            if pid == 0:
                try:
                    done = threading.Event()
                    stop.on_stop(done.set)
                    file.raise_it()
                    os._exit(0 if done.wait(LONG) and len(stop._watches) == 2 else 1)
                finally:
                    os._exit(2)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.assertEqual(os.read(ready, 100), b"parent")
            os.close(ready)

    def test_asyncio_goes_on_while_it_waits(self):
        async def program(file):
            stop = stopctl.flag()
            self.assertFalse(await stop.wait_async(0.05))
            waits = [asyncio.ensure_future(stop.wait_async()) for _ in range(3)]
            waits[0].cancel()
            await asyncio.sleep(0.05)
            self.assertTrue(waits[0].cancelled())
            file.raise_it()
            self.assertEqual(await asyncio.gather(*waits[1:]), [True, True])
            self.assertTrue(await stop.wait_async(0))

        with FlagFile() as file:
            asyncio.run(program(file))

    def test_a_loop_that_was_closed_is_not_woken(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            loop = asyncio.new_event_loop()
            waits = loop.create_task(stop.wait_async())
            loop.run_until_complete(asyncio.sleep(0.05))
            loop.call_soon(loop.stop)
            loop.run_forever()
            waits.cancel()
            loop.run_until_complete(asyncio.gather(waits, return_exceptions=True))
            loop.close()
            file.raise_it()
            self.assertTrue(stop.wait(LONG))
