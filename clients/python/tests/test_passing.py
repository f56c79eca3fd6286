import copy
import multiprocessing
import pickle
import unittest
from concurrent.futures import ProcessPoolExecutor

import stopctl
from flag_file import FlagFile

METHODS = ("fork", "spawn", "forkserver")
LONG = 60


def exit_by(stop):
    raise SystemExit(7 if stop.wait(LONG) else 1)


def tell(stop):
    return stop.supervised, stop.is_set()


def check(stop):
    stop.check()


class Passing(unittest.TestCase):
    def test_a_process_gets_it(self):
        for method in METHODS:
            with FlagFile() as file:
                context = multiprocessing.get_context(method)
                process = context.Process(target=exit_by, args=(stopctl.flag(),))
                process.start()
                file.raise_it()
                process.join()
                self.assertEqual(process.exitcode, 7, method)

    def test_a_task_of_a_pool_gets_it(self):
        """A multiprocessing.Event cannot be given to a task at all."""
        for method in METHODS:
            with FlagFile() as file:
                context = multiprocessing.get_context(method)
                with ProcessPoolExecutor(2, mp_context=context) as pool:
                    stop = stopctl.flag()
                    self.assertEqual(pool.submit(tell, stop).result(), (True, False), method)
                    file.raise_it()
                    self.assertEqual(pool.submit(tell, stop).result(), (True, True), method)
                    with self.assertRaises(stopctl.Stopped):
                        pool.submit(check, stop).result()

    def test_one_without_a_supervisor_stays_so(self):
        stop = stopctl.flag()
        with FlagFile(b"1"):
            self.assertIs(pickle.loads(pickle.dumps(stop)), stop)
            self.assertFalse(pickle.loads(pickle.dumps(stop)).is_set())

    def test_a_copy_is_the_same(self):
        with FlagFile():
            stop = stopctl.flag()
            self.assertIs(copy.copy(stop), stop)
            self.assertIs(copy.deepcopy([stop])[0], stop)
