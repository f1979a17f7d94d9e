"""Reads environment variables as settings, and refuses unusable ones."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

_LONGEST_SHOWN = 100
# abfs://container@account.dfs.core.windows.net: a container, not a user.
_AZURE = ("abfs://", "abfss://", "az://")


class Variables(PydanticBaseSettingsSource):
    """Settings from a mapping of variables, trimmed; a blank one counts as not set.

    Pydantic's own environment source reads the process's environment and ignores case, and its
    ``.env`` source does not export the variables, which Dagster's resources need in the environment
    when a run starts. Raises ``ValueError`` with a line about values that must not be shown or
    stored.
    """

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of a variable, ``None`` if it is not set."""
        text = self._environ.get(field_name.upper(), "").strip()
        if not text:
            return None, field_name, False
        if not is_secret(field):
            _refuse_hidden(field_name, text)
        elif not _is_utf_8(text):
            raise ValueError(f"{field_name.upper()}: is not UTF-8")
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The texts of the variables that are set, by setting name."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: text for name, text in found.items() if text is not None}


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting must never be shown."""
    return field.annotation == SecretStr | None


def one_line(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """The first unusable value as one line: its variable and the reason."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    message = first["msg"].removeprefix("Value error, ")
    shown = "" if is_secret(fields[name]) else f"={_cut(str(first['input']))!r}"
    return f"{name.upper()}{shown}: {_cut(message, 4)}"


def _is_utf_8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # invalid bytes, which Python decodes to surrogates
        return False
    return True


def _refuse_hidden(name: str, value: str) -> None:
    """Refuse passwords and line breaks in a value that is shown in the UI or in errors."""
    if not value.isprintable():
        raise ValueError(f"{name.upper()}: contains a line break or another control character")
    if name.endswith("_url"):
        hidden = any(mark in value for mark in "@?#")
    else:
        authority = value.partition("://")[2].partition("/")[0]
        hidden = "@" in authority and not value.startswith(_AZURE)
    if hidden:
        raise ValueError(
            f"{name.upper()}: contains a user name, a password or a query, which would be shown "
            "wherever the URL is; remove it"
        )


def _cut(text: str, times: int = 1) -> str:
    longest = times * _LONGEST_SHOWN
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
