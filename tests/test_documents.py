"""README and docs: what they name exists, and what they tell the reader to write works."""

import ast
import json
import re
import shlex
import sys
import tomllib
import types
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import typer.main
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.cli import app
from feedback_assets.http.errors import PermanentError
from feedback_assets.ingest import sources
from feedback_assets.ingest.window import asked, read_window
from feedback_assets.providers.registry import PROVIDERS, REGISTRY, Provider
from feedback_assets.settings import variables
from feedback_assets.tables import find_table
from feedback_assets.transforms.sources import ArrowTables, connect
from feedback_assets.warehouse.layout import Warehouse
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ADDING = ROOT / "docs" / "adding-a-provider.md"
START = ROOT / "docs" / "start.md"
LARGEST = 300_000  # bytes of a picture; who clones the project carries every version of it
PREFIXES = (
    "FEEDBACK_",
    "WICKED_REPORTS_",
    "THANX_",
    "FULLWHERE_",
    "FEEDBACKPULSE_",
    "RETARGETING_",
)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _code(page: Path) -> list[str]:
    """What stands between backquotes, within a line and in blocks; of blocks each line."""
    text = _text(page)
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    without = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", without)]
    return [line for block in blocks for line in block.splitlines()] + spans


def _anchors(page: Path) -> set[str]:
    text = _text(page)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        aim = (page.parent / name).resolve() if name else page
        assert aim.exists(), target
        assert not anchor or anchor in _anchors(aim), target


@pytest.mark.parametrize("page", [PAGES[0], ROOT / "docs" / "index.md"], ids=lambda page: page.name)
def test_who_begins_at_readme_or_index_finds_every_page(page: Path) -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for target in re.findall(r"\]\(([^)\s]+)\)", _text(page))
    }
    assert [other.name for other in PAGES[1:] if other not in {*linked, page}] == []


def _menu(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for aim in entry.values():
            yield from [aim] if isinstance(aim, str) else _menu(aim)


def test_the_menu_of_the_site_has_every_page_once() -> None:
    project = tomllib.loads(_text(ROOT / "zensical.toml"))["project"]
    assert sorted(_menu(project["nav"])) == sorted(page.name for page in PAGES[1:])


def test_the_pictures_are_all_shown_and_small() -> None:
    pictures = sorted((ROOT / "docs" / "images").iterdir())
    shown = "".join(_text(page) for page in PAGES)
    assert pictures
    for picture in pictures:
        assert f"images/{picture.name})" in shown, picture.name
        assert picture.stat().st_size <= LARGEST, f"{picture.name}: make pictures, of less"


@each_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE))
    for code in _code(page):
        named = re.match(r"make ([a-z]+)\b", code)
        if named:
            assert named[1] in targets, code


@each_page
def test_every_command_and_option_exists(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for code in _code(page):
        named = re.match(r"(?:\.venv/bin/)?feedback-assets ([a-z].*)", code)
        if not named:
            continue
        name, *words = shlex.split(named[1].split("  #")[0])
        assert name in commands, code
        options = {option for parameter in commands[name].params for option in parameter.opts}
        for word in words:
            assert not word.startswith("--") or word in options, code


def _settings() -> set[str]:
    return variables()


@each_page
def test_every_setting_exists(page: Path) -> None:
    for name in re.findall(r"\b[A-Z][A-Z_]+\b", _text(page)):
        if name.startswith(PREFIXES):
            assert name in _settings(), name


def test_the_example_of_the_settings_names_each_of_them_once() -> None:
    named = re.findall(r"^# ([A-Z_]+)=", _text(ROOT / ".env.example"), re.MULTILINE)
    assert sorted(named) == sorted(_settings())


def test_every_setting_of_a_provider_is_explained() -> None:
    text = _text(ROOT / "docs" / "providers.md")
    own = {name for name in _settings() if name.startswith(PREFIXES[1:])}
    assert {name for name in own if f"| `{name}` |" not in text} == set()


@pytest.mark.parametrize("provider", REGISTRY, ids=lambda provider: provider.name)
def test_check_names_the_places_that_the_page_names(provider: Provider) -> None:
    page = " ".join(_text(ROOT / "docs" / "providers.md").split())
    places = re.findall(r'"([^"]+)"|(\b[A-Z]{3,}_[A-Z_]+\b)|(\w+ → \w+)', provider.found)
    for place in ("".join(groups) for groups in places):
        assert place in page, place
    assert provider.found.endswith(".")


@each_page
def test_every_file_of_the_project_that_is_named_exists(page: Path) -> None:
    for code in _code(page):
        if re.fullmatch(r"(feedback_assets|tests|docs|deploy|benchmarks)/[\w./-]+", code):
            assert (ROOT / code).exists() or code.endswith("acme.py"), code


@each_page
def test_every_table_that_is_queried_exists(page: Path) -> None:
    groups = "wicked_reports|thanx|fullwhere|feedbackpulse|retargeting|unified|marts"
    for code in _code(page):
        for name in re.findall(rf"(?:from |^)((?:{groups})\.[a-z_]+)", code):
            find_table(name)


def test_imports_run_as_the_architecture_says() -> None:
    rows = re.findall(
        r"^\| (`[a-z_`, ]+`) \| (.+) \|$", _text(ROOT / "docs" / "architecture.md"), re.MULTILINE
    )
    allowed: dict[str, set[str]] = {}
    for names, imported in rows:
        for name in re.findall(r"`([a-z_]+)`", names):
            allowed[name] = set(re.findall(r"`([a-z_]+)`", imported))
    package = ROOT / "feedback_assets"
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in allowed, f"docs/architecture.md does not say what {own} imports"
        for module in _imported(path):
            part = module.split(".")[1]
            assert part in {own} | allowed[own], f"{path.relative_to(ROOT)} imports {module}"


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("feedback_assets."))


# docs/adding-a-provider.md, followed to the letter.

FIRST, LAST = date(2024, 5, 1), date(2024, 5, 2)


def _block(title: str) -> str:
    found = re.search(
        rf'^```python title="{title}"\n(.*?)^```', _text(ADDING), re.DOTALL | re.MULTILINE
    )
    assert found, title
    return found[1]


def _module(monkeypatch: pytest.MonkeyPatch, path: str) -> types.ModuleType:
    module = types.ModuleType(path.removesuffix(".py").replace("/", "."))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(_block(path), path, "exec"), module.__dict__)
    return module


ANSWERS = [
    {
        "id": f"a{number}",
        "orderNumber": str(1000 + number),
        "email": "Ana@Example.com",
        "score": 11 if number == 7 else number % 11,
        "words": "gut",
        "answeredAt": f"2024-05-0{1 + number % 3}T10:00:00Z",
        "campaign": "spring",
    }
    for number in range(150)
]


@pytest.fixture
def served(httpserver: HTTPServer) -> str:
    """Acme on loopback: 150 answers over three days, one of them with a score of 11."""

    def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer key":
            return Response('{"message": "no such key"}', 401, mimetype="application/json")
        size, number = int(request.args["per_page"]), int(request.args["page"])
        rows = ANSWERS[(number - 1) * size : number * size]
        body = {"data": rows, "meta": {"page": number, "total": len(ANSWERS)}}
        return Response(json.dumps(body), mimetype="application/json")

    httpserver.expect_request("/answers").respond_with_handler(answer)
    return httpserver.url_for("")


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules that the page has its reader write, and the ``Source`` over them."""
    client = _module(monkeypatch, "feedback_assets/providers/acme.py")
    tables = _module(monkeypatch, "feedback_assets/tables/acme.py")
    names = {"acme": tables, "_one": sources._one, "Source": sources.Source}
    source = eval(_block("feedback_assets/ingest/sources.py"), names)
    return types.SimpleNamespace(Acme=client.Acme, ANSWERS=tables.ANSWERS, source=source)


def test_the_provider_of_the_page_is_read_into_a_warehouse(
    acme: Any, served: str, tmp_path: Path
) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with acme.Acme(api_key="key", url=served) as client:
        client.ping()
        counts = read_window(
            lambda: acme.source.read(client, *asked(FIRST, LAST)),
            {acme.ANSWERS: acme.source.typing("UTC")},
            FIRST,
            LAST,
            warehouse,
        )
        assert client.requests == 3
    days = counts[acme.ANSWERS]
    assert [day.day for day in days] == [FIRST, LAST]
    assert sum(day.fetched for day in days) == 150
    assert sum(day.outside_window for day in days) == 50
    assert [day.quarantined for day in days] == [0, 1]
    rows = warehouse.read_arrow(acme.ANSWERS)
    assert rows.num_rows == 99
    assert set(rows["extra"].to_pylist()) == {'{"campaign":"spring"}'}
    (bad,) = [
        record
        for path in quarantine_files(warehouse, acme.ANSWERS)
        for record in read_quarantine_file(warehouse, path).to_pylist()
    ]
    assert (bad["table"], bad["day"]) == ("acme.answers", LAST)
    assert "score" in bad["reason"]


def test_a_wrong_key_of_the_provider_of_the_page_says_which_variable_to_mend(
    acme: Any, served: str
) -> None:
    with (
        acme.Acme(api_key="wrong-and-secret", url=served) as client,
        pytest.raises(PermanentError, match="ACME_API_KEY") as caught,
    ):
        client.ping()
    assert "wrong-and-secret" not in str(caught.value)
    with pytest.raises(PermanentError, match="ACME_API_KEY"):
        acme.Acme(api_key=None)


def test_the_branch_of_the_page_has_the_columns_of_the_unified_table(acme: Any) -> None:
    branch = re.search(r"^```sql\n(.*?)^```", _text(ADDING), re.DOTALL | re.MULTILINE)
    assert branch
    row = {
        "id": "a1",
        "score": 9,
        "email": " Ana@Example.com",
        "answered_at": datetime.combine(FIRST, time(10), UTC),
    }
    held = pa.Table.from_pylist([row], schema=acme.ANSWERS.schema)
    held = held.append_column("day", pa.array([FIRST]))
    with connect(ArrowTables({"acme.answers": held}), [acme.ANSWERS]) as connection:
        days = {"first_day": FIRST, "last_day": LAST}
        rows = connection.sql(branch[1], params=days).to_arrow_table()
    table = find_table("unified.feedback")
    computed = {"feedback_id", "nps_class"}
    wanted = [column.name for column in table.columns if column.name not in computed]
    assert rows.column_names == ["day", *wanted]
    for column in table.columns:
        if column.name in wanted:
            rows[column.name].cast(column.type)
    assert rows["customer_email"].to_pylist() == ["ana@example.com"]


@pytest.mark.parametrize(
    ("path", "symbols"),
    [
        ("feedback_assets/providers/registry.py", ("REGISTRY", "Provider")),
        ("feedback_assets/tables/__init__.py", ("PROVIDER_TABLES",)),
        ("feedback_assets/ingest/sources.py", ("SOURCES", "Source", "_one")),
        ("feedback_assets/ingest/sources.py", ("_retargeting",)),
        ("feedback_assets/settings.py", ("Settings", "Url", "Rate")),
        ("feedback_assets/tables/unified.py", ("FEEDBACK",)),
    ],
)
def test_the_page_names_files_and_symbols_that_are_there(
    path: str, symbols: tuple[str, ...]
) -> None:
    assert f"`{path}`" in _text(ADDING)
    tree = ast.parse(_text(ROOT / path))
    there = {
        name.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    there |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for symbol in symbols:
        assert symbol in there, symbol
        assert re.search(rf"(?<!\w){symbol}(?!\w)", _text(ADDING)), symbol


def test_the_page_names_every_file_that_knows_the_providers_by_name() -> None:
    text = _text(ADDING)
    package = ROOT / "feedback_assets"
    # The clients and tables themselves, what they share, and the sandbox, which is one line.
    own = {"wicked_reports", "thanx", "fullwhere", "feedbackpulse", "retargeting"}
    for path in package.rglob("*.py"):
        inside = path.relative_to(package)
        if inside.parts[0] == "sandbox" or path.stem in own | {"__init__"}:
            continue
        literals = {
            node.value
            for node in ast.walk(ast.parse(_text(path)))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if len(literals & own) >= 3:
            assert f"`feedback_assets/{inside}`" in text, inside


# docs/start.md: tests/test_walk.py follows it.


def test_the_page_names_what_each_provider_needs() -> None:
    """The table of the page, and the lines that it has its reader write into ``.env``."""
    rows = re.findall(r"^\| \[[^\]]+\]\(providers\.md#([a-z-]+)\)", _text(START), re.MULTILINE)
    assert sorted(row.replace("-", "_") for row in rows) == sorted(PROVIDERS)
    written = re.findall(r"^([A-Z_]+)=", _text(START), re.MULTILINE)
    feedbackpulse = {name for name in written if name.startswith("FEEDBACKPULSE_")}
    assert feedbackpulse == {"FEEDBACKPULSE_URL", "FEEDBACKPULSE_API_KEY"}
