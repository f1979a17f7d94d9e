"""The sandbox as a server: the application, run in a background thread or blocking.

It listens on loopback only by default. Besides the providers it serves `/_sandbox/…`:
`environment`, `truth`, `requests`, and by POST `now` and `faults`, for callers in another
process.
"""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from feedback_assets.sandbox.answering import answer
from feedback_assets.sandbox.credentials import settings_for
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.feedbackpulse import FeedbackPulse
from feedback_assets.sandbox.fullwhere import Fullwhere
from feedback_assets.sandbox.gate import SERVER_SEND, Gate
from feedback_assets.sandbox.retargeting import Retargeting
from feedback_assets.sandbox.state import Request as Logged
from feedback_assets.sandbox.state import State, Written
from feedback_assets.sandbox.thanx import Thanx
from feedback_assets.sandbox.truth import Truth, reckon
from feedback_assets.sandbox.wicked_reports import WickedReports
from feedback_assets.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: its address, requests, data and switches."""

    url: str
    state: State

    def environment(self) -> dict[str, str]:
        """All settings that point the project here."""
        settings = settings_for(self.url, self.state.account)
        zone = self.state.world.zone.key
        if zone != "UTC":
            settings |= {"WICKED_REPORTS_TIMEZONE": zone, "RETARGETING_TIMEZONE": zone}
        return settings

    @property
    def world(self) -> World:
        return self.state.world

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """Number of requests by (provider, endpoint)."""
        return self.state.requests()

    @property
    def log(self) -> list[Logged]:
        """All requests in order of arrival, with monotonic time and status."""
        with self.state.lock:
            return list(self.state.log)

    def forget_requests(self) -> None:
        """Reset the request counts."""
        with self.state.lock:
            self.state.log = []

    def forget_written(self) -> None:
        """Delete records created through write endpoints."""
        with self.state.lock:
            self.state.written = Written()

    def edit_submission(self, number: int, **fields: object) -> None:
        """Change a record created through FeedbackPulse's write endpoint, as its API serves it."""
        with self.state.lock:
            (record,) = (one for one in self.state.written.submissions if one["id"] == number)
            record.update(fields)

    def set_faults(self, faults: Faults) -> None:
        self.state.faults = faults

    def set_now(self, now: datetime) -> None:
        """Set the clock to a time with a zone: events at or after it are not visible."""
        self.state.set_now(now)

    def truth(self, first: date, last: date) -> Truth:
        """The rows and sums that reading the UTC days first..last must give; see `truth.reckon`."""
        return reckon(self.state.view(), self.state.written, first, last)


def _control(sandbox_of: Callable[[Request], Sandbox]) -> list[BaseRoute]:
    """The control routes for other processes."""

    def environment(request: Request) -> Response:
        return answer(sandbox_of(request).environment())

    def requests(request: Request) -> Response:
        counted = sandbox_of(request).requests
        return answer({f"{provider} {name}": n for (provider, name), n in counted.items()})

    def truth(request: Request) -> Response:
        try:
            first, last = (date.fromisoformat(request.query_params[end]) for end in ("from", "to"))
        except (KeyError, ValueError):
            return answer({"error": "from and to must be days, YYYY-MM-DD"}, 400)
        return answer(sandbox_of(request).truth(first, last))

    async def now(request: Request) -> Response:
        try:
            moment = msgspec.json.decode(await request.body())["now"]
            sandbox_of(request).set_now(datetime.fromisoformat(moment))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as reason:
            return answer({"error": f'expected {{"now": time with a zone}}: {reason}'}, 400)
        return answer({"now": moment})

    async def faults(request: Request) -> Response:
        try:
            chosen = Faults.from_mapping(msgspec.json.decode(await request.body()))
        except (msgspec.DecodeError, AttributeError, TypeError, ValueError, KeyError) as reason:
            return answer({"error": str(reason)}, 400)
        sandbox_of(request).set_faults(chosen)
        return answer({"faults": "set"})

    return [
        Route("/environment", environment),
        Route("/requests", requests),
        Route("/truth", truth),
        Route("/now", now, methods=["POST"]),
        Route("/faults", faults, methods=["POST"]),
    ]


def _not_found(_request: Request, _error: Exception) -> Response:
    return answer({"status": "error", "message": "Not found"}, 404)


class _Application(Starlette):
    """Keeps the server's own `send` accessible to code that has to reset a connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SERVER_SEND] = send
        await super().__call__(scope, receive, send)


def _application(held: State) -> Starlette:
    def sandbox_of(request: Request) -> Sandbox:
        return Sandbox(str(request.base_url.replace(path="")).rstrip("/"), held)

    application = _Application(
        routes=[
            Mount("/wicked_reports", routes=WickedReports(held).routes()),
            Mount("/thanx", routes=Thanx(held).routes()),
            Mount("/fullwhere", routes=Fullwhere(held).routes()),
            Mount("/feedbackpulse", routes=FeedbackPulse(held).routes()),
            Mount("/retargeting", routes=Retargeting(held).routes()),
            Mount("/_sandbox", routes=_control(sandbox_of)),
        ],
        middleware=[Middleware(Gate, state=held)],
        exception_handlers={404: _not_found},
    )
    application.state.account = held.account
    return application


def create_app(world: World, faults: Faults | None = None) -> Starlette:
    """The ASGI application over a world."""
    return _application(State(world, faults or Faults()))


class _Server(uvicorn.Server):
    """A server that calls back once it accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            await asyncio.to_thread(self._ready)


def _prepare(
    held: State, host: str, port: int, ready: Callable[[Sandbox], None]
) -> tuple[_Server, socket.socket]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    sandbox = Sandbox(f"http://{host}:{listener.getsockname()[1]}", held)
    config = uvicorn.Config(
        _application(held),
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        # Longer than the pauses of clients, so that no connection closes during a request.
        timeout_keep_alive=75,
    )
    return _Server(config, lambda: ready(sandbox)), listener


def serve(
    world: World,
    faults: Faults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    on_ready: Callable[[Sandbox], None] = lambda _sandbox: None,
    account: str = "",
) -> None:
    """Serve until interrupted; `on_ready` is called once requests are accepted."""
    server, listener = _prepare(State(world, faults or Faults(), account), host, port, on_ready)
    # uvicorn raises an interrupt again after shutdown; here it is the normal exit.
    with listener, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


@contextmanager
def running_sandbox(
    *,
    seed: int = 1,
    days: int = 120,
    customers: int = 500,
    today: date | None = None,
    faults: Faults | None = None,
    port: int = 0,
    timezone: str = "UTC",
    world: World | None = None,
    account: str = "",
) -> Iterator[Sandbox]:
    """Run a sandbox on loopback in a background thread, on a free port unless one is given.

    If a `world` is given it is served unchanged, and the settings for creating one are ignored.
    """
    held = State(
        world or World(seed, days, customers, today, timezone=timezone),
        faults or Faults(),
        account,
    )
    started = threading.Event()
    ready: list[Sandbox] = []

    def note(sandbox: Sandbox) -> None:
        ready.append(sandbox)
        started.set()

    server, listener = _prepare(held, "127.0.0.1", port, note)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True
    )
    thread.start()
    try:
        if not started.wait(30):
            raise RuntimeError("the sandbox did not start within 30 seconds")
        yield ready[0]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
