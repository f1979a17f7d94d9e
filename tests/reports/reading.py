"""Reads the page as its readers do: tags, texts, tables and downloads."""

import csv
import io
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

AT = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


class Page(HTMLParser):
    """Tags with their attributes, and the content of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.source = text
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.inside.append((self._open, data))
        else:
            self.words.append(data)

    @property
    def scripts(self) -> list[str]:
        return [text for tag, text in self.inside if tag == "script" and text.strip()]

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts[0]))

    def download(self, name: str) -> list[dict[str, str]]:
        """The rows of a file that the page offers for download."""
        text = self.data["figures"][name]["csv"]
        return list(csv.DictReader(io.StringIO(text, newline="")))

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Table(HTMLParser):
    """The texts of one table: caption, heads, and cells by row head."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self.caption, self.head, self.rows = "", [], {}
        self._lines: list[list[str]] = []
        start = text.index(f'<table id="{name}"')
        self.feed(text[start : text.index("</table>", start)])
        self.caption, self.head = self._lines[0][0], self._lines[1]
        self.rows = {line[0]: line[1:] for line in self._lines[2:]}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("caption", "tr"):
            self._lines.append([""] if tag == "caption" else [])
        if tag in ("th", "td"):
            self._lines[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._lines and self._lines[-1]:
            whole = f"{self._lines[-1][-1]} {data}"
            self._lines[-1][-1] = " ".join(whole.split())
