"""Simulated time: simulated calls run one at a time, each when its moment has come, so that results repeat exactly.

This is the event list of a discrete-event simulation, as in SimPy. Its clock is the store's, which stands still unless
it is moved, as trio's MockClock does at rate 0. A task is a thread and not a coroutine, because the code that it runs
blocks, as it also does with real telephones. Two semaphores pass the turn back and forth, so that only one thread runs
at a time: `resume` lets a task run and waits, and the task's `wait` parks it and passes the turn back.

The trap: driving the scheduler blocks until a task waits, and a task may be waiting for a webhook that the event loop
answers. So the scheduler must never be driven in the event loop; the exchange has a thread for that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dialtone_nb.rehearsal.state.store import Store


class Abandoned(BaseException):
    """Ends a call in progress when the rehearsal ends; nothing more is recorded about it."""


class Task:
    """A call in simulated time: a thread of its own that runs only when it is its turn."""

    def __init__(self, scheduler: Scheduler, run: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._run = run
        self._turn = threading.Semaphore(0)
        self._parked = threading.Semaphore(0)
        self._interruption: BaseException | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="simulated call", daemon=True)
        self.is_over = False

    def _live(self) -> None:
        self._turn.acquire()
        try:
            if not isinstance(self._interruption, Abandoned):
                self._run()
        except Abandoned:
            pass
        except BaseException as error:
            self._failure = error
        self.is_over = True
        self._parked.release()

    def resume(self) -> None:
        """Run the task until it waits again or is over; raises the error that it ended with, if any."""
        if not self._thread.is_alive():
            self._thread.start()
        self._turn.release()
        self._parked.acquire()
        if self._failure:
            raise self._failure

    def now(self) -> float:
        """The simulated time."""
        return self._scheduler.now()

    def wait(self, seconds: float) -> None:
        """Let simulated time pass; raises an interruption that arrives meanwhile or came before.

        Called in the task's own thread.
        """
        self.check()
        self._scheduler.park(self, seconds)
        self._parked.release()
        self._turn.acquire()
        self.check()

    def check(self) -> None:
        """Raise the pending interruption, if there is one."""
        error, self._interruption = self._interruption, None
        if error:
            raise error

    def interrupt(self, error: BaseException) -> None:
        """End the task's wait now, and have it raise an error when the task is next run."""
        self._interruption = error
        self._scheduler.hurry(self)


@dataclass(slots=True)
class _Moment:
    at: float
    nth: int
    task: Task


class Scheduler:
    """Runs tasks one at a time, each at its moment; the store's clock moves from moment to moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: list[_Moment] = []
        self._count = 0
        self._driving = threading.RLock()
        self.is_busy = False  # whether tasks are being run now

    def enlist(self, run: Callable[[], None], seconds: float = 0.0) -> Task:
        """Add a task that is due so many seconds from now."""
        task = Task(self, run)
        self.park(task, seconds)
        return task

    def now(self) -> float:
        """The simulated time, in seconds since 1970."""
        with self._store.transaction() as tables:
            return tables.now()

    def park(self, task: Task, seconds: float) -> None:
        """Make a task due again so many seconds from now."""
        self._count += 1
        self._moments.append(_Moment(round(self.now() + seconds, 3), self._count, task))

    def hurry(self, task: Task) -> None:
        """Make a waiting task due now."""
        for moment in self._moments:
            if moment.task is task:
                moment.at = self.now()

    def drive(self, is_enough: Callable[[], bool]) -> None:
        """Run due tasks one after another, until `is_enough`, or none is left."""
        with self._at_work():
            while self._moments and not is_enough():
                self._come(self._next())

    def drive_through(self, task: Task) -> None:
        """Run due tasks until this one is over."""
        self.drive(lambda: task.is_over)

    def settle(self, task: Task) -> None:
        """Run an interrupted task at once, until it waits again or is over."""
        with self._at_work():
            for moment in self._moments:
                if moment.task is task:
                    self._come(moment)
                    return

    def pass_time(self, seconds: float) -> None:
        """Advance time by so many seconds, and run the tasks that become due."""
        with self._at_work():
            until = round(self.now() + seconds, 3)
            while self._moments and (moment := self._next()).at <= until:
                self._come(moment)
            self._move(until)

    def close(self) -> None:
        """Abandon all tasks."""
        with self._driving:
            while self._moments:
                moment = self._moments.pop()
                moment.task.interrupt(Abandoned())
                moment.task.resume()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._driving:
            self.is_busy = True
            try:
                yield
            finally:
                self.is_busy = False

    def _next(self) -> _Moment:
        return min(self._moments, key=lambda moment: (moment.at, moment.nth))

    def _come(self, moment: _Moment) -> None:
        self._moments.remove(moment)
        self._move(moment.at)
        moment.task.resume()

    def _move(self, at: float) -> None:
        # Another process may have advanced the clock further, and it must never go back.
        with self._store.transaction() as tables:
            if at > (now := tables.now()):
                tables.advance(at - now)
