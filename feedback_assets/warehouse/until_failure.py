"""Collects results in order up to the first failure, so that those before it are still reported."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def until_failure(results: Iterable[T]) -> tuple[list[T], Exception | None]:
    """The results before the first error, and that error; ``None`` if all succeeded."""
    done: list[T] = []
    try:
        for result in results:
            done.append(result)  # noqa: PERF402 - kept when the next one raises
    except Exception as error:  # noqa: BLE001 - the caller raises it in its turn
        return done, error
    return done, None
