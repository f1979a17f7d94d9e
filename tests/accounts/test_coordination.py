"""Accounts that share a Postgres share neither quotas nor locks."""

import pytest

from feedback_assets.coordination import shared_quota
from feedback_assets.coordination.database import Coordination
from feedback_assets.coordination.shared_locks import LockTaken, SharedLocks
from tests.servers.postgres import PostgresDatabase


def test_without_an_account_the_names_are_those_of_one_project() -> None:
    assert Coordination("postgresql://host/database").keyed("thanx") == "thanx"
    of_account = Coordination("postgresql://host/database", account="brand_a")
    assert of_account.keyed("thanx") == "brand_a/thanx"


@pytest.mark.slow
def test_the_quota_of_one_account_does_not_affect_another(postgres: PostgresDatabase) -> None:
    accounts = [Coordination(postgres.url, account=name) for name in ("brand_a", "brand_b", "")]
    rates = [(2, 60.0)]
    for account in accounts:
        assert [shared_quota.take(account, "thanx", rates) for _ in range(2)] == [0, 0]
        assert shared_quota.take(account, "thanx", rates) > 0
    shared_quota.drop_future_stamps(accounts[0], "thanx")


@pytest.mark.slow
def test_a_lock_of_one_account_does_not_block_another(postgres: PostgresDatabase) -> None:
    one, other = (
        SharedLocks(Coordination(postgres.url, account=name)) for name in ("brand_a", "brand_b")
    )
    same = SharedLocks(Coordination(postgres.url, account="brand_a"))
    with one.changing(alone=True), other.changing(alone=True), one.alone_with("derived tables"):
        with other.alone_with("derived tables", wait=False):
            pass
        with pytest.raises(LockTaken), same.alone_with("derived tables", wait=False):
            pytest.fail("two holders at once")
