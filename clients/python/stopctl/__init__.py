# stopctl 0.1.0: the worker's side for Python 3.8 and later, in one file.
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Learn from ``stopctl run`` that it is time to stop, and leave in your own way.

    import stopctl

    stop = stopctl.flag()
    while not stop.is_set():
        work()

``STOPCTL_FLAG`` names a small file in shared memory. The worker runs while its first byte is
``0``; anything else means stop. Without that variable the flag stays down, so a program needs no
separate way to run. The whole contract is in stopctl-flag(7).

Importing this module installs no signal handler, starts no thread and writes nothing.

Limits:

* ``is_set()`` reads a mapped file and nothing else. If somebody who may write the file truncates
  it to nothing, such a look ends the process with SIGBUS. ``wait()``, ``request()`` and what is
  built on them read the file itself, and take an empty file as a stop. Once one of them has seen
  a stop, ``is_set()`` says so without the file.
* ``is_set()`` does not notice that the supervisor died; everything that waits or tells the reason
  does.
* Ranks of a distributed computation must agree on when to leave, or those that stay hang.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import errno
import mmap
import os
import re
import select
import signal
import stat
import sys
import threading
import time
import traceback
from types import BuiltinFunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    NoReturn,
    Optional,
    Tuple,
    TypeVar,
    Union,
)

if TYPE_CHECKING:
    import asyncio
    from types import FrameType, TracebackType
    from typing import Type

__all__ = ["Flag", "OnStop", "Request", "Stopped", "flag"]
__version__ = "0.1.0"

_Item = TypeVar("_Item")

_LENGTH = 64
_RUN = ord("0")
# Whether the first byte means stop. Indexing a tuple costs less than a comparison.
_STOPS = tuple(byte != _RUN for byte in range(256))

# The longest sleep, in seconds: when the owner dies, the kernel wakes only one waiter, and the
# others find out when they look again.
_LONGEST = 1.0
# A sleep without futex(2), in seconds.
_NAP = 0.05
# How often the text is copied until two copies agree: it may change while it is copied.
_COPIES = 8
_OWNER_DIED = 1 << 30

# How long the end of the program waits for functions of on_stop, in seconds, if nobody enforces the
# stop: the grace that stopctl gives.
_PATIENCE = 10.0

_NOT_FINISHED = 75

_DOWN = b"0".ljust(_LENGTH, b"\n")
_REASON = re.compile(r"[a-z0-9-]{1,16}")
_SIGNALS: Dict[int, str] = {
    signal.SIGTERM: "term",
    signal.SIGINT: "interrupt",
    signal.SIGHUP: "hangup",
}


class Stopped(BaseException):
    """Raised by :meth:`Flag.check`. Its argument is the reason, if that is known.

    Like KeyboardInterrupt it is not an ``Exception``: code that catches errors in order to continue
    does not catch it. A ``multiprocessing.Pool`` loses a task that raises it, and code that asks
    for the result waits forever; a ``ProcessPoolExecutor`` passes it on.
    """


class Request(NamedTuple):
    """What a raised flag says. What cannot be read is None."""

    level: str
    """The first byte: ``1`` stop, ``2`` SIGTERM is being used, ``3`` SIGKILL is being used."""
    reason: Optional[str]
    deadline_ns: Optional[int]
    """When the next rung comes, in nanoseconds of CLOCK_MONOTONIC."""


class OnStop:
    """What :meth:`Flag.on_stop` registered. It is also a context manager."""

    def __init__(self, forget: Callable[[], object]):
        self._forget = forget

    def cancel(self) -> None:
        """Forget the function. Does nothing if it has been called or is being called."""
        self._forget()

    def __enter__(self) -> OnStop:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.cancel()


class Flag:
    """A worker's stop flag, in the shape of an Event. Get it from :func:`flag`.

    It can be given to a Process or to a task of a ProcessPoolExecutor, and be used by many
    threads at once. There is no ``clear()``: a flag only rises.
    """

    __slots__ = (
        "__weakref__",
        "_descriptors",
        "_futex",
        "_owner",
        "_page",
        "_path",
        "_shared",
        "_watches",
    )

    def __init__(self, path: str, shared: Optional[_Mapped], owner: Optional[_Mapped]):
        self._path = path
        self._shared = shared
        self._owner = owner
        # What is_set() reads: the mapped file, or bytes of our own once this process knows better.
        self._page: Union[mmap.mmap, bytes] = _DOWN if shared is None else shared.page
        self._futex: Optional[_Futex] = None
        # Of this process and of those from which it was forked.
        self._watches: Dict[Tuple[int, bool], _Watch] = {}
        self._descriptors: Dict[int, _Descriptor] = {}

    # Looking

    def is_set(self) -> bool:
        """Whether to stop: one load, and nothing else."""
        # If the file is truncated to nothing, this raises SIGBUS. Checking its size first would
        # cost a system call for each look, and the size could still change after that.
        return _STOPS[self._page[0]]

    def until(
        self, items: Iterable[_Item], closing: Optional[Callable[[], object]] = None
    ) -> Iterator[_Item]:
        """The items, until the flag is set.

        It looks before it takes an item, so none is taken from a queue and then lost.

        ``closing`` is for a source that blocks until there is an item: it is called, in the thread
        of :meth:`on_stop`, if the flag is set while the source blocks, and must end that. What the
        source raises then is its end.

            for message in stop.until(consumer, closing=consumer.close):
            for job in stop.until(iter(jobs.get, None), closing=lambda: jobs.put(None)):
        """
        iterator = iter(items)
        if closing is not None:
            yield from self._until_closed(iterator, closing)
            return
        while not self.is_set():
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item

    def _until_closed(
        self, iterator: Iterator[_Item], closing: Callable[[], object]
    ) -> Iterator[_Item]:
        is_taking = False

        def close() -> None:
            if is_taking:
                closing()

        with self.on_stop(close):
            while True:
                # ORDER: first this, then the look: either we see the flag, or close() sees this.
                is_taking = True
                if self.is_set():
                    return
                try:
                    item = next(iterator)
                except StopIteration:
                    return
                except Exception:
                    if self.is_set():
                        return
                    raise
                finally:
                    is_taking = False
                yield item

    async def until_async(self, items: AsyncIterable[_Item]) -> AsyncIterator[_Item]:
        """The same for asyncio and trio: a source that waits for its next item is cancelled."""
        iterator = items.__aiter__()
        while not self.is_set():
            taken: List[_Item] = []
            async with self.move_on():
                try:
                    taken.append(await iterator.__anext__())
                except StopAsyncIteration:
                    return
            for item in taken:
                yield item

    def check(self) -> None:
        """Raise :class:`Stopped` if the flag is set: for code that is deep in calls."""
        if self.is_set():
            raise Stopped(self.reason)

    def leave(self) -> NoReturn:
        """End the program with the status for "asked, not finished": 75, EX_TEMPFAIL.

        For a program whose output is of use only as a whole: snakemake, GNU parallel, Slurm, or
        make with ``.DELETE_ON_ERROR``, then do not take a part for it. Like sys.exit() it is for
        the main thread.
        ``stopctl run --stopped-status 75`` is the same for a program that ends with 0.
        """
        raise SystemExit(_NOT_FINISHED)

    def request(self) -> Optional[Request]:
        """What the flag says; None while it is down. It notices that the supervisor died."""
        if not self._look():
            return None
        return _parse(self._text())

    @property
    def level(self) -> str:
        """``0`` run, ``1`` stop, ``2`` SIGTERM is being used, ``3`` SIGKILL is being used."""
        request = self.request()
        return "0" if request is None else request.level

    @property
    def reason(self) -> Optional[str]:
        """Why to stop, in one word: ``user``, ``interrupt``, ``timeout``, ``lost``, …

        ``local`` if this process itself called :meth:`set`. None while the flag is down.
        """
        request = self.request()
        return None if request is None else request.reason

    @property
    def remaining(self) -> Optional[float]:
        """The seconds until the next rung, SIGTERM or SIGKILL; None if none comes by itself."""
        request = self.request()
        if request is None or request.deadline_ns is None:
            return None
        return max(0.0, request.deadline_ns / 1e9 - time.clock_gettime(time.CLOCK_MONOTONIC))

    @property
    def supervised(self) -> bool:
        """Whether a supervisor can raise this flag."""
        return self._shared is not None

    # Waiting

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Sleep until it is time to stop, or for ``timeout`` seconds; return whether it is.

        A sleep costs no processor time, and signal handlers run during it. It also ends when the
        supervisor dies; from then on the flag is set in this process. Where gevent or eventlet
        has replaced the calls that block, other greenlets continue.
        """
        end = None if timeout is None else time.monotonic() + timeout
        sleep = self._sleep_green if _is_green() else self._sleep
        while not self._look():
            left = _LONGEST if end is None else min(end - time.monotonic(), _LONGEST)
            if left <= 0:
                return False
            sleep(left)
        return True

    def fileno(self) -> int:
        """A descriptor that becomes readable when it is time to stop: for loops, without a thread.

            while not stop.wait(0):
                ready, _, _ = select.select([connection, stop], [], [])

        Nothing is to be read from it: once it is time to stop it stays readable. It tells of the
        death of the supervisor, too, which ``wait(0)`` notices and ``is_set()`` does not. It may
        be readable a moment before, because a flag is written in two steps.

        A child that is forked asks for its own. OSError if the system refuses one: a user may have
        so many of inotify(7).
        """
        known = self._descriptors.get(os.getpid())
        if known is None:
            known = self._describe()
        return known.number

    async def wait_async(self, timeout: Optional[float] = None) -> bool:
        """The same for asyncio and for trio: other tasks continue. It uses no thread."""
        if self._look():
            return True
        trio = _running_trio()
        if trio is not None:
            return await self._wait_trio(trio, timeout)
        import asyncio

        loop = asyncio.get_running_loop()
        asked: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            if not asked.done():
                asked.set_result(None)

        with self.on_stop(tell, loop=loop):
            try:
                await asyncio.wait_for(asked, timeout)
            except asyncio.TimeoutError:
                return self._look()
        return True

    def on_stop(
        self, fn: Callable[[], object], loop: Optional[asyncio.AbstractEventLoop] = None
    ) -> OnStop:
        """Call ``fn()`` once when the flag is set, at once if it already is.

        It is called in a thread of this module: to interrupt code that cannot look, as
        ``connection.interrupt`` of sqlite3 does, or to close a socket. The last function that was
        registered is called first, and one that raises keeps none of the others from being called.
        A program that ends in the meantime waits for them until the next rung comes, or for ten
        seconds if there is no supervisor; one that ends by ``os._exit`` does not. A process that is
        forked later calls none of them.

        All signals are blocked in that thread, and in the programs that ``fn`` starts.
        RuntimeError if there can be no thread, as in an isolated subinterpreter: then ``fn`` is
        not registered. Where gevent or eventlet has replaced threads, it is a greenlet.

        With ``loop``, which asyncio runs in the thread of the caller, ``fn`` is called in that
        loop, while it runs, and there is no thread.
        """
        if loop is not None:
            return OnStop(_InLoop(self, loop, fn).forget)
        watch = self._own_watch()
        registered = OnStop(lambda: watch.todo.pop(registered, None))
        # ORDER: register first, then look. A thread empties the list only after the flag is set,
        # so either it finds this entry, or we see the flag and another thread finds it.
        watch.todo[registered] = fn
        if not watch.is_watched() or self.is_set():
            try:
                self._start(watch)
            except BaseException:
                registered.cancel()
                raise
        return registered

    def _own_watch(self) -> "_Watch":
        """What this process, or its greenlets, have registered."""
        who = os.getpid(), _is_green()
        watch = self._watches.get(who)
        if watch is None:
            watch = self._watches.setdefault(who, _Watch(*who))
            _before_the_end(self._wait_for_calls, watch)
        return watch

    @contextlib.asynccontextmanager
    async def move_on(self) -> AsyncIterator[None]:
        """Cancel what is in the block once the flag is set, and go on behind it.

            async with stop.move_on(), asyncio.TaskGroup() as tasks:
                tasks.create_task(serve())

        For asyncio, and for trio, whose ``move_on_after`` does this for a time. No exception
        comes out of it, and so none in a group of exceptions.
        """
        trio = _running_trio()
        if trio is not None:
            async with self._move_on_trio(trio):
                yield
            return
        import asyncio

        current = asyncio.current_task()
        assert current is not None
        task: "asyncio.Task[Any]" = current
        # Since Python 3.11 a task counts who has cancelled it.
        cancelling = getattr(task, "cancelling", lambda: 0)
        uncancel = getattr(task, "uncancel", lambda: 0)
        before = cancelling()
        is_asked = False

        def cancel() -> None:
            nonlocal is_asked
            is_asked = True
            task.cancel()

        try:
            with self.on_stop(cancel, loop=asyncio.get_running_loop()):
                yield
        except asyncio.CancelledError:
            # Somebody else may have cancelled it, too.
            if not is_asked or uncancel() > before:
                raise
        else:
            if is_asked:
                uncancel()

    @contextlib.asynccontextmanager
    async def _move_on_trio(self, trio: Any) -> AsyncIterator[None]:
        block, waiting = trio.CancelScope(), trio.CancelScope()

        async def wait() -> None:
            with waiting:
                await self.wait_async()
                block.cancel()

        # A nursery would put what the block raises into a group.
        trio.lowlevel.spawn_system_task(wait)
        try:
            with block:
                yield
        finally:
            waiting.cancel()

    def as_signal(self, number: int) -> OnStop:
        """Send this process the signal when the flag is set: ``stop.as_signal(SIGTERM)``.

        For a program that knows already how to end well when that signal comes.
        """
        return self.on_stop(lambda: os.kill(os.getpid(), number))

    # This process alone

    def set(self) -> None:
        """Tell this process to stop, and no other: not the run, not the other workers.

        It takes no lock and may be called from a signal handler. Threads that wait wake up within
        a second. To stop the whole run, a worker calls ``stopctl stop``.
        """
        self._raise(_text_of("1", "local"))

    def also_on(self, *signals: int) -> None:
        """Treat these signals as a request to stop, with handlers that call :meth:`set`.

        For a program that is run without a supervisor as well: ``stop.also_on(SIGTERM, SIGINT)``.
        Handlers can be set in the main thread only.
        """

        def handler(number: int, _frame: Optional[FrameType]) -> None:
            self._raise(_text_of("1", _SIGNALS.get(number, "local")))

        for number in signals:
            signal.signal(number, handler)

    def __reduce__(self) -> Tuple[Callable[[str, str], Flag], Tuple[str, str]]:
        return _flag_from, (self._path, _boot() if self.supervised else "")

    def __repr__(self) -> str:
        if self._shared is None:
            return "<stopctl.Flag, not supervised>"
        return f"<stopctl.Flag {self._path!r}>"

    # Inside

    def _look(self) -> bool:
        """The thorough look: at the file itself and at its owner."""
        return self._down() is None

    def _down(self) -> Optional[bytes]:
        """What the flag says while it is down; None from the moment when it is time to stop."""
        shared = self._shared
        if shared is None or self._page is not shared.page:
            return None if self.is_set() else _DOWN
        said = shared.read()
        if not said:
            self._raise(_text_of("-", "-"))
        elif _STOPS[said[0]]:
            # Kept, so that no look touches the mapping any more if the file is truncated later.
            self._page = said
        elif self._is_lost():
            self._raise(_text_of("1", "lost"))
        return said if self._page is shared.page else None

    def _is_lost(self) -> bool:
        owner = self._owner
        return owner is not None and bool(_word_of(owner.read()) & _OWNER_DIED)

    def _is_raised(self) -> bool:
        """Whether the owner has raised it; a death, or set(), is not that."""
        said = b"" if self._shared is None else self._shared.read()
        return bool(said) and _STOPS[said[0]]

    def _text(self) -> bytes:
        """What the flag says once it is time to stop."""
        shared = self._shared
        said = b"" if shared is None else shared.read()
        # If the file does not say more, what this process knows by itself counts.
        return said if said and _STOPS[said[0]] else bytes(self._page[:])

    def _sleep(self, seconds: float) -> None:
        futex = self._futex
        if futex is None:
            self._prepare()
            # That took some time, so the caller looks again before it sleeps.
            return
        # ORDER: the word is read before the sleep. The kernel sleeps only if it is still the same,
        # so the flag cannot be raised unnoticed in between.
        said = self._down()
        if said is not None:
            futex.wait(0 if self._shared is None else _word_of(said), seconds)

    def _sleep_green(self, seconds: float) -> None:
        # Their own calls, which let the others continue: futex(2) would stop them all.
        number = self._copy() if _is_replaced(select.select) else None
        if number is None:
            time.sleep(min(seconds, _NAP))
            return
        try:
            ready, _, _ = select.select([number], [], [], seconds)
            if ready:
                self._settle()
        finally:
            os.close(number)

    async def _wait_trio(self, trio: Any, timeout: Optional[float]) -> bool:
        number = self._copy()
        try:
            with trio.move_on_after(float("inf") if timeout is None else max(timeout, 0)):
                while not self._look():
                    if number is None:
                        await trio.sleep(_NAP)
                        continue
                    with trio.move_on_after(_LONGEST):
                        await trio.lowlevel.wait_readable(number)
                        self._settle()
        finally:
            if number is not None:
                os.close(number)
        return self._look()

    def _describe(self) -> _Descriptor:
        with _preparing:
            made = _Descriptor(self._shared)
        known = self._descriptors.setdefault(os.getpid(), made)
        if known is not made:
            made.close()
        # ORDER: the descriptor first, then the look, so that no raise is missed in between.
        if self._look():
            known.wake()
        return known

    def _settle(self) -> None:
        """After an event: unless it is time to stop, make the descriptor unreadable again."""
        descriptor = self._descriptors.get(os.getpid())
        if descriptor is None or self._look():
            return
        descriptor.drain()
        # ORDER: the look comes last, or the event of a raise in between would be lost.
        if self._look():
            descriptor.wake()

    def _copy(self) -> Optional[int]:
        """A copy of the descriptor for one who waits alone, as trio, eventlet and asyncio want it;
        None where there is none."""
        try:
            return os.dup(self.fileno())
        except OSError:
            return None

    def _raise(self, text: bytes) -> None:
        # A signal handler may call this at any moment: no lock and no import. No look either: the
        # file may have been truncated. The first text is kept.
        shared = self._shared
        if self._page is (_DOWN if shared is None else shared.page):
            self._page = text
            if self._futex is not None:
                self._futex.wake()
            descriptor = self._descriptors.get(os.getpid())
            if descriptor is not None:
                descriptor.wake()

    def _prepare(self) -> None:
        with _preparing:
            if self._futex is None:
                self._futex = _futex_for(self._shared)

    def _start(self, watch: _Watch) -> None:
        try:
            thread = threading.Thread(
                target=self._call_on_stop, args=(watch,), name="stopctl", daemon=True
            )
        except RuntimeError as refusal:
            raise RuntimeError(
                "stopctl: on_stop needs a thread, and this subinterpreter may have none:"
                " look with is_set(), or use wait()"
            ) from refusal
        if watch.is_green:
            thread.start()
        else:
            self._start_real(thread)
        watch.threads.append(thread)

    def _start_real(self, thread: threading.Thread) -> None:
        # Here, and not in the thread: a child that is forked while a thread imports something can
        # never import it.
        self._prepare()
        # A thread begins with the mask of the one that starts it. A signal that the others have
        # blocked, for a checkpoint perhaps, must not end the process through this one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _call_on_stop(self, watch: _Watch) -> None:
        self.wait()
        while watch.todo:
            try:
                _, fn = watch.todo.popitem()
            except KeyError:
                return
            try:
                fn()
            except (Stopped, SystemExit):
                # It looked at the flag itself, and left early.
                continue
            except BaseException:
                traceback.print_exc()

    def _wait_for_calls(self, watch: _Watch) -> None:
        """At the end of the program: what a stop has begun is finished, if there is time."""
        if watch.pid != os.getpid() or not self._look():
            return
        end = time.monotonic() + _PATIENCE
        for thread in watch.threads:
            while thread.is_alive():
                left = self.remaining
                if left is None:
                    # A supervisor that has raised the flag and set no time gives all the time.
                    left = _LONGEST if self._is_raised() else end - time.monotonic()
                if left <= 0:
                    return
                thread.join(min(left, _LONGEST))


_flags: Dict[str, Flag] = {}


def flag() -> Flag:
    """The flag that ``STOPCTL_FLAG`` names: the same object at every call in a process.

    If the variable is not set or is empty, it is a flag that stays down. If it names something that
    cannot be a flag (missing, unreadable, empty, not a regular file), there is one warning on
    standard error, and the flag stays down.
    """
    path = os.environ.get("STOPCTL_FLAG")
    return _flag_at(os.path.abspath(path) if path else "")


def _flag_at(path: str) -> Flag:
    known = _flags.get(path)
    if known is not None:
        return known
    shared = owner = problem = None
    if path:
        try:
            shared = _Mapped(path, 1)
            owner = _Mapped(os.path.join(os.path.dirname(path), "owner"), 4)
        except (OSError, ValueError) as error:
            problem = error
    made = Flag(path, shared, owner)
    # If two threads come here, only one of them stores its flag and warns. Without an owner only
    # the flag counts.
    if _flags.setdefault(path, made) is made and problem is not None and shared is None:
        why = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
        _warn(f"stopctl: the flag {path!r} cannot be used ({why}); running without a supervisor")
    return _flags[path]


def _flag_from(path: str, boot: str) -> Flag:
    """A flag that another process had. ``boot`` is where, if it was supervised."""
    given = _flag_at(path)
    if boot and boot == _boot() and not given.supervised:
        # The run is over, or something is exhausted: nobody could stop us any more.
        given._raise(_text_of("1", "lost"))
    return given


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def _warn(text: str) -> None:
    if sys.stderr is not None:
        try:
            print(text, file=sys.stderr, flush=True)
        except (OSError, ValueError):
            # A standard error that is closed or full must not end a worker.
            return


def _text_of(level: str, reason: str) -> bytes:
    return f"{level}   {reason} - -\n".encode("ascii")


def _parse(text: bytes) -> Request:
    level = chr(text[0]) if 0x21 <= text[0] <= 0x7E else "-"
    line = text[4:].split(b"\n")[0].decode("latin-1")
    reason, deadline = (line.split(" ") + ["", ""])[:2]
    is_number = deadline.isascii() and deadline.isdigit() and int(deadline) < 1 << 64
    return Request(
        level,
        reason if _REASON.fullmatch(reason) and reason != "-" else None,
        int(deadline) if is_number else None,
    )


class _InLoop:
    """A function that a loop of asyncio calls once the flag is set."""

    def __init__(
        self, flag: Flag, loop: asyncio.AbstractEventLoop, fn: Callable[[], object]
    ) -> None:
        self._flag, self._loop, self._fn = flag, loop, fn
        self._number = flag._copy()
        if self._number is not None:
            try:
                loop.add_reader(self._number, self._on_readable)
            except BaseException:
                os.close(self._number)
                raise
        self._timer: asyncio.Handle = loop.call_soon(self._look)

    def _look(self) -> None:
        if self._flag._look():
            self.forget()
            self._fn()
        else:
            # Without a descriptor by naps; with one as everybody who sleeps.
            pause = _NAP if self._number is None else _LONGEST
            self._timer = self._loop.call_later(pause, self._look)

    def _on_readable(self) -> None:
        self._flag._settle()
        self._timer.cancel()
        self._look()

    def forget(self) -> None:
        self._timer.cancel()
        if self._number is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._number)
            os.close(self._number)
            self._number = None


class _Watch:
    """The functions that one process has registered. A forked child makes its own list."""

    def __init__(self, pid: int, is_green: bool) -> None:
        self.pid, self.is_green = pid, is_green
        self.todo: Dict[OnStop, Callable[[], object]] = {}
        self.threads: List[threading.Thread] = []

    def is_watched(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)


# Held while something is imported or loaded. A fork waits for it: a child that is forked in the
# middle of an import can never import the same.
# The one that gevent and eventlet leave alone; not every description of the module has it.
_preparing: Any = getattr(_thread, "RLock")()
os.register_at_fork(
    before=_preparing.acquire,
    after_in_parent=_preparing.release,
    after_in_child=_preparing.release,
)


def _before_the_end(fn: Callable[[_Watch], object], watch: _Watch) -> None:
    atexit.register(fn, watch)
    # A child that multiprocessing has forked ends without atexit.
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None:
        processes.Finalize(None, fn, args=(watch,), exitpriority=0)


def _is_replaced(call: object) -> bool:
    return not isinstance(call, BuiltinFunctionType)


def _is_green() -> bool:
    """Whether gevent or eventlet has replaced the calls that block: before our import, or after."""
    return _is_replaced(time.sleep) or _is_replaced(select.select)


def _running_trio() -> Any:
    """The module trio, if it runs our caller."""
    trio = sys.modules.get("trio")
    try:
        trio.lowlevel.current_task()  # type: ignore[union-attr]
    except (AttributeError, RuntimeError):
        return None
    return trio


def _word_of(text: bytes) -> int:
    """The first four bytes as the kernel compares them: after the end of a file there are zeros."""
    return int.from_bytes(text[:4].ljust(4, b"\0"), sys.byteorder)


class _Mapped:
    """A file of the contract, mapped to be read. The mapping outlives the file's name.

    No descriptor is kept for later use: a program that closes all descriptors that it does not
    know, as daemons do, would give its number to another file.
    """

    def __init__(self, path: str, least: int):
        self.path = path
        fd, state = _open_regular(path)
        try:
            if state.st_size < least:
                raise ValueError("empty")
            self.page = mmap.mmap(fd, min(state.st_size, _LENGTH), prot=mmap.PROT_READ)
        finally:
            os.close(fd)
        self._identity = (state.st_dev, state.st_ino)

    def read(self) -> bytes:
        """What the file says; nothing if somebody has truncated it to nothing.

        This does not use the mapping: a load raises SIGBUS if the file is truncated before it, no
        matter how late its size was checked.
        """
        try:
            fd = self.reopen()
            try:
                last = os.pread(fd, _LENGTH, 0)
                for _ in range(1, _COPIES):
                    copy = os.pread(fd, _LENGTH, 0)
                    if copy == last:
                        break
                    last = copy
            finally:
                os.close(fd)
        except (OSError, ValueError):
            return self._mapped()
        return last

    def _mapped(self) -> bytes:
        """The same for a file that cannot be opened any more: its name is gone, or there is no
        descriptor left. If somebody truncates it at this moment, SIGBUS ends this process."""
        try:
            state = os.stat(self.path)
        except OSError:
            return self.page[:]
        is_it = (state.st_dev, state.st_ino) == self._identity
        return b"" if is_it and state.st_size == 0 else self.page[:]

    def reopen(self) -> int:
        """A descriptor of the same file."""
        fd, state = _open_regular(self.path)
        if (state.st_dev, state.st_ino) != self._identity:
            os.close(fd)
            raise ValueError("another file")
        return fd


def _open_regular(path: str) -> Tuple[int, os.stat_result]:
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    state = os.fstat(fd)
    if not stat.S_ISREG(state.st_mode):
        os.close(fd)
        raise ValueError("not a regular file")
    return fd, state


class _Futex:
    """A sleep that can be ended. This one is for machines without futex(2): short naps."""

    def wait(self, down: int, seconds: float) -> None:
        time.sleep(min(seconds, _NAP))

    def wake(self) -> None:
        """Nobody sleeps long enough to need it."""


class _Descriptor:
    """An instance of inotify(7) that has an event once it is time to stop.

    The owner writes the flag with pwrite(2), which is IN_MODIFY. It keeps the flag open for writing
    as long as it lives, so its death is IN_CLOSE_WRITE.
    """

    _MODIFY, _CLOSE_WRITE, _DELETE_SELF = 0x2, 0x8, 0x400

    def __init__(self, shared: Optional[_Mapped]) -> None:
        try:
            import ctypes
        except ImportError as missing:
            raise OSError(errno.ENOSYS, "no ctypes, which inotify(7) needs") from missing
        libc = ctypes.CDLL(None, use_errno=True)

        def call(name: str, *arguments: Any) -> int:
            answer: int = getattr(libc, name)(*arguments)
            if answer < 0:
                number = ctypes.get_errno()
                raise OSError(number, f"{name}: {os.strerror(number)}")
            return answer

        self._call = call
        self._events = ctypes.create_string_buffer(4096)
        self.number = call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._watch = self._add(shared)
        except BaseException:
            os.close(self.number)
            raise

    def _add(self, shared: Optional[_Mapped]) -> int:
        if shared is None:
            # Nothing ever happens to it: only wake() makes an event.
            return self._call("inotify_add_watch", self.number, b"/", self._DELETE_SELF)
        what = self._MODIFY | self._CLOSE_WRITE
        # If the name was deleted in the meantime, this is the file that the owner has put back, and
        # raises together with ours.
        return self._call("inotify_add_watch", self.number, os.fsencode(shared.path), what)

    def wake(self) -> None:
        # The end of a watch is an event, too. It takes no lock, for a signal handler.
        with contextlib.suppress(OSError):
            self._call("inotify_rm_watch", self.number, self._watch)
            self._watch = self._add(None)

    def drain(self) -> None:
        # Not os.read: that of eventlet waits where there is nothing to be read any more.
        with contextlib.suppress(OSError):
            self._call("read", self.number, self._events, len(self._events))

    def close(self) -> None:
        os.close(self.number)


def _futex_for(shared: Optional[_Mapped]) -> _Futex:
    number = _futex_number()
    if number is None:
        return _Futex()
    try:
        return _real_futex(number, shared)
    except (ImportError, AttributeError, OSError, ValueError):
        # A Python without ctypes, or the file has lost its name since it was mapped.
        return _Futex()


def _futex_number() -> Optional[int]:
    """The number of the system call futex(2), with a timespec of two longs."""
    if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return None
    numbers = {
        "x86_64": 202,
        "aarch64": 98,
        "riscv64": 98,
        "loongarch64": 98,
        "ppc64le": 221,
        "s390x": 238,
    }
    return numbers.get(os.uname().machine)


def _real_futex(number: int, shared: Optional[_Mapped]) -> _Futex:
    # Loaded at the first sleep: a program that only looks does not pay for it.
    import ctypes
    import errno

    class Timespec(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    # FUTEX_WAIT and FUTEX_WAKE without FUTEX_PRIVATE_FLAG, because another process wakes us.
    wait, wake, everybody = 0, 1, 0x7FFF_FFFF
    libc = ctypes.CDLL(None, use_errno=True)
    own = ctypes.c_uint32(0)
    if shared is None:
        address = ctypes.addressof(own)
    else:
        address = _map_for_good(ctypes, libc, shared)

    def futex(operation: int, value: int, time_left: Any) -> int:
        arguments = (
            ctypes.c_long(number),
            ctypes.c_void_p(address),
            ctypes.c_int(operation),
            ctypes.c_uint32(value),
            time_left,
            None,
            ctypes.c_int(0),
        )
        answer: int = libc.syscall(*arguments)
        return answer

    class RealFutex(_Futex):
        def wait(self, down: int, seconds: float) -> None:
            whole = int(seconds)
            left = Timespec(whole, int((seconds - whole) * 1e9))
            if futex(wait, down, ctypes.byref(left)) == 0:
                return
            # The word had changed, a signal arrived, or the time is over: in each case, look again.
            if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT):
                super().wait(down, seconds)

        def wake(self) -> None:
            if shared is None:
                own.value = 1
            # On a flag of the supervisor this also wakes other workers, in vain: they look, and
            # sleep again.
            futex(wake, everybody, None)

    return RealFutex()


def _map_for_good(ctypes: Any, libc: Any, shared: _Mapped) -> int:
    """The address of a mapping of ctypes' own, which is never closed.

    Python's mmap object does not tell its address while it is read-only.
    """
    libc.mmap.restype = ctypes.c_void_p
    whole = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *whole, ctypes.c_long)
    fd = shared.reopen()
    try:
        address: int = libc.mmap(None, _LENGTH, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    finally:
        os.close(fd)
    if address == ctypes.c_void_p(-1).value:
        raise OSError("mmap")
    return address
