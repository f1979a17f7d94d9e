"""deploy/image/Dockerfile as a list of instructions, with continued lines joined."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"


def instructions(word: str) -> list[str]:
    """The arguments of the instructions, by keyword."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", text)
    return re.findall(rf"^{word} (.+)$", joined, re.MULTILINE)


def environment() -> dict[str, str]:
    """The environment variables of the final image."""
    return dict(re.findall(r"(\w+)=(\S+)", instructions("ENV")[-1]))
