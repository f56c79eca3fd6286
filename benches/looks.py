"""What a look and a wake cost in Python: `python3 benches/looks.py [--check]`.

All looks are measured in turns within each round, so that a busy machine disturbs them alike, and
ratios are taken within a round. `--check` fails if the promise is broken:

* is_set() costs at most twice the same look written by hand, `page[0] != 48`, from Python 3.11 on,
  where a call of a Python function became cheap. How near it can come to the bare `page[0]` is
  shown by a method that does nothing: its call alone, and the byte that is_set() has to read;
* is_set() is at least 6 times cheaper than multiprocessing.Event.is_set();
* a raise wakes who waits: without the wake it is found only by the next look, up to a second later.
"""

import mmap
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import timeit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../clients/python"))

import stopctl  # noqa: E402

ROUNDS = 40
LOOKS = 20_000
WAKES = 100

LIMIT_BY_HAND = 2.0
LIMIT_EVENT = 6.0
LIMIT_WAKE_US = 100_000


class Nothing:
    """The least that a method can cost."""

    def is_set(self):
        return False


def flag_file(directory, name):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(b"0".ljust(64, b"\n"))
    return path


def looks(directory):
    """Nanoseconds of each look, a list of rounds for each."""
    path = flag_file(directory, "looks")
    fd = os.open(path, os.O_RDONLY)
    page = mmap.mmap(fd, 64, prot=mmap.PROT_READ)
    os.close(fd)
    names = {"page": page, "stop": stopctl._flag_at(path), "event": multiprocessing.Event()}
    names["nothing"] = Nothing()
    setup = "; ".join(f"{name} = names[{name!r}]" for name in names)
    statements = {
        "page[0]": "page[0]",
        "page[0] != 48": "page[0] != 48",
        "a method of nothing": "nothing.is_set()",
        "stop.is_set()": "stop.is_set()",
        "Event.is_set()": "event.is_set()",
    }
    timers = {
        label: timeit.Timer(statement, setup, globals={"names": names})
        for label, statement in statements.items()
    }
    taken = {label: [] for label in timers}
    for _ in range(ROUNDS):
        for label, timer in timers.items():
            # The least of a few: what disturbs only ever adds.
            best = min(timer.repeat(3, LOOKS // 10))
            taken[label].append(best / (LOOKS // 10) * 1e9)
    return taken


def wakes(directory):
    """Microseconds from the raise to the return of wait() in another process."""
    taken = []
    for number in range(WAKES):
        path = flag_file(directory, f"wakes.{number}")
        ready, tell = os.pipe()
        answer, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            stop = stopctl._flag_at(path)
            stop.wait(0.001)
            os.write(tell, b"!")
            stop.wait()
            os.write(say, str(time.monotonic_ns()).encode())
            os._exit(0)
        os.read(ready, 1)
        time.sleep(0.005)  # so that it sleeps
        waker = stopctl._futex_for(stopctl._Mapped(path, 1))
        fd = os.open(path, os.O_WRONLY)
        since = time.monotonic_ns()
        os.pwrite(fd, b"1   ", 0)
        waker.wake()
        taken.append((int(os.read(answer, 32)) - since) / 1000)
        os.waitpid(pid, 0)
        for each in (fd, ready, tell, answer, say):
            os.close(each)
    return taken


def show(label, values, unit):
    least, middle, most = min(values), statistics.median(values), max(values)
    print(f"{label:<34} {least:9.2f} {middle:9.2f} {most:9.2f} {unit}")
    return middle


def main():
    print(f"Python {sys.version.split()[0]:<27} {'min':>9} {'median':>9} {'max':>9}")
    # In memory, as flags are.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        taken = looks(directory)
        for label, values in taken.items():
            show(label, values, "ns")

        def ratio(above, below):
            pairs = zip(taken[above], taken[below])
            return show(f"{above} / {below}", [one / other for one, other in pairs], "times")

        ratio("a method of nothing", "page[0]")
        ratio("stop.is_set()", "page[0]")
        by_hand = ratio("stop.is_set()", "page[0] != 48")
        event = ratio("Event.is_set()", "stop.is_set()")
        wake = show("raise to return of wait()", wakes(directory), "µs")
    if "--check" in sys.argv:
        if sys.version_info >= (3, 11) and by_hand > LIMIT_BY_HAND:
            sys.exit(f"is_set() costs {by_hand:.2f} times a look by hand")
        if event < LIMIT_EVENT:
            sys.exit(f"Event.is_set() costs only {event:.2f} times is_set()")
        if wake > LIMIT_WAKE_US:
            sys.exit("nobody is woken")


main()
