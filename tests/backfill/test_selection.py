"""A selection of what is not loaded says what to do."""

import pytest

from tests.conftest import YESTERDAY, Project


def test_a_provider_without_credentials_is_named_with_what_to_set(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THANX_ACCESS_TOKEN")
    result = shop.backfill(YESTERDAY, YESTERDAY, "--select", "thanx/feedbacks")
    assert result.exit_code == 2
    assert "thanx is not loaded; set THANX_ACCESS_TOKEN" in result.output


def test_a_provider_that_is_left_out_is_named_with_the_setting(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PROVIDERS", "fullwhere")
    result = shop.backfill(YESTERDAY, YESTERDAY, "--select", 'key:"thanx/feedbacks"')
    assert result.exit_code == 2
    assert "thanx is not loaded; add it to FEEDBACK_PROVIDERS" in result.output
