"""The tests' server requires a password, survives a restart, and has a database per test."""

import subprocess

import pytest

from tests.servers.postgres import PostgresDatabase

pytestmark = pytest.mark.slow


def test_each_test_has_its_own_database_that_survives_a_restart(postgres: PostgresDatabase) -> None:
    postgres.run_sql("create table kept (number int); insert into kept values (7)")
    postgres.server.restart()
    assert postgres.run_sql("select number from kept") == "7"
    assert postgres.server.run_sql("select to_regclass('kept')") == ""


def test_the_database_requires_the_password(postgres: PostgresDatabase) -> None:
    url = postgres.url.replace(postgres.server.password, "another")
    psql = postgres.server.programs / "psql"
    command = [psql, "-d", url, "-c", "select 1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr
