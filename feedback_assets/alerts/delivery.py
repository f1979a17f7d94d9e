"""Delivery of alerts: a message to each URL of ``FEEDBACK_ALERT_URLS``, through Apprise.

A message is plain text, part of it written by strangers: ``harmless`` leaves nothing in it that
makes a link or calls somebody, and Apprise escapes it for services that know no plain text. The
URLs hold credentials. They occur in nothing that is said here; a URL is named by its number.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from feedback_assets.http.errors import one_line
from feedback_assets.settings import Settings, SettingsError

if TYPE_CHECKING:
    import apprise

NOT_SET = (
    "FEEDBACK_ALERT_URLS is not set, so alerts go nowhere; docs/operations.md says what to set"
)
# A tick has 60 s. What is not sent in time is sent by the next one.
_SECONDS_EACH = 20.0
_LONGEST_REASON = 200
# A word joiner, unseen, keeps services from making a link of an address or a call of a mention.
_TELLING = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<![\w.]@)(?<=@)(?=\w)|(?<=<)(?=[!@#])")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class Message:
    """What is to be said: a title of one line, lines of plain text, and Apprise's type of it."""

    title: str
    body: str
    kind: str = "info"


TEST = Message(
    "feedback-assets: a test",
    "Alerts of feedback-assets come here: new unhappy customers, and runs that fail.",
)


@dataclass(frozen=True)
class Target:
    """One URL: its number in the setting, the service behind it, and a mark to know it again."""

    number: int
    service: str
    key: str
    url: SecretStr

    @property
    def name(self) -> str:
        return f"URL {self.number} ({self.service})"


Deliver = Callable[[Target, Message], str]
"""Sends a message; the reason why it was not taken, or an empty text."""
Pending = dict[str, list[str]]
"""What each target has not been told yet, by the key of the target."""


@dataclass(frozen=True)
class Sent:
    """What is still to be told, who took a message, and who did not and why."""

    pending: Pending
    taken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """In words, for a tick."""
        parts = [f"Told: {', '.join(self.taken)}."] if self.taken else []
        parts += [f"Tried again at the next tick: {'; '.join(self.refused)}."] * bool(self.refused)
        return " ".join(parts)


def targets(settings: Settings) -> tuple[Target, ...]:
    """The URLs that are set, each known to Apprise; raises ``SettingsError`` naming the variable.

    What Apprise said of them is kept in ``DAGSTER_HOME``: it loads some hundred services, which
    takes 0.7 s, and each run's process loads the project.
    """
    urls = settings.alert_urls
    if not urls:
        return ()
    mark = _mark(version("apprise"), *urls)
    kept = settings.dagster_home / "alert_services.json"
    known: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError):
        read = json.loads(kept.read_text(encoding="utf-8"))
        known = read if isinstance(read, dict) else {}
    if len(known.get(mark, ())) != len(urls):
        known = {mark: [_service_name(number, url) for number, url in enumerate(urls, start=1)]}
        # Without it all works, only slower.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            draft = kept.with_name(f".{kept.name}.{os.getpid()}")
            draft.write_text(json.dumps(known), encoding="utf-8")
            draft.replace(kept)
    return tuple(
        Target(number, service, _mark(url), SecretStr(url))
        for number, (url, service) in enumerate(zip(urls, known[mark], strict=True), start=1)
    )


def deliver(target: Target, message: Message) -> str:
    """Send a message to one URL; gives the reason why it was not taken, or an empty text."""
    import apprise

    service = _service(target.url.get_secret_value())
    if service is None:
        return "Apprise cannot use it"
    sender = apprise.Apprise(asset=service.asset)
    sender.add(service)
    try:
        result = sender.notify(
            title=message.title,
            notify_type=message.kind,
            body=message.body,
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
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
    """Tell each target what it has not been told, in one message; what fails stays pending.

    ``compose`` makes the message of what is to be told, or none where nothing of it is left.
    A target that is no more is dropped.
    """
    left: Pending = {}
    messages: dict[Target, Message] = {}
    for target in targets:
        items = list(pending.get(target.key, ()))
        message = compose(items) if items else None
        if message is not None:
            left[target.key] = items
            messages[target] = message
    # Side by side, so that a service that hangs takes no time from the others.
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
    """What is pending, with ``new`` for each of the targets' keys."""
    fresh = list(new)
    return {key: list(dict.fromkeys([*pending.get(key, ()), *fresh])) for key in keys}


def harmless(text: object, longest: int) -> str:
    """A text of strangers as one line, cut, without links or mentions of its own."""
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
            f"FEEDBACK_ALERT_URLS: Apprise cannot use URL {number} of it; "
            "https://appriseit.com/services says how to write one"
        )
    return str(service.service_name)


def _service(url: str) -> "apprise.NotifyBase | None":
    import apprise

    # Redirects are not followed, since credentials must not go elsewhere.
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
