"""The descriptor that becomes readable when it is time to stop, and the loops that wait for it."""

import asyncio
import os
import select
import selectors
import signal
import threading
import time
import unittest
from unittest import mock

import stopctl
from flag_file import DIED, FlagFile

SOON = 10
LONG = 60


def is_readable(stop, seconds=0):
    return bool(select.select([stop], [], [], seconds)[0])


class Descriptor(unittest.TestCase):
    def setUp(self):
        # Each test its own flag, as each process has.
        stopctl._flags.clear()

    tearDown = setUp

    def test_it_becomes_readable_when_the_flag_is_raised_and_stays_so(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            self.assertFalse(is_readable(stop, 0.05))
            threading.Timer(0.05, file.raise_it).start()
            while not stop.wait(0):
                self.assertTrue(is_readable(stop, LONG))
            self.assertTrue(is_readable(stop))
            self.assertEqual(stop.reason, "user")

    def test_every_way_to_wait_takes_it(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            poll, epoll, selector = select.poll(), select.epoll(), selectors.DefaultSelector()
            poll.register(stop, select.POLLIN)
            epoll.register(stop, select.EPOLLIN)
            selector.register(stop, selectors.EVENT_READ)
            waits = (lambda: poll.poll(10), lambda: epoll.poll(0.01), lambda: selector.select(0.01))
            self.assertEqual([wait() for wait in waits], [[], [], []])
            file.raise_it()
            self.assertTrue(all(wait() for wait in waits))
            epoll.close()
            selector.close()

    def test_it_is_readable_at_once_when_the_flag_is_up(self):
        with FlagFile(b"1   user - -\n"):
            self.assertTrue(is_readable(stopctl.flag()))

    def test_it_tells_of_an_owner_that_dies(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            # As an owner does: it has the flag open for writing until its end.
            kept = os.open(file.path, os.O_RDWR)
            self.assertFalse(is_readable(stop))
            file.set_owner(DIED)
            os.close(kept)
            self.assertTrue(is_readable(stop))
            self.assertEqual(stop.reason, "lost")

    def test_what_was_no_stop_is_forgotten_and_a_raise_in_that_moment_is_not(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            self.assertFalse(is_readable(stop))
            file.raise_it(level=b"0", text=b"")
            self.assertTrue(is_readable(stop))
            stop._settle()
            self.assertFalse(is_readable(stop))
            drain = stopctl._Descriptor.drain

            def raised_meanwhile(descriptor):
                file.raise_it()
                drain(descriptor)

            with mock.patch("stopctl._Descriptor.drain", raised_meanwhile):
                stop._settle()
            self.assertTrue(is_readable(stop))
            self.assertTrue(stop.is_set())

    def test_other_readers_of_the_flag_do_not_wake_it(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            self.assertFalse(is_readable(stop))
            with open(file.path, "rb") as flag:
                flag.read()
            self.assertFalse(is_readable(stop))

    def test_set_makes_it_readable_with_a_supervisor_and_without(self):
        for supervised in (True, False):
            with FlagFile():
                if not supervised:
                    os.environ["STOPCTL_FLAG"] = ""
                stop = stopctl.flag()
                self.assertFalse(is_readable(stop))
                before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
                try:
                    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
                    self.assertTrue(is_readable(stop, LONG))
                finally:
                    signal.signal(signal.SIGUSR1, before)

    def test_a_child_that_sets_its_own_wakes_nobody_else(self):
        with FlagFile():
            stop = stopctl.flag()
            stop.fileno()
            pid = os.fork()
            if pid == 0:
                stop.set()
                os._exit(0 if is_readable(stop) else 1)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.assertFalse(is_readable(stop))

    def test_no_program_that_is_started_gets_it(self):
        with FlagFile():
            self.assertFalse(os.get_inheritable(stopctl.flag().fileno()))

    def test_a_system_that_refuses_one_is_told_of_and_tried_again(self):
        with FlagFile():
            stop = stopctl.flag()
            refused = OSError(24, "inotify_init1: Too many open files")
            with mock.patch("stopctl._Descriptor", side_effect=refused):
                with self.assertRaises(OSError):
                    stop.fileno()
            self.assertGreaterEqual(stop.fileno(), 0)


class Asyncio(unittest.TestCase):
    def run_with(self, program):
        with FlagFile() as file:
            stop = stopctl.flag()
            open_before = len(os.listdir("/proc/self/fd"))
            threads = threading.active_count()
            asyncio.run(program(stop, file))
            self.assertEqual(threading.active_count(), threads, "it needs no thread")
            # The one of the flag itself may be new.
            self.assertLessEqual(len(os.listdir("/proc/self/fd")), open_before + 1)

    def test_its_loop_waits_for_the_descriptor(self):
        async def program(stop, file):
            asked = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(stop, asked.set)
            file.raise_it()
            await asyncio.wait_for(asked.wait(), LONG)
            loop.remove_reader(stop)

        self.run_with(program)

    def test_many_wait_at_the_same_time(self):
        async def program(stop, file):
            self.assertFalse(await stop.wait_async(0.05))
            waits = [asyncio.ensure_future(stop.wait_async()) for _ in range(20)]
            waits.pop().cancel()
            await asyncio.sleep(0.05)
            since = time.monotonic()
            file.raise_it()
            self.assertEqual(await asyncio.gather(*waits), [True] * 19)
            self.assertLess(time.monotonic() - since, SOON)

        self.run_with(program)

    def test_without_a_descriptor_it_looks_by_itself(self):
        async def program(stop, file):
            with mock.patch("stopctl._Descriptor", side_effect=OSError(24, "refused")):
                self.assertFalse(await stop.wait_async(0.05))
                wait = asyncio.ensure_future(stop.wait_async())
                await asyncio.sleep(0.05)
                file.raise_it()
                self.assertTrue(await asyncio.wait_for(wait, LONG))

        self.run_with(program)

    def test_set_and_the_death_of_the_owner_end_a_wait(self):
        for end in (lambda stop, _file: stop.set(), lambda _stop, file: file.set_owner(DIED)):
            stopctl._flags.clear()

            async def program(stop, file, end=end):
                wait = asyncio.ensure_future(stop.wait_async())
                await asyncio.sleep(0.05)
                end(stop, file)
                self.assertTrue(await asyncio.wait_for(wait, LONG))

            self.run_with(program)

    def test_a_write_that_raises_nothing_costs_no_processor_time(self):
        async def program(stop, file):
            wait = asyncio.ensure_future(stop.wait_async())
            await asyncio.sleep(0.05)
            file.raise_it(level=b"0", text=b"")
            cpu = time.process_time()
            await asyncio.sleep(1)
            self.assertLess(time.process_time() - cpu, 0.5)
            self.assertFalse(wait.done())
            file.raise_it()
            self.assertTrue(await asyncio.wait_for(wait, LONG))

        self.run_with(program)

    def test_a_function_is_called_in_the_loop_unless_it_is_forgotten(self):
        async def program(stop, file):
            called, asked = [], asyncio.Event()
            loop = asyncio.get_running_loop()
            here = threading.get_ident()
            with stop.on_stop(lambda: called.append("left"), loop=loop):
                pass
            stop.on_stop(lambda: called.append(threading.get_ident()), loop=loop)
            stop.on_stop(asked.set, loop=loop)
            file.raise_it()
            await asyncio.wait_for(asked.wait(), LONG)
            self.assertEqual(called, [here])

        self.run_with(program)
