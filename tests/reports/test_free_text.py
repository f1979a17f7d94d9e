"""Free text and channel names are shown without the personal data in them."""

import pytest

from feedback_assets.schema.free_text import masked, masked_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail bob@shop.example.", "mail [e-mail]."),
        ("<bob@shop.example>, jim@x.org", "<[e-mail]>, [e-mail]"),
        ("ＢＯＢ＠shop.example", "[e-mail]"),
        ("bob%40shop.example", "[e-mail]"),
        ("bob&#64;shop.example; bye", "[e-mail]; bye"),
        (r"bob\u0040shop.example", "[e-mail]"),
        ("call +49 30 1234567", "call [phone number]"),
        ("order 12345, @shop, a@b, 50%40", "order 12345, @shop, a@b, 50%40"),
        ("@" * 5, "@" * 5),
        ("a@b@shop.example", "a@[e-mail]"),
    ],
)
def test_addresses_are_masked_however_their_sign_is_written(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("text", ["a" * 100_000, "a@" * 20_000, "%40" * 20_000, "a.b@" * 20_000])
def test_a_long_text_takes_linear_time(text: str) -> None:
    assert masked(f"{text} jim@x.org").endswith("[e-mail]")


def test_channels_with_different_addresses_stay_different_and_ids_stay() -> None:
    one, other = masked_name("to jane@x.org"), masked_name("to june@x.org")
    assert one != other
    assert "@" not in one + other
    assert masked_name("120210234567890123") == "120210234567890123"
