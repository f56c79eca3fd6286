import itertools
import os
import queue
import time
import unittest
from unittest import mock

import stopctl
from flag_file import DOWN, FlagFile

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tests/golden")


def golden(name):
    with open(os.path.join(GOLDEN, name), "rb") as file:
        return file.read()


class Looking(unittest.TestCase):
    def test_the_golden_flag_that_runs(self):
        with FlagFile(golden("running.flag")):
            stop = stopctl.flag()
            self.assertIs(stop.is_set(), False)
            self.assertTrue(stop.supervised)
            self.assertEqual(stop.level, "0")
            self.assertIsNone(stop.request())
            self.assertIsNone(stop.reason)
            self.assertIsNone(stop.remaining)

    def test_the_golden_flag_that_stops(self):
        with FlagFile(golden("stopping.flag")):
            stop = stopctl.flag()
            self.assertIs(stop.is_set(), True)
            self.assertEqual(stop.request(), ("1", "user", 1874909537128))
            self.assertEqual((stop.level, stop.reason), ("1", "user"))

    def test_any_first_byte_but_zero_is_a_stop(self):
        for first in range(256):
            for rest in (b"", b"\0", b"\n" * 63, b"\xff" * 63, b"0" * 100):
                with FlagFile(bytes([first]) + rest):
                    stop = stopctl.flag()
                    self.assertIs(stop.is_set(), first != ord("0"), (first, rest))
                    self.assertIs(stop.request() is not None, first != ord("0"), (first, rest))
                    self.assertIs(stop.wait(0), first != ord("0"), (first, rest))

    def test_what_cannot_be_read_of_the_text_is_none(self):
        cases = {
            b"1   lost - -\n": ("1", "lost", None),
            b"2   sixteen-letters1 7 8\n": ("2", "sixteen-letters1", 7),
            b"3   seventeen-letters 7 8\n": ("3", None, 7),
            b"9   tomorrow 7 8 more words\n": ("9", "tomorrow", 7),
            b"x   UPPER -7 8\n": ("x", None, None),
            b"1   user 18446744073709551616 1\n": ("1", "user", None),
            b"1   user 18446744073709551615 1\n": ("1", "user", 18446744073709551615),
            "1   user ٣ 1\n".encode(): ("1", "user", None),
            b"1   user 1_000 1\n": ("1", "user", None),
            b"1   - - -\n": ("1", None, None),
            b"1": ("1", None, None),
            b"\n": ("-", None, None),
            b"\xff\xfe\xfd\xfc\xfb\xfa": ("-", None, None),
        }
        for content, wanted in cases.items():
            with FlagFile(content):
                self.assertEqual(stopctl.flag().request(), wanted, content)

    def test_the_remaining_time_is_in_seconds_and_never_below_zero(self):
        soon = time.clock_gettime(time.CLOCK_MONOTONIC) + 100
        with FlagFile(f"1   user {int(soon * 1e9)} 1\n".encode()):
            self.assertTrue(50 < stopctl.flag().remaining <= 100)
        with FlagFile(b"1   user 1 1\n"):
            self.assertEqual(stopctl.flag().remaining, 0.0)

    def test_it_is_one_object_in_a_process(self):
        with FlagFile():
            self.assertIs(stopctl.flag(), stopctl.flag())
        self.assertIs(stopctl.flag(), stopctl.flag())

    def test_a_raise_is_seen_by_the_next_look_and_higher_levels_later(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            self.assertFalse(stop.is_set())
            file.raise_it()
            self.assertTrue(stop.is_set())
            file.raise_it(b"2", b"user 7 1")
            self.assertEqual(stop.request(), ("2", "user", 7))

    def test_until_takes_no_item_that_it_does_not_give(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            waiting = queue.Queue()
            for number in range(5):
                waiting.put(number)
            for number in stop.until(iter(waiting.get, None)):
                if number == 1:
                    file.raise_it()
            self.assertEqual(waiting.get(), 2)
            self.assertEqual(list(stop.until([1])), [])

    def test_until_ends_with_its_items(self):
        with FlagFile():
            self.assertEqual(list(stopctl.flag().until("abc")), ["a", "b", "c"])

    def test_check_raises_what_except_exception_does_not_catch(self):
        with FlagFile() as file:
            stop = stopctl.flag()
            stop.check()
            file.raise_it()
            with self.assertRaises(stopctl.Stopped) as caught:
                stop.check()
            self.assertEqual(caught.exception.args, ("user",))
            self.assertNotIsInstance(caught.exception, Exception)

    def test_there_is_no_way_down(self):
        with FlagFile():
            self.assertFalse(hasattr(stopctl.flag(), "clear"))

    def test_the_text_is_copied_until_two_copies_agree(self):
        for times, wanted, copies in ((0, 0, 2), (3, 3, 5), (100, 7, 8)):
            with FlagFile(b"1   user 1 1\n"):
                stop = stopctl.flag()
                # It is time to stop; what is read from now on is the text alone.
                self.assertTrue(stop.wait(0))
                numbers = itertools.count()

                def moving(*_):
                    return b"1   user %d 1\n" % min(next(numbers), times)

                with mock.patch("os.pread", moving):
                    self.assertEqual(stop.request().deadline_ns, wanted)
                self.assertEqual(next(numbers), copies)

    def test_a_flag_of_its_own_when_there_is_no_supervisor(self):
        for value in (None, ""):
            if value is not None:
                os.environ["STOPCTL_FLAG"] = value
            stop = stopctl.flag()
            os.environ.pop("STOPCTL_FLAG", None)
            self.assertEqual((stop.is_set(), stop.supervised, stop.level), (False, False, "0"))
            self.assertIsNone(stop.request())
            self.assertFalse(stop.wait(0.01))
            self.assertEqual(list(stop.until([1, 2])), [1, 2])

    def test_down_is_what_the_golden_flag_is(self):
        self.assertEqual(DOWN, golden("running.flag"))
