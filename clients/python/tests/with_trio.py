"""Under trio: ``python3 with_trio.py``."""

import os
import threading
import time
import unittest
from unittest import mock

import stopctl
import trio
from flag_file import DIED, FlagFile

SOON = 10
LONG = 60


class Trio(unittest.TestCase):
    def setUp(self):
        stopctl._flags.clear()

    tearDown = setUp

    def run_with(self, program):
        with FlagFile() as file:
            stop = stopctl.flag()
            threads = threading.active_count()
            with_file = len(os.listdir("/proc/self/fd"))
            trio.run(program, stop, file)
            self.assertEqual(threading.active_count(), threads, "it needs no thread")
            self.assertLessEqual(len(os.listdir("/proc/self/fd")), with_file + 1)

    async def ends(self, stop, end):
        """Many wait, and one is cancelled; the others leave at once."""
        left = []

        async def wait(timeout):
            left.append(await stop.wait_async(timeout))

        self.assertFalse(await stop.wait_async(0.05))
        with trio.move_on_after(0.05) as scope:
            await stop.wait_async()
        self.assertTrue(scope.cancelled_caught)
        with trio.fail_after(LONG):
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(wait, None)
                await trio.sleep(0.05)
                since = time.monotonic()
                end()
        self.assertEqual(left, [True] * 5)
        self.assertLess(time.monotonic() - since, SOON)

    def test_a_raise_ends_a_wait(self):
        self.run_with(lambda stop, file: self.ends(stop, file.raise_it))

    def test_set_ends_a_wait(self):
        self.run_with(lambda stop, _file: self.ends(stop, stop.set))

    def test_the_death_of_the_owner_ends_a_wait(self):
        self.run_with(lambda stop, file: self.ends(stop, lambda: file.set_owner(DIED)))

    def test_without_a_descriptor_it_looks_by_itself(self):
        with mock.patch("stopctl._Descriptor", side_effect=OSError(24, "refused")):
            self.run_with(lambda stop, file: self.ends(stop, file.raise_it))

    def test_its_loop_waits_for_the_descriptor(self):
        async def program(stop, file):
            with trio.move_on_after(0.05) as scope:
                await trio.lowlevel.wait_readable(stop)
            self.assertTrue(scope.cancelled_caught)
            file.raise_it()
            with trio.fail_after(LONG):
                await trio.lowlevel.wait_readable(stop)

        self.run_with(program)

    def test_a_block_is_cancelled_and_nothing_comes_out_of_it(self):
        async def program(stop, file):
            with self.assertRaises(ZeroDivisionError):
                async with stop.move_on():
                    1 / 0
            cleaned = []
            with trio.fail_after(LONG):
                async with stop.move_on(), trio.open_nursery() as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    await trio.sleep(0.05)
                    file.raise_it()
                    try:
                        await trio.sleep_forever()
                    finally:
                        cleaned.append(stop.reason)
            self.assertEqual(cleaned, ["user"])

        self.run_with(program)

    def test_an_asynchronous_source_is_cancelled(self):
        async def program(stop, file):
            send, receive = trio.open_memory_channel(10)
            send.send_nowait("item")
            seen = []
            with trio.fail_after(LONG):
                async for item in stop.until_async(receive):
                    seen.append(item)
                    file.raise_it()
                    send.send_nowait("left in the channel")
            self.assertEqual(seen, ["item"])
            self.assertEqual(receive.receive_nowait(), "left in the channel")

        self.run_with(program)

    def test_a_source_that_has_nothing_is_left(self):
        async def program(stop, file):
            send, receive = trio.open_memory_channel(10)
            with trio.fail_after(LONG):
                async with trio.open_nursery() as nursery:

                    async def read():
                        async for _ in stop.until_async(receive):
                            raise AssertionError("nothing was sent")

                    nursery.start_soon(read)
                    await trio.sleep(0.05)
                    file.raise_it()
            send.close()

        self.run_with(program)


if __name__ == "__main__":
    unittest.main()
