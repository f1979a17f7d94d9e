"""The vocabulary of the generated world: campaigns, products, names, comments, surveys.

Only constants belong here, chosen to be difficult: many scripts, quotes, newlines, markup, emoji.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Channel:
    """A combination of campaign tags, its share of customers, and their opinion.

    `nps` is the net promoter score, −100 to 100, of those customers.
    """

    source: str
    medium: str
    campaign: str
    content: str
    term: str
    weight: float
    nps: int

    @property
    def utms(self) -> dict[str, str]:
        return {
            "source": self.source,
            "medium": self.medium,
            "campaign": self.campaign,
            "content": self.content,
            "term": self.term,
        }

    @property
    def class_shares(self) -> tuple[float, float, float]:
        """Shares of detractors, passives and promoters; a quarter are passives everywhere."""
        promoters = (0.75 + self.nps / 100) / 2
        return (0.75 - promoters, 0.25, promoters)


CHANNELS = (
    Channel("google", "cpc", "brand", "text-ad", "shop name", 0.14, 45),
    Channel("google", "cpc", "generic", "responsive", "running shoes", 0.12, 10),
    Channel("facebook", "paid_social", "spring-sale", "video-30", "lookalike", 0.13, -15),
    Channel("instagram", "paid_social", "creator-reels", "reel", "influencer", 0.10, 0),
    Channel("tiktok", "paid_social", "flash-deals", "clip", "18-24", 0.09, -20),
    Channel("newsletter", "email", "weekly-digest", "hero", "subscribers", 0.10, 55),
    Channel("newsletter", "email", "welcome-series", "step-2", "new", 0.07, 40),
    Channel("referral", "friend", "bring-a-friend", "link", "advocates", 0.08, 60),
    Channel("bing", "cpc", "generic", "text-ad", "trail shoes", 0.04, 20),
    Channel("affiliate", "partner", "coupon-site", "banner", "10-off", 0.06, -10),
    Channel("podcast", "audio", "host-read", "épisode 12", "code", 0.03, 50),
    Channel("youtube", "video", "reviews", "pre-roll", "how to & why", 0.04, 25),
)


@dataclass(frozen=True, slots=True)
class Product:
    """A product; `cents` is its price in hundredths of the order's currency, whichever it is."""

    id: str
    name: str
    cents: int


PRODUCTS = tuple(
    Product(str(2160 + number), name, cents)
    for number, (name, cents) in enumerate(
        (
            ("Trail Runner", 12900),
            ("Road Runner", 11900),
            ("City Sneaker", 8900),
            ("Wool Socks", 1450),
            ("Cotton Socks (3 pairs)", 1275),
            ("Rain Jacket", 14999),
            ("Down Vest", 17950),
            ("Mütze „Nordwind“", 2490),
            ("Écharpe en laine", 3995),
            ("Gift Card", 5000),
            ("Awesome Subscription Plan", 7900),
            ("Insoles", 1999),
            ("Shoe Care Kit", 2350),
            ("Reflective Band", 799),
            ("Head Torch", 4490),
            ('Backpack 20" 25 l', 9900),
            ("Water Bottle", 1890),
            ("Running Shorts", 3990),
            ("Merino Shirt", 6990),
            ("靴ひも", 590),
            ("Tights", 5490),
            ("Trekking Poles", 8450),
            ("Gaiters & Co.", 2999),
            ("Summer Dress", 5995),
        )
    )
)

CURRENCIES = ("USD", "EUR", "GBP")
SOURCE_SYSTEMS = ("shopify", "stripe", "woocommerce")

FIRST_NAMES = (
    "Greta", "Jürgen", "Zoë", "François", "José", "Søren", "Łukasz", "Olga", "Ольга", "美咲",
    "健太", "محمد", "ليلى", "Aoife", "Nguyễn", "지우", "Jane", "John", "Siân", "D'Arcy",
    "Mary Ann", "Ángela", "Emre", "Ivo", "नेहा", "Noa", "Ελένη", "Tom", "Ruth", "Ming",
)  # fmt: skip
LAST_NAMES = (
    "Müller", "Straße", "O'Neill", "Lefèvre", "García Márquez", "Ångström", "Wójcik", "Иванова",
    "田中", "鈴木", "العلي", "حسن", "Smith-Jones", "van der Berg", "Trần", "김", "Doe", "Brown",
    "Yılmaz", "de la Cruz", "शर्मा", "Cohen", "Παπαδοπούλου", "Null", "Li", "Jones <Jr.>",
)  # fmt: skip
MAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example", "post.example")

COMMENTS_HAPPY = (
    "Great products",
    "Absolutely love it! 😍",
    "Schnelle Lieferung, gerne wieder. Größe passt.",
    "Très bien emballé, « parfait » !",
    "とても良い品物でした。また買います。",
    "خدمة ممتازة وسرعة في التوصيل",
    'My daughter said "best shoes ever"',
    "First line.\nSecond line: still happy.",
    "<b>Top</b> & fast",
    "Отличный магазин, спасибо!",
    "👍👍👍",
    "¡Excelente atención! Volveré.",
)
COMMENTS_NEUTRAL = (
    "Fine, nothing special.",
    "Ganz okay, Versand könnte schneller sein.",
    "Correct, sans plus.",
    "普通です。",
    "لا بأس",
    "OK; colour differs a bit, from the picture",
    "Good shoes, but the box was 'open'",
    "Good but expensive 🤔",
)
COMMENTS_UNHAPPY = (
    "Came late and in the wrong size.",
    "Leider kaputt angekommen – niemand antwortet!",
    "Très déçu : remboursement toujours en attente",
    "二度と買いません。",
    "المنتج لا يطابق الصورة",
    "Worst.\n\nNever again.\r\n- a former customer",
    'They wrote "we are sorry" & nothing happened <i>at all</i>',
    "=HYPERLINK is what the mail contained, spam?",
    "Подошва отклеилась через неделю",
    "😡😡 no refund",
    "Ne marche pas; écrivez-moi : deçu@example.org",
)
COMMENTS_SPAM = (
    "CHEAP WATCHES http://spam.example/watches",
    "<script>alert('x')</script>",
    "Win $$$ now!!! 💰💰💰",
    "Купите дёшево http://spam.example/ru",
)
REPLIES = (
    "Thank you! We're glad you like it.",
    "Es tut uns leid – wir melden uns.",
    "Merci pour votre retour.",
    "Sorry about that: a replacement is on its way.",
)
SURVEYS = (
    ("srv-after-delivery", "After delivery"),
    ("srv-first-order", "Première commande"),
    ("srv-support", "Support & returns"),
)
SENDING_TYPES = ("email", "sms", "whatsapp")
ORDER_PROVIDERS = ("Toast", "Olo", "Square")
