"""How the process of a command ends, which is not how Python ends one."""

import subprocess
import sys

import pytest

ENDING = """
import atexit, sys, threading
from feedback_assets import cli
sys.argv = ["feedback-assets", *sys.argv[1:]]
atexit.register(print, "tidied")

def go_on_after_the_command():
    threading.main_thread().join()
    print("thread")

threading.Thread(target=go_on_after_the_command).start()
cli.main()
"""
WITHOUT_PANDAS = """
from feedback_assets.cli import _leave_pandas_out
_leave_pandas_out()
import sys, pyarrow as pa
assert pa.array([1, None]).to_pylist() == [1, None]
assert "pandas" not in sys.modules
import pandas
assert pandas.Series([1]).sum() == 1
"""

COLLECTING = """
import gc, sys
from feedback_assets import cli
from feedback_assets.operations import backfill

def run_plan(*_):
    print("looks for garbage:", gc.isenabled())
    return {}

backfill.run_plan = run_plan
sys.argv = ["feedback-assets", "backfill", "--from", "2024-01-01", "--to", "2024-01-02"]
cli.main()
"""


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["no-such-command"], 2)])
def test_threads_and_what_is_left_to_the_end_are_waited_for(
    arguments: list[str], status: int
) -> None:
    command = [sys.executable, "-c", ENDING, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout.splitlines()[-2:] == ["thread", "tidied"]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m feedback_assets.cli --help | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_pandas_that_is_left_out_can_be_imported_all_the_same() -> None:
    command = [sys.executable, "-c", WITHOUT_PANDAS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_backfill_looks_for_garbage_once_everything_is_imported() -> None:
    command = [sys.executable, "-c", COLLECTING]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "looks for garbage: True" in done.stdout, done.stderr
