"""``FeedbackAssets``: a component that adds one account to a Dagster project."""

import os
import re
from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import Field

from feedback_assets.assets.resources import WarehouseResource
from feedback_assets.definitions import SCHEDULES, SENSORS, build_defs
from feedback_assets.environment.account import Account
from feedback_assets.files.places import local_path
from feedback_assets.providers.registry import PROVIDERS
from feedback_assets.scaffolding import AccountScaffolder
from feedback_assets.schema.names import Names
from feedback_assets.service.host import say_what_is_lacking
from feedback_assets.settings import (
    Settings,
    SettingsError,
    load_settings,
    secret_variables,
    variables,
)
from feedback_assets.tables import STORED_TABLES

__all__ = ["FeedbackAssets", "WarehouseResource"]

_PREFIX = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_OWN_ATTRIBUTES = {
    "FEEDBACK_WAREHOUSE": "warehouse",
    "FEEDBACK_START_DATE": "start_date",
    "FEEDBACK_PROVIDERS": "providers",
}
# Names with another meaning in a query or in DAGSTER_HOME.
_TAKEN = frozenset(
    {*(table.group for table in STORED_TABLES), "quarantine", "memory", "main", "system", "temp"}
)


_SETTINGS = variables() - {"DAGSTER_HOME"}


def _each_of(names: Collection[str]) -> dict[str, Any]:
    """The JSON schema of a list of these names, for ``dg check yaml`` and editors."""
    return {"items": {"enum": [*names]}}


def _named_as(names: Collection[str]) -> dict[str, Any]:
    """The JSON schema of an object whose fields have these names."""
    return {"propertyNames": {"enum": sorted(names)}}


def _prefix(context: dg.ResolutionContext, value: str) -> str:
    text = str(context.resolve_value(value, as_type=str))
    if not _PREFIX.fullmatch(text):
        raise ValueError(f"{text!r} is not a valid prefix; use snake_case, such as brand_a")
    if text in _TAKEN:
        raise ValueError(f"the prefix {text} is the name of a table group or a schema; use another")
    return text


def _group_prefix(context: dg.ResolutionContext, value: str | None) -> str | None:
    if value is None:
        return None
    text = str(context.resolve_value(value, as_type=str))
    if text and not re.fullmatch(r"\w+", text):
        raise ValueError(f"{text!r} is not a valid prefix of a group; use letters, digits and _")
    return text


def _one(name: str) -> Callable[[dg.ResolutionContext, Any], str]:
    """A resolver that validates a value like the setting of that name."""

    def resolve(context: dg.ResolutionContext, value: Any) -> str:
        text = str(context.resolve_value(value)).strip()
        if not text:
            raise ValueError("is empty")
        _check(name, text)
        return text

    return resolve


def _names(allowed: Collection[str], what: str) -> Callable[[dg.ResolutionContext, Any], Any]:
    """A resolver of a list of these names."""

    def resolve(context: dg.ResolutionContext, value: Any) -> list[str] | None:
        names = context.resolve_value(value)
        if names is None:
            return None
        unknown = [str(name) for name in names if name not in allowed]
        if unknown:
            raise ValueError(
                f"there is no {what} {', '.join(unknown)}; choose from {', '.join(allowed)}"
            )
        return list(names)

    return resolve


def _settings(context: dg.ResolutionContext, value: Any) -> dict[str, str]:
    found = {str(name): str(text) for name, text in (context.resolve_value(value) or {}).items()}
    for name, text in found.items():
        _refuse_unknown(name)
        if name in _OWN_ATTRIBUTES:
            raise ValueError(f"{name} is the attribute {_OWN_ATTRIBUTES[name]}")
        if name in secret_variables():
            raise ValueError(
                f"{name} is a secret; set it in an environment variable, and add the variable to "
                "variables if its name is not the prefix and this name"
            )
        _check(name, text)
    return found


def _variables(context: dg.ResolutionContext, value: Any) -> dict[str, str]:
    found = {str(name): str(text) for name, text in (context.resolve_value(value) or {}).items()}
    for name, variable in found.items():
        _refuse_unknown(name)
        if not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise ValueError(f"{name}: {variable!r} is not the name of an environment variable")
    return found


def _refuse_unknown(name: str) -> None:
    if name not in _SETTINGS:
        raise ValueError(f"there is no setting {name}; docs/providers.md and .env.example list all")


def _check(name: str, text: str) -> None:
    try:
        load_settings({name: text})
    except SettingsError as error:
        raise ValueError(str(error)) from None


@dg.scaffold_with(AccountScaffolder)
class FeedbackAssets(dg.Component, dg.Resolvable, dg.Model):
    """Orders, attribution and NPS answers of one account, as daily Parquet tables and a page.

    Each asset, job, schedule and sensor has ``key_prefix`` in its name, so a project can have any
    number of accounts. Credentials are read from environment variables.
    """

    key_prefix: Annotated[
        str,
        dg.Resolver(
            _prefix,
            model_field_type=str,
            description="Name of the account, in snake_case: the first part of its asset keys, and "
            "the prefix of its jobs, schedules, sensors, pools and environment variables.",
            examples=["brand_a"],
            json_schema_extra={"pattern": _PREFIX.pattern.join("^$")},
        ),
    ]
    warehouse: Annotated[
        str,
        dg.Resolver(
            _one("FEEDBACK_WAREHOUSE"),
            model_field_type=str,
            description="Root of the account's Parquet tables: a directory, relative to the "
            "project root, or a URI such as s3://bucket/brand_a. Each account needs its own.",
            examples=["data/brand_a", "s3://bucket/brand_a"],
        ),
    ]
    start_date: Annotated[
        str,
        dg.Resolver(
            _one("FEEDBACK_START_DATE"),
            model_field_type=str | date,
            description="First day to load, YYYY-MM-DD: the first partition.",
            examples=["2026-01-01"],
        ),
    ] = "2024-01-01"
    providers: Annotated[
        list[str] | None,
        dg.Resolver(
            _names(PROVIDERS, "provider"),
            model_field_type=list[str] | None,
            description=f"Providers to load: {', '.join(PROVIDERS)}. By default, those whose "
            "credentials are set; if none are set, all of them, to show the graph.",
            examples=[["wicked_reports", "thanx"]],
            json_schema_extra=_each_of(PROVIDERS),
        ),
    ] = None
    group_prefix: Annotated[
        str | None,
        dg.Resolver(
            _group_prefix,
            model_field_type=str | None,
            description="Prefix of the asset groups; by default key_prefix. Empty for no prefix.",
            examples=["brand_a"],
        ),
    ] = None
    variables: Annotated[
        dict[str, str],
        dg.Resolver(
            _variables,
            model_field_type=dict[str, str],
            description="By setting: its environment variable, if that is not the prefix in "
            "capitals and the name of the setting (BRAND_A_THANX_ACCESS_TOKEN).",
            examples=[{"THANX_ACCESS_TOKEN": "THANX_TOKEN_OF_BRAND_A"}],
            json_schema_extra=_named_as(_SETTINGS),
        ),
    ] = Field(default_factory=dict)
    settings: Annotated[
        dict[str, str],
        dg.Resolver(
            _settings,
            model_field_type=dict[str, str | int],
            description="Other settings of .env.example, by name. Secrets are not allowed: "
            "they are read from environment variables.",
            examples=[{"FEEDBACK_REFRESH_AT": "05:30", "WICKED_REPORTS_TIMEZONE": "Europe/Paris"}],
            json_schema_extra=_named_as(_SETTINGS - secret_variables() - _OWN_ATTRIBUTES.keys()),
        ),
    ] = Field(default_factory=dict)
    schedules: Annotated[
        list[str] | None,
        dg.Resolver(
            _names(SCHEDULES, "schedule"),
            model_field_type=list[str] | None,
            description=f"Schedules to define: {', '.join(SCHEDULES)}. All by default. Each is off "
            "until it is switched on.",
            examples=[list(SCHEDULES[:1])],
            json_schema_extra=_each_of(SCHEDULES),
        ),
    ] = None
    sensors: Annotated[
        list[str] | None,
        dg.Resolver(
            _names(SENSORS, "sensor"),
            model_field_type=list[str] | None,
            description=f"Sensors to define: {', '.join(SENSORS)}. All by default. Each is off "
            "until it is switched on.",
            examples=[list(SENSORS[:2])],
            json_schema_extra=_each_of(SENSORS),
        ),
    ] = None

    def account_settings(self, root: Path) -> Settings:
        """The settings of the account in the project at ``root``; raises ``SettingsError``."""
        given = {**self.settings, "FEEDBACK_WAREHOUSE": self.warehouse}
        given["FEEDBACK_START_DATE"] = self.start_date
        if self.providers:
            given["FEEDBACK_PROVIDERS"] = ",".join(self.providers)
        groups = self.key_prefix if self.group_prefix is None else self.group_prefix
        account = Account(
            names=Names(self.key_prefix, groups),
            given=given,
            given_in=f"in the defs.yaml of {self.key_prefix}",
            variables=self.variables,
            root=root,
            schedules=None if self.schedules is None else tuple(self.schedules),
            sensors=None if self.sensors is None else tuple(self.sensors),
        )
        return load_settings(os.environ, account)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets, checks, jobs, schedules, sensors and resources of the account."""
        settings = self.account_settings(context.project_root)
        others = context.component_tree.get_all_components(FeedbackAssets)
        refuse_overlaps([other.account_settings(context.project_root) for other in others])
        say_what_is_lacking(settings)
        return build_defs(settings)


def refuse_overlaps(accounts: Collection[Settings]) -> None:
    """Raise ``SettingsError`` if two accounts have the same prefix or overlapping warehouses."""
    seen: list[Settings] = []
    for one in accounts:
        for other in seen:
            mine, theirs = one.names.prefix, other.names.prefix
            if mine == theirs:
                raise SettingsError(f"two components have the key_prefix {mine}; rename one")
            if _overlap(_place(one), _place(other)):
                raise SettingsError(
                    f"{theirs} and {mine} have overlapping warehouses, {other.warehouse} and "
                    f"{one.warehouse}: give each a directory of its own"
                )
        seen.append(one)


# Names of one protocol: ``s3://b`` and ``s3a://b`` are the same bucket.
_SAME_STORE = {"s3a": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs"}


def _place(settings: Settings) -> tuple[str, ...]:
    path = local_path(settings.warehouse)
    if path is not None:
        return Path(path).resolve().parts
    protocol, _, rest = settings.warehouse.partition("://")
    store = _SAME_STORE.get(protocol, protocol)
    first, *inner = filter(None, rest.split("/"))
    # Azure's container may be followed by the account's host.
    return (store, first.partition("@")[0] if store == "abfs" else first, *inner)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
