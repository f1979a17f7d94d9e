"""What a tick of read_new_feedbackpulse costs, with and without a new detractor to alert on.

The sandbox and the webhook are separate processes. The detractor's order is found in the stored
days; a tick with nothing new only sends the request.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

from benchmarks.support.measuring import (
    ROOT,
    clean_environment,
    module,
    options,
    run,
    say,
    scratch,
)
from benchmarks.support.sandboxes import sandbox_without_limits

REACH = 0.3


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def serve_hook() -> None:
    """Accept messages on a free port, which is printed."""
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    print(server.server_port, flush=True)
    server.serve_forever()


def measure(times: int) -> None:
    """Print the CPU seconds of ticks without and with a new detractor, medians."""
    import dagster as dg

    from feedback_assets.alerts.new_answers import NewAnswerAlerts
    from feedback_assets.automation.new_answers_sensors import new_answers_sensors
    from feedback_assets.diagnosis.providers import connect
    from feedback_assets.runtime.instance import open_instance
    from feedback_assets.settings import load_settings
    from feedback_assets.tables.unified import ORDERS
    from feedback_assets.warehouse.warehouse import Warehouse

    settings = load_settings()
    now = datetime.now(UTC)
    orders = Warehouse(settings.warehouse).read_arrow(ORDERS, columns=["customer_email"])
    emails = [text for text in orders["customer_email"].to_pylist() if text]
    (sensor,) = (
        one
        for one in new_answers_sensors(settings, lambda: now, NewAnswerAlerts(settings))
        if one.name == "read_new_feedbackpulse"
    )
    with open_instance(settings) as instance:
        cursor: str | None = None

        def tick() -> None:
            nonlocal cursor, now
            now += timedelta(minutes=5)
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                cursor = sensor.evaluate_tick(context).cursor

        def answer(number: int) -> None:
            with connect("feedbackpulse", settings) as client:
                client.create(campaign_id=1, nps_score=2, customer_email=emails[number])

        tick()
        quiet = [_cpu(tick) for _ in range(times)]
        alerting = []
        for number in range(times + 1):
            answer(-1 - number)
            alerting.append(_cpu(tick))
    # The first message loads Apprise.
    print(statistics.median(quiet), statistics.median(alerting[1:]))


def _cpu(what: Callable[[], None]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def main() -> None:
    if sys.argv[1:2] == ["hook"]:
        serve_hook()
        return
    if sys.argv[1:2] == ["measure"]:
        measure(int(sys.argv[2]))
        return
    chosen = options(__doc__, size=3_000, small=50, times=9)
    held = 3 if chosen.small else 120
    only = ("--select", "+group:unified") if chosen.small else ()
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=held - 1)
    hook = subprocess.Popen(
        module("benchmarks.alert_tick", "hook"), stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert hook.stdout is not None
    try:
        with sandbox_without_limits(chosen.size, held) as settings, scratch() as directory:
            env = clean_environment(directory / "home", directory / "warehouse") | settings
            env |= {
                "FEEDBACK_START_DATE": str(first),
                "FEEDBACK_ALERT_URLS": f"json://127.0.0.1:{hook.stdout.readline().strip()}/x",
            }
            days = ("--from", first, "--to", last)
            run(module("feedback_assets.cli", "backfill", *days, *only), env)
            said = run(module("benchmarks.alert_tick", "measure", chosen.times), env).output
    finally:
        hook.terminate()
        hook.wait(10)
    quiet, alerting = map(float, said.split()[-2:])
    say(
        "a tick with a new detractor, CPU against 0.3 s",
        alerting / REACH,
        "≤ 1",
        f"{alerting:.2f} s, without news {quiet:.2f} s; {held} days stored",
    )


if __name__ == "__main__":
    main()
