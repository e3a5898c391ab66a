"""Asynchronous questions from a cell: on a thread and loop of their own, for a notebook has one."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

TICK_S = 0.1


def run_apart(
    question: Callable[[], Coroutine[Any, Any, T]],
    *,
    tick: Callable[[float], None] = lambda _: None,
) -> T:
    """Wait for an answer, wherever this is called; an interrupt ends the question, too.

    Args:
        question: Makes the coroutine; called on the other thread.
        tick: Called now and then with the seconds that went by.

    Returns:
        What the coroutine returned; what it raised is raised here.
    """
    answer: Future[T] = Future()
    asking: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def ask() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        asking.append((asyncio.get_running_loop(), task))
        return await question()

    def work() -> None:
        try:
            answer.set_result(asyncio.run(ask()))
        except BaseException as error:  # whatever it is, it belongs to who waits
            answer.set_exception(error)

    thread = threading.Thread(target=work, name="ami-console question", daemon=True)
    began = time.monotonic()
    thread.start()
    try:
        while not wait([answer], timeout=TICK_S).done:
            tick(time.monotonic() - began)
    except BaseException:
        for loop, task in asking:
            with suppress(RuntimeError):  # it ended in this moment
                loop.call_soon_threadsafe(task.cancel)
        raise
    thread.join()
    return answer.result()
