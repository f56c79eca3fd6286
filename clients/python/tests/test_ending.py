"""How a program ends: sources that block, scopes, its status, signals, other processes."""

import asyncio
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import unittest
from unittest import mock

import stopctl
from flag_file import FlagFile

LONG = 60


class Own(unittest.TestCase):
    def setUp(self):
        # Each test its own flag, as each process has.
        stopctl._flags.clear()

    tearDown = setUp


class Until(Own):
    def test_a_source_that_blocks_is_closed(self):
        jobs = queue.Queue()

        def sentinel():
            return iter(jobs.get, None), lambda: jobs.put(None)

        def failing():
            # It raises when it is closed, as many consumers do.
            here, there = socket.socketpair()
            there.send(b"!")

            def receive():
                while True:
                    data = here.recv(1)
                    if not data:
                        raise ConnectionError("closed")
                    yield data

            return receive(), lambda: there.close()

        for source in (sentinel, failing):
            with FlagFile() as file:
                stop = stopctl.flag()
                jobs.put(b"!")
                items, closing = source()
                seen = []
                for item in stop.until(items, closing=closing):
                    seen.append(item)
                    threading.Timer(0.1, file.raise_it).start()
                self.assertEqual(seen, [b"!"])
                self.assertTrue(stop.wait(LONG))

    def test_a_source_that_does_not_block_is_not_closed(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            closed = []
            for item in stop.until(range(10), closing=lambda: closed.append("closed")):
                if item == 3:
                    called = threading.Event()
                    file.raise_it()
                    stop.on_stop(called.set)
                    self.assertTrue(called.wait(LONG))
            self.assertEqual((item, closed), (3, []))

    def test_what_a_source_raises_before_a_stop_is_raised(self):
        def broken():
            yield 1
            raise ValueError("broken")

        with FlagFile():
            items = stopctl.flag().until(broken(), closing=lambda: None)
            self.assertEqual(next(items), 1)
            with self.assertRaises(ValueError):
                next(items)

    def test_an_end_is_an_end(self):
        with FlagFile():
            stop = stopctl.flag()
            self.assertEqual(list(stop.until(range(3), closing=lambda: None)), [0, 1, 2])
            self.assertEqual(stop._watches[(os.getpid(), False)].todo, {})

    def test_an_asynchronous_source_is_cancelled(self):
        async def three(then):
            for item in range(3):
                yield item
            await then()

        async def nothing():
            return None

        async def program(file):
            stop = stopctl.flag()
            self.assertEqual([item async for item in stop.until_async(three(nothing))], [0, 1, 2])
            seen = []
            asyncio.get_running_loop().call_later(0.1, file.raise_it)
            source = three(asyncio.Event().wait)
            async for item in stop.until_async(source):
                seen.append(item)
            self.assertEqual(seen, [0, 1, 2])
            self.assertEqual([item async for item in stop.until_async(three(nothing))], [])

        with FlagFile() as file:
            asyncio.run(asyncio.wait_for(program(file), LONG))


class MoveOn(Own):
    def test_it_cancels_the_block_and_goes_on_behind_it(self):
        async def program(file):
            stop = stopctl.flag()
            async with stop.move_on():
                await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.1, file.raise_it)
            cleaned = []
            async with stop.move_on():
                try:
                    await asyncio.sleep(LONG)
                finally:
                    cleaned.append(stop.reason)
            self.assertEqual(cleaned, ["user"])
            await asyncio.sleep(0.01)
            # Entered when it is late, it ends at the first wait.
            async with stop.move_on():
                await asyncio.sleep(LONG)

        with FlagFile() as file:
            asyncio.run(asyncio.wait_for(program(file), LONG))

    def test_whoever_cancels_from_outside_is_obeyed(self):
        async def block(stop):
            async with stop.move_on():
                await asyncio.sleep(LONG)

        async def program(file):
            stop = stopctl.flag()
            task = asyncio.ensure_future(block(stop))
            await asyncio.sleep(0.05)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            with self.assertRaises(ZeroDivisionError):
                async with stop.move_on():
                    1 / 0

        with FlagFile() as file:
            asyncio.run(program(file))

    @unittest.skipIf(sys.version_info < (3, 11), "TaskGroup is of Python 3.11")
    def test_a_task_group_ends_without_a_group_of_exceptions(self):
        async def program(file):
            stop = stopctl.flag()
            cleaned = []

            async def serve():
                try:
                    await asyncio.sleep(LONG)
                finally:
                    cleaned.append("cleaned")

            asyncio.get_running_loop().call_later(0.1, file.raise_it)
            async with stop.move_on():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(serve())
                    tasks.create_task(serve())
            self.assertEqual(cleaned, ["cleaned"] * 2)
            self.assertEqual(asyncio.current_task().cancelling(), 0)

        with FlagFile() as file:
            asyncio.run(asyncio.wait_for(program(file), LONG))


class Leaving(Own):
    def test_what_is_not_finished_has_a_status_of_its_own(self):
        script = "import stopctl; stopctl.flag().leave()"
        self.assertEqual(subprocess.call([sys.executable, "-c", script]), os.EX_TEMPFAIL)

    def test_a_stop_can_be_a_signal_to_oneself(self):
        with FlagFile() as file:
            came = threading.Event()
            before = signal.signal(signal.SIGUSR1, lambda *_: came.set())
            try:
                stopctl.flag().as_signal(signal.SIGUSR1)
                file.raise_it()
                self.assertTrue(came.wait(LONG))
            finally:
                signal.signal(signal.SIGUSR1, before)


# In a process of its own, which ends at once: Python 3.13.0 may crash when it cleans up.
ISOLATED = """
import os
import _interpreters as interpreters

script = '''
import stopctl
stop = stopctl.flag()
print(stop.is_set(), stop.wait(0.01), flush=True)
try:
    stop.on_stop(print)
except RuntimeError as refusal:
    print(refusal, flush=True)
'''
failed = interpreters.run_string(interpreters.create("isolated"), script)
os._exit(1 if failed else 0)
"""


class Isolated(unittest.TestCase):
    @unittest.skipIf(sys.version_info < (3, 13), "a module of Python 3.13")
    def test_a_subinterpreter_looks_and_waits_and_says_that_it_has_no_thread(self):
        with FlagFile():
            said = subprocess.check_output([sys.executable, "-c", ISOLATED], text=True)
        looks, refusal = said.splitlines()
        self.assertEqual(looks, "False False")
        self.assertIn("on_stop needs a thread", refusal)


class OtherProcesses(Own):
    def given(self, flag):
        """The flag as another process gets it, which has attached to nothing yet."""
        content = pickle.dumps(flag)
        stopctl._flags.clear()
        with mock.patch("stopctl._warn"):
            return pickle.loads(content)

    def test_one_that_cannot_attach_to_a_flag_it_was_given_stops(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            os.unlink(file.path)
            given = self.given(stop)
            self.assertTrue(given.is_set())
            self.assertEqual(given.reason, "lost")

    def test_on_another_machine_it_is_not_supervised(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            with mock.patch("stopctl._boot", return_value="another"):
                content = pickle.dumps(stop)
            stopctl._flags.clear()
            os.unlink(file.path)
            with mock.patch("stopctl._warn"):
                self.assertFalse(pickle.loads(content).is_set())

    def test_without_a_supervisor_it_stays_down(self):
        with mock.patch.dict(os.environ, STOPCTL_FLAG=""):
            self.assertFalse(self.given(stopctl.flag()).is_set())
