"""The world that all five providers report on: one consistent set of people and events.

Only its creation belongs here. It is the same for the same arguments and today, and includes the
future: the clock of the renderer decides what is visible.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from feedback_assets.sandbox import answers, journeys
from feedback_assets.sandbox.times import DAY, midnight

MOST_CUSTOMERS = 2**20
MOST_DAYS = 2000


class World:
    """People, clicks, orders, surveys and answers of `days` days up to the day before `today`.

    Times inside are seconds since `origin` (epoch seconds), which is some months before the first
    day, since customers joined before it. `zone` is the zone of time stamps without an offset.
    Without `effects`, the customers of all channels are equally satisfied.
    """

    def __init__(
        self,
        seed: int = 1,
        days: int = 120,
        customers: int = 500,
        today: date | None = None,
        *,
        timezone: str = "UTC",
        effects: bool = True,
    ) -> None:
        if not 1 <= days <= MOST_DAYS:
            raise ValueError(f"days must lie between 1 and {MOST_DAYS}")
        if not 1 <= customers <= MOST_CUSTOMERS:
            raise ValueError(f"customers must lie between 1 and {MOST_CUSTOMERS}")
        self.seed = seed
        self.days = days
        self.customers = customers
        self.today = today or datetime.now(UTC).date()
        self.zone = ZoneInfo(timezone)
        self.first_day = self.today - timedelta(days=days)
        self.origin = midnight(self.first_day) - journeys.HORIZON
        start, end = journeys.HORIZON, journeys.HORIZON + days * DAY
        opinions = journeys.Opinions.by_channel(effects=effects)
        self.contacts = journeys.make_contacts(seed, customers, end, opinions)
        self.orders = journeys.make_orders(seed, self.contacts, start, end, opinions)
        self.clicks = journeys.make_clicks(seed, self.contacts, self.orders, end)
        sendings = answers.planned_sendings(seed, self.orders)
        asked = answers.when_asked(self.orders, sendings[2])
        self.prompts = answers.make_prompts(seed, self.orders)
        self.submissions = answers.make_submissions(seed, self.orders, asked, start)
        self.ratings = answers.make_ratings(seed, self.orders, asked)
        self.trackers = answers.make_trackers(
            seed, self.orders, sendings, self.submissions, self.ratings
        )

    @property
    def start_of_today(self) -> datetime:
        """The clock's default: everything up to the last second of yesterday has happened."""
        return datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC)

    def since_origin(self, epoch: float) -> int:
        """Convert epoch seconds to the world's seconds."""
        return int(epoch - self.origin)

    def epoch(self, seconds: int) -> int:
        """Convert the world's seconds to epoch seconds."""
        return int(seconds) + self.origin
