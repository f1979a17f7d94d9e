"""Delivery of alerts: a message to each URL of ``FEEDBACK_ALERT_URLS``, through Apprise.

A message is plain text, partly written by customers: ``harmless`` disables links and mentions in
it, and Apprise escapes it for services without plain text. The URLs contain credentials, so
messages and logs refer to a URL by its number.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from feedback_assets.environment.values import ALERT_TAGS
from feedback_assets.http.errors import one_line
from feedback_assets.settings import Settings, SettingsError

if TYPE_CHECKING:
    import apprise

NOT_SET = "FEEDBACK_ALERT_URLS is not set, so no alerts are sent; see docs/operations.md"
SUPPORT, MARKETING, OPERATORS = ALERT_TAGS
"""The tags of those who receive detractors, the weekly summary and failures."""
# A tick has 60 s, of which asking a provider may take 30. The next tick sends what did not fit.
_SECONDS_EACH = 12.0
_LONGEST_REASON = 200
# An invisible word joiner stops services from linking addresses and notifying mentions.
_TELLING = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<![\w.]@)(?<=@)(?=\w)|(?<=<)(?=[!@#])")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class Message:
    """A message: a one-line title, lines of plain text, and its Apprise type.

    ``attachment``: a file for the services that accept files.
    """

    title: str
    body: str
    kind: str = "info"
    attachment: Path | None = None


TEST = Message(
    "feedback-assets: test",
    "feedback-assets sends its messages to this URL.",
)


@dataclass(frozen=True)
class Target:
    """One URL: its number in the setting, its service, and a mark that identifies it later.

    ``tags``: what it receives; everything if empty.
    """

    number: int
    service: str
    key: str
    url: SecretStr
    tags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"URL {self.number} ({self.service})"


Deliver = Callable[[Target, Message], str]
"""Sends a message; returns the reason if it was rejected, or an empty text."""
Pending = dict[str, list[str]]
"""Undelivered items by target key."""


@dataclass(frozen=True)
class Sent:
    """Items still pending, targets that accepted a message, and those that did not."""

    pending: Pending
    taken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The delivery as one line for the tick."""
        parts = [f"Sent: {', '.join(self.taken)}."] if self.taken else []
        parts += [f"Retrying at the next tick: {'; '.join(self.refused)}."] * bool(self.refused)
        return " ".join(parts)


def targets(settings: Settings) -> tuple[Target, ...]:
    """The configured URLs; raises ``SettingsError`` if Apprise does not support one.

    A URL that is listed twice is one target with the tags of both.

    Apprise's parse results are cached in ``DAGSTER_HOME``: it loads about a hundred services, which
    takes 0.7 s, and each run's process loads the project.
    """
    urls = settings.alert_urls
    if not urls:
        return ()
    mark = _mark(version("apprise"), *urls)
    kept = settings.state_dir / "alert_services.json"
    known: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError):
        read = json.loads(kept.read_text(encoding="utf-8"))
        known = read if isinstance(read, dict) else {}
    if len(known.get(mark, ())) != len(urls):
        known = {mark: [_service_name(number, url) for number, url in enumerate(urls, start=1)]}
        # Without the cache everything works, only slower.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            draft = kept.with_name(f".{kept.name}.{os.getpid()}")
            draft.write_text(json.dumps(known), encoding="utf-8")
            draft.replace(kept)
    found: dict[str, Target] = {}
    for number, ((tags, url), service) in enumerate(
        zip(settings.alert_routes, known[mark], strict=True), start=1
    ):
        target = Target(number, service, _mark(url), SecretStr(url), tags)
        same = found.setdefault(target.key, target)
        # Without tags it receives everything, whatever its other tags are.
        both = same.tags | tags if same.tags and tags else frozenset()
        found[target.key] = replace(same, tags=both)
    return tuple(found.values())


def no_receiver(settings: Settings, tag: str) -> str:
    """Why nobody receives what has this tag."""
    if not settings.alert_urls:
        return NOT_SET
    return f"No URL in FEEDBACK_ALERT_URLS has the tag {tag}; see docs/operations.md"


def for_tag(targets: Iterable[Target], tag: str) -> tuple[Target, ...]:
    """The targets with this tag, and those without any."""
    return tuple(target for target in targets if not target.tags or tag in target.tags)


def deliver(target: Target, message: Message) -> str:
    """Send a message to one URL; returns the reason if it was rejected, or an empty text."""
    import apprise

    service = _service(target.url.get_secret_value())
    if service is None:
        return "Apprise cannot use it"
    if message.attachment and not service.attachment_support:
        message = replace(message, attachment=None)
    sender = apprise.Apprise(asset=service.asset)
    sender.add(service)
    try:
        result = sender.notify(
            title=message.title,
            notify_type=message.kind,
            body=message.body,
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
            attach=str(message.attachment) if message.attachment else None,
            timeout=_SECONDS_EACH,
        )
    except Exception as error:  # noqa: BLE001 - of some hundred services, and none may stop the rest
        return type(error).__name__
    if result:
        return ""
    logs: list[Any] = []
    with contextlib.suppress(Exception):
        logs = list(result.logs())
    reason = next((str(entry.message) for entry in logs if entry.message), result.status.name)
    return one_line(reason, _LONGEST_REASON)


def send_pending(
    targets: Iterable[Target],
    pending: Mapping[str, Sequence[str]],
    compose: Callable[[list[str]], Message | None],
    deliver: Deliver = deliver,
) -> Sent:
    """Send each target its pending items in one message; failed deliveries stay pending.

    ``compose`` builds the message from item ids, or returns None if none of them exists any more.
    A target that is no longer configured is dropped.
    """
    left: Pending = {}
    messages: dict[Target, Message] = {}
    for target in targets:
        items = list(pending.get(target.key, ()))
        message = compose(items) if items else None
        if message is not None:
            left[target.key] = items
            messages[target] = message
    # In parallel, so that a hanging service does not delay the others.
    with ThreadPoolExecutor(max(1, len(messages))) as pool:
        reasons = dict(zip(messages, pool.map(deliver, messages, messages.values()), strict=True))
    for target, reason in reasons.items():
        if not reason:
            del left[target.key]
    return Sent(
        left,
        tuple(target.name for target, reason in reasons.items() if not reason),
        tuple(f"{target.name}: {reason}" for target, reason in reasons.items() if reason),
    )


def add_pending(
    pending: Mapping[str, Sequence[str]], new: Iterable[str], keys: Iterable[str]
) -> Pending:
    """The pending items, with ``new`` added for each target key."""
    fresh = list(new)
    return {key: list(dict.fromkeys([*pending.get(key, ()), *fresh])) for key in keys}


def harmless(text: object, longest: int) -> str:
    """Untrusted text as one truncated line in which links and mentions do not work."""
    if text is None:
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    flat = " ".join(printable.split())
    cut = flat if len(flat) <= longest else f"{flat[: longest - 1]}…"
    return _TELLING.sub(_WORD_JOINER, cut)


def _mark(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _service_name(number: int, url: str) -> str:
    service = _service(url)
    if service is None:
        raise SettingsError(
            f"FEEDBACK_ALERT_URLS: Apprise cannot use URL {number}; "
            "https://appriseit.com/services says how to write one"
        )
    return str(service.service_name)


def _service(url: str) -> "apprise.NotifyBase | None":
    import apprise

    # No redirects: they would send credentials to another host.
    asset = apprise.AppriseAsset(
        app_id="feedback-assets",
        app_desc="feedback-assets",
        http_redirects=False,
        service_timeout=_SECONDS_EACH,
    )
    try:
        found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    except Exception:  # noqa: BLE001 - what it raises may hold the URL
        return None
    return found if isinstance(found, apprise.NotifyBase) else None
