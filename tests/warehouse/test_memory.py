"""The memory that a connection gets a share of: the machine's, or its container's."""

from pathlib import Path

import pytest

from feedback_assets.warehouse import memory


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"memory.max": "1073741824\n"}, 1_073_741_824),
        ({"memory.limit_in_bytes": "536870912\n"}, 536_870_912),
        ({"memory.max": "max\n"}, None),  # no limit set
        ({"memory.limit_in_bytes": "9223372036854771712\n"}, None),  # nor here
        ({}, None),  # no container
    ],
)
def test_a_container_limit_below_the_machine_memory_applies(
    written: dict[str, str],
    expected: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = tuple(tmp_path / path.name for path in memory._CONTAINER_LIMITS)
    monkeypatch.setattr(memory, "_CONTAINER_LIMITS", ())
    machine = memory.machine_memory()
    monkeypatch.setattr(memory, "_CONTAINER_LIMITS", paths)
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    assert memory.machine_memory() == (expected or machine)
