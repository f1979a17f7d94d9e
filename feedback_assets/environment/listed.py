"""Writes the settings of the providers where people look for them, from their declarations.

``python -m feedback_assets.environment.listed`` rewrites them in ``.env.example``, in
docs/providers.md and in the example of Kubernetes' secrets. What stands around them is kept.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from feedback_assets.providers import BUILT_IN
from feedback_assets.providers.provider import Argument, Provider

ROOT = Path(__file__).resolve().parents[2]

_EXAMPLE = re.compile(r"(?<=\n# `make docs` writes what follows\.\n).*\Z", re.DOTALL)
_SECRETS = re.compile(r'(?<=the others may go\.\n)(?:  [A-Z_]+: ""\n)*')
_TABLE_HEAD = "| setting | needed | meaning |\n|---|---|---|\n"


def example(text: str, providers: Iterable[Provider] = BUILT_IN) -> str:
    """``.env.example``: a commented line for each setting, with its default."""
    blocks = [
        "".join(
            f"# {one.variable(argument.name)}={argument.default or ''}\n"
            for argument in one.arguments
        )
        for one in providers
    ]
    return _replaced(_EXAMPLE, "\n" + "\n".join(blocks), text)


def secrets(text: str, providers: Iterable[Provider] = BUILT_IN) -> str:
    """The example of Kubernetes' secrets: each setting that has no default."""
    lines = [
        f'  {one.variable(argument.name)}: ""\n'
        for one in providers
        for argument in one.arguments
        if argument.default is None
    ]
    return _replaced(_SECRETS, "".join(lines), text)


def page(text: str, providers: Iterable[Provider] = BUILT_IN) -> str:
    """docs/providers.md: the table under each provider's heading."""
    for one in providers:
        rows = "".join(_row(one, argument) for argument in one.arguments)
        table = re.compile(
            rf"(?<=\n## {re.escape(one.title)}\n)((?:(?!\n## ).)*?)"
            rf"{re.escape(_TABLE_HEAD)}(?:\|[^\n]*\n)*",
            re.DOTALL,
        )
        text = _replaced(table, rf"\g<1>{_TABLE_HEAD}{rows}", text)
    return text


def _row(provider: Provider, argument: Argument) -> str:
    default = "" if argument.default is None else f"`{argument.default}`"
    meaning = "; ".join(filter(None, (argument.meaning, default)))
    needed = " yes " if argument.needed else " "
    return f"| `{provider.variable(argument.name)}` |{needed}| {meaning} |\n"


def _replaced(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    found, count = pattern.subn(replacement, text)
    if count != 1:
        raise ValueError(f"found {count} places for {pattern.pattern}, not one")
    return found


FILES: dict[str, Callable[[str], str]] = {
    ".env.example": example,
    "docs/providers.md": page,
    "deploy/kubernetes/secrets.example.yaml": secrets,
}
"""The files, from the root of the checkout, and what writes each anew."""


if __name__ == "__main__":
    for name, write in FILES.items():
        path = ROOT / name
        path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")
