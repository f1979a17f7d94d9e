"""A read ends by the provider's own signals, requires more than one of them, and always ends."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_assets.http import paging
from feedback_assets.http.errors import PermanentError, ProviderError, RowsMissing
from feedback_assets.http.paging import Listing, Reply, read_pages

KEYED = Listing("tested", "GET /rows", limit=10, by_key=True)
NUMBERED = Listing("tested", "GET /rows", limit=10)
CLICKS = Listing("tested", "GET /clicks", limit=10, by_key=True, has_ids=False)


def rows(*ids):
    return json.dumps([{"id": i} for i in ids]).encode()


def page(ids, **said):
    return Reply(rows(*ids), **said)


def read(listing, replies):
    """The ids read, the number of requests, and the exception raised."""
    asked: list[tuple[int, str | None]] = []

    def ask(number, key):
        asked.append((number, key))
        if callable(replies):
            return replies(number, key)
        return replies[min(number, len(replies)) - 1]

    got: list = []
    error = None
    try:
        for one in islice(read_pages(listing, ask), 1000):
            decoded = json.loads(one.records)
            assert len(decoded) == one.count
            got += [row.get("id") if isinstance(row, dict) else row for row in decoded]
    except ProviderError as raised:
        error = raised
    return got, len(asked), error


def test_the_documented_example_ends_after_one_page_despite_its_next():
    one = page(["a"], page=1, pages=1, total=1, next="again")
    assert read(KEYED, [one]) == (["a"], 1, None)


def test_an_exact_multiple_of_the_page_size_needs_no_further_request():
    first = page(range(10), page=1, pages=2, total=20, next="k2")
    second = page(range(10, 20), page=2, pages=2, total=20, next="k3")
    assert read(KEYED, [first, second])[1:] == (2, None)
    first = page(range(10), page=1, size=10, total=20)
    second = page(range(10, 20), page=2, size=10, total=20)
    assert read(NUMBERED, [first, second])[1:] == (2, None)


def test_an_announced_empty_list_takes_one_request():
    assert read(KEYED, [page([], page=1, pages=0, total=0)]) == ([], 1, None)
    assert read(NUMBERED, [page([], page=1, size=10, total=0)]) == ([], 1, None)


def test_a_missing_next_ends_a_list_read_by_key():
    assert read(KEYED, [page(range(10), next="k"), page(range(10, 13))]) == (
        list(range(13)),
        2,
        None,
    )


def test_a_short_page_alone_does_not_end_a_list():
    pages = [page(range(5)), page(range(5, 10)), page(range(10, 12)), page([])]
    assert read(NUMBERED, pages) == (list(range(12)), 4, None)


def test_a_silently_capped_page_size_loses_nothing():
    def serve(number, _key):
        ids = range(100)[(number - 1) * 3 : number * 3]
        return page(ids, total=100)

    assert read(NUMBERED, serve)[0] == list(range(100))


def test_a_list_with_more_ids_than_fit_a_set_counts_each_once(monkeypatch):
    monkeypatch.setattr(paging, "_SEEN_AS_SET", 7)

    def serve(number, _key):
        # The list shifts while it is read: each page repeats the last two rows of the one before.
        first = (number - 1) * 8
        return page(range(first, min(first + 10, 100)), total=100)

    got, asked, error = read(NUMBERED, serve)
    assert (sorted(set(got)), asked, error) == (list(range(100)), 13, None)
    short = read(NUMBERED, lambda number, key: serve(min(number, 12), key))
    assert isinstance(short[2], RowsMissing)
    assert short[2].came == 98


def test_a_constant_page_total_does_not_end_a_longer_list():
    pages = [page(range(i, i + 3), page=1, pages=1, total=9, next=f"k{i}") for i in range(0, 9, 3)]
    assert read(KEYED, pages)[0] == list(range(9))


def test_a_full_last_page_without_a_total_requests_one_more_page():
    pages = [page(range(10), page=1, pages=1), page([], page=2, pages=1)]
    assert read(NUMBERED, pages) == (list(range(10)), 2, None)


def test_a_repeated_next_is_followed_while_rows_are_new():
    def scroll(number, _key):
        return page(range(number * 10, number * 10 + 10) if number < 6 else [], next="scroll")

    got, asked, error = read(KEYED, scroll)
    assert (len(got), error) == (50, None)
    assert asked <= 7


def test_an_endlessly_repeated_page_ends_and_is_an_error_if_rows_are_missing():
    stuck = page(range(10), page=1, pages=3, total=30, next="same")
    got, asked, error = read(KEYED, [stuck])
    assert (len(got), asked) == (10, 2 if asked == 2 else 3)
    assert isinstance(error, RowsMissing)
    assert (error.announced, error.came) == (30, 10)


def test_alternating_between_two_keys_ends():
    def alternate(number, _key):
        odd = number % 2
        return page(range(10) if odd else range(10, 20), total=40, next="a" if odd else "b")

    got, asked, error = read(KEYED, alternate)
    assert (sorted(set(got)), isinstance(error, RowsMissing)) == (list(range(20)), True)
    assert asked <= 6


def test_new_keys_that_bring_old_rows_end():
    got, asked, error = read(KEYED, lambda n, _k: page(range(10), total=20, next=f"k{n}"))
    assert asked <= 6
    assert isinstance(error, RowsMissing)
    assert set(got) == set(range(10))


def test_a_server_that_ignores_the_page_is_an_error_if_the_page_is_full():
    _, asked, error = read(NUMBERED, [page(range(10))])
    assert asked == 2
    assert isinstance(error, RowsMissing)
    assert "nothing shows" in error.message


@pytest.mark.parametrize("size", [3, 25])
def test_a_whole_list_on_every_page_is_taken_once(size):
    assert read(NUMBERED, [page(range(size))]) == (list(range(size)), 2, None)


def test_a_constant_page_number_ends_with_an_error_about_missing_pages():
    _, asked, error = read(NUMBERED, [page(range(10), page=1, pages=5)])
    assert asked == 2
    assert isinstance(error, RowsMissing)
    assert (error.announced, error.unit) == (5, "pages")


def test_empty_pages_with_more_announced_are_skipped_up_to_a_limit():
    pages = [page(range(10), page=1, total=15), page([], page=2, total=15)]
    assert read(NUMBERED, [*pages, page(range(10, 15), page=3, total=15)])[0] == list(range(15))
    _, asked, error = read(NUMBERED, lambda n, _k: page([], page=n, total=5))
    assert asked <= 12
    assert isinstance(error, RowsMissing)


def test_the_last_total_reveals_a_list_that_shifts_while_it_is_read():
    pages = [
        page(range(10), page=1, size=10, total=20),
        page(range(9, 19), page=2, size=10, total=21),
        page([19], page=3, size=10, total=21),
    ]
    got, _, error = read(NUMBERED, pages)
    assert len(got) == 21
    assert isinstance(error, RowsMissing)
    assert (error.announced, error.came) == (21, 20)
    assert error.transient


def test_a_decreasing_total_is_accepted():
    pages = [page(range(10), page=1, pages=2, total=20, next="k")]
    pages.append(page(range(10, 19), page=2, pages=2, total=19))
    assert read(KEYED, pages)[2] is None


def test_each_row_without_an_id_is_counted():
    body = json.dumps([{"id": 1}, {"name": "x"}, {"name": "x"}, None, {"id": [1]}, 7]).encode()
    one = Reply(body, page=1, pages=1, total=6)
    assert read(KEYED, [one])[1:] == (1, None)
    assert isinstance(read(KEYED, [Reply(body, page=1, pages=1, total=7)])[2], RowsMissing)


def test_equal_clicks_are_counted_as_separate_rows():
    body = b'[{"contactId": "a"}, {"contactId": "a"}]'
    assert read(CLICKS, [Reply(body, page=1, pages=1, total=2, next="x")])[1:] == (1, None)


@pytest.mark.parametrize(
    ("listing", "total", "shifted"),
    [(NUMBERED, None, True), (NUMBERED, 14, False), (CLICKS, None, True), (CLICKS, 15, True)],
)
def test_a_page_that_repeats_earlier_rows_is_marked_unless_a_total_counts_ids(
    listing, total, shifted
):
    parts = [page(range(10), total=total, next="k"), page([0, 10, 11, 12, 13], total=total)]
    got = list(read_pages(listing, lambda number, _key: ([*parts, page([])])[number - 1]))
    assert [part.shifted for part in got] == [False, shifted]


def test_a_row_repeated_within_a_page_is_no_shift():
    parts = [page([0, 0, *range(1, 9)]), page([9, 9]), page([])]
    assert not any(p.shifted for p in read_pages(NUMBERED, lambda n, _key: parts[n - 1]))


def test_a_row_repeated_within_a_page_counts_against_the_total():
    whole = [page(["a", "b", "b"], page=1, pages=1, total=3), page([], page=2, pages=1, total=3)]
    assert read(NUMBERED, whole)[2] is None
    lost = [page(["a", "b", "b"], page=1, pages=1, total=4), page([], page=2, pages=1, total=4)]
    error = read(NUMBERED, lost)[2]
    assert isinstance(error, RowsMissing)
    assert (error.announced, error.came) == (4, 3)


def test_clicks_repeated_with_the_same_key_are_counted_once():
    body = json.dumps([{"contactId": str(i)} for i in range(10)]).encode()
    _, asked, error = read(CLICKS, [Reply(body, total=20, next="same")])
    assert isinstance(error, RowsMissing)
    assert asked <= 3


def test_a_total_of_ten_thousand_is_not_trusted():
    listing = Listing("tested", "GET /rows", limit=5000, by_key=True)

    def serve(number, _key):
        ids = range((number - 1) * 5000, min(number * 5000, 12_000))
        return page(ids, page=min(number, 2), pages=2, total=10_000, next=f"k{number}")

    assert len(read(listing, serve)[0]) == 12_000


@pytest.mark.parametrize("status", [404, 400, 422])
def test_a_rejected_page_ends_a_list_only_if_something_else_confirms_the_end(status):
    def refuse(number, full):
        if number == 1:
            return page(range(10 if full else 4))
        raise PermanentError("no such page", provider="tested", status=status)

    assert read(NUMBERED, lambda n, _k: refuse(n, full=False)) == ([0, 1, 2, 3], 2, None)
    assert read(NUMBERED, lambda n, _k: refuse(n, full=True))[2].status == status


def test_an_endless_list_is_an_error():
    listing = Listing("tested", "GET /rows", limit=1, max_pages=50)
    _, asked, error = read(listing, lambda n, _k: page([n]))
    assert (asked, type(error)) == (50, PermanentError)


def test_an_error_in_the_middle_is_raised():
    def fail(number, _key):
        if number == 2:
            raise PermanentError("gone", provider="tested", status=401)
        return page(range(10))

    assert read(NUMBERED, fail)[2].status == 401


@settings(max_examples=1500, deadline=None)
@given(
    count=st.integers(0, 45),
    cap=st.integers(1, 10),
    by_key=st.booleans(),
    total=st.sampled_from(["right", "missing", "more", "grows"]),
    pages=st.sampled_from(["right", "missing", "stuck"]),
    keys=st.sampled_from(["new", "scroll", "two", "always"]),
    fault=st.sampled_from(["none", "none", "stuck", "cycle", "empty"]),
    at=st.integers(1, 6),
    with_ids=st.booleans(),
)
def test_every_read_ends_with_all_rows_or_an_error(  # noqa: C901 - one server, all faults
    count, cap, by_key, total, pages, keys, fault, at, with_ids
):
    everything = list(range(count))
    parts = [everything[i : i + cap] for i in range(0, count, cap)] or [[]]

    def serve(number, _key):
        index = number
        if fault == "stuck":
            index = min(number, at)
        elif fault == "cycle":
            index = (number - 1) % at + 1
        elif fault == "empty" and number >= at:
            index = number - 1 if number > at else len(parts) + 1
        ids = parts[index - 1] if index <= len(parts) else []
        said = {"right": count, "more": count + 3, "grows": count + number}.get(total)
        last = {"right": len(parts), "stuck": 1}.get(pages)
        more = index < len(parts) or keys == "always"
        key = {"new": f"k{number}", "scroll": "s", "two": "ab"[number % 2]}.get(keys, f"x{number}")
        body = [{"id": i} if with_ids else {"n": i} for i in ids]
        return Reply(
            json.dumps(body).encode(),
            page=1 if pages == "stuck" else index if last is not None else None,
            pages=last,
            total=said,
            next=key if by_key and more else None,
        )

    listing = Listing("tested", "GET /rows", limit=10, by_key=by_key, has_ids=with_ids)
    got: set = set()
    requests = 0

    def ask(number, key):
        nonlocal requests
        requests += 1
        return serve(number, key)

    error = None
    try:
        for one in read_pages(listing, ask):
            got |= {row.get("id", row.get("n")) for row in json.loads(one.records)}
    except ProviderError as raised:
        error = raised
    assert requests <= 2 * len(parts) + 25
    assert error is None or isinstance(error, RowsMissing)
    # Rows without an id count each time, so a cycle can compensate for lost ones.
    told_apart = with_ids or fault in ("none", "empty")
    if total in ("more", "grows") and told_apart:
        assert isinstance(error, RowsMissing)
    if error is None and total == "right" and told_apart:
        assert got == set(everything)
    if error is None and fault == "none" and not (pages == "stuck" and total == "missing"):
        # Two misleading signals, a constant page number and a silent cap, cannot be detected.
        assert got == set(everything)
    if total == "right" and fault == "none":
        assert error is None


def test_reading_stops_two_empty_pages_after_the_last_row() -> None:
    asked: list[int] = []

    def ask(number: int, _key: str | None) -> Reply:
        asked.append(number)
        records = b'[{"id": 1}, {"id": 2}]' if number == 1 else b"[]"
        return Reply(records, page=number, pages=1, total=3, size=2)

    with pytest.raises(RowsMissing):
        list(read_pages(Listing("thanx", "GET /feedbacks", limit=2), ask))
    assert asked == [1, 2, 3]
