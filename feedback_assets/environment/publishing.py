"""The settings of publishing: the targets and the tables."""

import re
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings

from feedback_assets.environment import values


def _properties(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        values.properties(value.get_secret_value())
    return value


def _tables(text: str) -> str:
    # Imported here, because only a changed value needs the tables.
    from feedback_assets.tables.named import named_tables

    named_tables(text)
    return text


def _catalog_warehouse(text: str) -> str:
    if not re.fullmatch(r"[\w][\w.:/@+=-]{0,499}", text):
        raise ValueError("is not a warehouse of a catalog; use its name or URI, such as s3://lake")
    return text


class PublishingSettings(BaseSettings):
    """``FEEDBACK_PUBLISH_…``; without a target, nothing is published."""

    feedback_publish_postgres_url: Annotated[
        SecretStr | None, AfterValidator(values.postgres_url)
    ] = None
    feedback_publish_iceberg_uri: Annotated[str, AfterValidator(values.url)] | None = None
    feedback_publish_iceberg_warehouse: (
        Annotated[str, AfterValidator(_catalog_warehouse)] | None
    ) = None
    feedback_publish_iceberg_credential: SecretStr | None = None
    feedback_publish_iceberg_properties: Annotated[
        SecretStr | None, AfterValidator(_properties)
    ] = None
    feedback_publish_tables: Annotated[str, AfterValidator(_tables)] = "marts.*"

    @property
    def iceberg_properties(self) -> dict[str, str]:
        """The properties that are passed to PyIceberg unchanged."""
        value = self.feedback_publish_iceberg_properties
        return values.properties(value.get_secret_value()) if value else {}

    @property
    def publishing_secrets(self) -> set[str]:
        """The parts of these settings that are masked, besides the whole values."""
        found = {text for name, text in self.iceberg_properties.items() if _is_secret(name)}
        if self.feedback_publish_postgres_url is not None:
            parts = urlsplit(self.feedback_publish_postgres_url.get_secret_value())
            password = parts.password or ""
            found |= {text for name, text in parse_qsl(parts.query) if "pass" in name}
            found |= {password, unquote(password)}
        if self.feedback_publish_iceberg_credential is not None:
            # A client id and its secret, separated by a colon.
            credential = self.feedback_publish_iceberg_credential.get_secret_value()
            found.add(credential.rpartition(":")[2])
        return {text for text in found if text}


_SECRET_WORDS = (
    "key",
    "token",
    "secret",
    "password",
    "credential",
    "connection-string",
    "authorization",
)


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)
