"""deploy/image/Dockerfile as its instructions, one each, continued lines joined."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"


def instructions(word: str) -> list[str]:
    """What follows an instruction's word, for each of its kind."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", text)
    return re.findall(rf"^{word} (.+)$", joined, re.MULTILINE)


def environment() -> dict[str, str]:
    """The variables of the finished image."""
    return dict(re.findall(r"(\w+)=(\S+)", instructions("ENV")[-1]))
