"""Who writes when, on one machine."""

import threading
import time
from pathlib import Path

from feedback_assets.store.locks import MachineLocks


def test_who_must_be_alone_gets_in_between_writers_that_overlap_all_the_time(
    tmp_path: Path,
) -> None:
    locks = MachineLocks(tmp_path, "warehouse")
    stop = threading.Event()
    inside: list[int] = []

    def write() -> None:
        while not stop.is_set():
            with locks.changing(alone=False):
                inside.append(1)
                time.sleep(0.02)
                inside.pop()

    writers = [threading.Thread(target=write) for _ in range(4)]
    alone = threading.Event()
    seen: list[int] = []

    def forget() -> None:
        with locks.changing(alone=True):
            seen.append(len(inside))
            alone.set()

    for writer in writers:
        writer.start()
        time.sleep(0.005)
    waiting = threading.Thread(target=forget, daemon=True)
    waiting.start()
    got_in = alone.wait(20)
    stop.set()
    for thread in (*writers, waiting):
        thread.join(20)
    assert got_in, "writers went past it"
    assert seen == [0]
