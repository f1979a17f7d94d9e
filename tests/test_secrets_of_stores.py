"""Runs leave no credential of the object store or the shared database behind."""

import logging
from urllib.parse import urlsplit

import pytest
import s3fs
import yaml

from feedback_assets.warehouse.remote import StoreTrouble
from tests.conftest import YESTERDAY, Project
from tests.leaks import files_of, leaks
from tests.servers.object_store import ObjectStore
from tests.servers.postgres import PostgresDatabase
from tests.test_secrets import LOG_ALL

WRONG = "another/secret+of=40 letters, that is wrong"


@pytest.mark.slow
def test_debug_logs_of_successful_and_refused_runs_have_no_store_credential(
    shop: Project,
    s3: ObjectStore,
    postgres: PostgresDatabase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("FEEDBACK_COORDINATION_URL", postgres.url)
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same on all machines, long enough")
    monkeypatch.setenv("FEEDBACK_ERASURE_SECRET", "that of the erased on all machines")
    home = shop.settings.dagster_home
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(LOG_ALL))
    select = ("--select", 'key:"thanx/feedbacks" or key:"unified/feedback"')
    with caplog.at_level(logging.DEBUG):
        good = shop.backfill(YESTERDAY, YESTERDAY, *select)
        assert good.exit_code == 0, good.output
        said = good.output + shop.run("check").output
        password = str(urlsplit(postgres.url).password)
        monkeypatch.setenv(
            "FEEDBACK_COORDINATION_URL", postgres.url.replace(password, "wr0ng-passw0rd-7")
        )
        refused = shop.backfill(YESTERDAY, YESTERDAY, *select)
        assert refused.exit_code
        said += refused.output + shop.run("check").output
        monkeypatch.delenv("FEEDBACK_COORDINATION_URL")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", WRONG)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(StoreTrouble, match="refused the credentials") as caught:
            shop.backfill(YESTERDAY, YESTERDAY, *select)
        said += str(caught.value) + shop.run("check").output
    places = [("output", said.encode()), ("log", caplog.text.encode()), *files_of(home)]
    assert "botocore" in caplog.text, "the client of the object store logged nothing"
    wanted = [s3.environment()["AWS_SECRET_ACCESS_KEY"], password, "wr0ng-passw0rd-7", WRONG]
    assert leaks(wanted, places) == []
