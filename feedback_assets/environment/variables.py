"""The variables of an environment as values of settings, and those that are refused unread."""

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

    Pydantic's own source of the environment reads that of the process, ignoring case, and its
    source of ``.env`` keeps to itself what Dagster's resources have to find in the environment
    when a run starts. Raises ``ValueError`` with a line about what must not be shown or stored.
    """

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of a variable, ``None`` where it is not set."""
        text = self._environ.get(field_name.upper(), "").strip()
        if not text:
            return None, field_name, False
        if not is_secret(field):
            _refuse_hidden(field_name, text)
        elif not _is_utf_8(text):
            raise ValueError(f"{field_name.upper()}: is not UTF-8")
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The texts of the variables that are set, by the names of the settings."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: text for name, text in found.items() if text is not None}


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting is never shown."""
    return field.annotation == SecretStr | None


def one_line(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """The first of the values that cannot be used, its variable named, and why."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    message = first["msg"].removeprefix("Value error, ")
    shown = "" if is_secret(fields[name]) else f"={_cut(str(first['input']))!r}"
    return f"{name.upper()}{shown}: {_cut(message, 4)}"


def _is_utf_8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that are none, as Python hands them over
        return False
    return True


def _refuse_hidden(name: str, value: str) -> None:
    """What would be shown, in the UI or in an error, holds no password and stays on its line."""
    if not value.isprintable():
        raise ValueError(f"{name.upper()}: holds a line break or another control character")
    if name.endswith("_url"):
        hidden = any(mark in value for mark in "@?#")
    else:
        authority = value.partition("://")[2].partition("/")[0]
        hidden = "@" in authority and not value.startswith(_AZURE)
    if hidden:
        raise ValueError(
            f"{name.upper()}: holds a user name, a password or a query, which would be shown "
            "wherever the address is; write it without"
        )


def _cut(text: str, times: int = 1) -> str:
    longest = times * _LONGEST_SHOWN
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
