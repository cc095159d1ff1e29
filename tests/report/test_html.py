"""The report: one file that needs nothing else, escapes names, and is never half written."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.efforts import SMALL_CLASS, TINY
from theorycheck import files
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import Decoder, GenerativeModel, load_model
from theorycheck.optimum._settings import SearchSettings
from theorycheck.report import _html as html
from theorycheck.report._analysis import ModelAnalysis, ReportSearch
from theorycheck.report._figures import ReportFigure
from theorycheck.report._html import write_report
from theorycheck.report._numbers import shown

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}"

#: Numbers in the JSON that are inputs, counts or coordinates, and have no error.
EXACT = {
    "latents",
    "eta",
    "witness_eta",
    "noise_variance",
    "true",
    "x",
    "q",
    "mean",
    "scale",
    "data_dim",
    "posterior_modes",
    "local_minima",
    "tolerance",
    "pmo_tolerance",
    "seconds",
    # Of the search: its own nodes' J, a guide without a radius, and what it was told.
    "excess",
    "refined",
    "evaluations",
    "ground_truth_ascent",
    "search_gain",
    "found",
    "hops",
    "displacement",
    "gradient_norm",
    "q_gap",
    "node_excess",
    "largest_slope",
    "seed",
    "samples",
    "share",
    "draws",
    "mode_mass",
    "mode_prominence",
    # Of the test of an image law.
    "frequencies",
    # Widths and bounds that say how far the numbers reach.
    "verified_width",
    "resolution",
}
SEARCH = ReportSearch(SearchSettings(effort=TINY, seed=3), "tiny", surveyed=SMALL_CLASS)


class Page(HTMLParser):
    """Collect what a browser would load, and the tags that are left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def hostile() -> GenerativeModel:
    decoder = Decoder.from_function(lambda z: z, name=HOSTILE)
    return GenerativeModel(decoder, 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "new" / "folder"
    models = [
        load_model("expr:[z**2]", noise_variance=0.1),
        load_model("expr:2*z", noise_variance=0.5),
        load_model("expr:[z, z**2, 1]", noise_variance=0.3),
        hostile(),
    ]
    alternatives = {models[0].name: [load_model("expr:[exp(0.5*z)]", noise_variance=0.1)]}
    done = write_report(models, path, alternatives=alternatives, eta=[0.05, 0.2], tolerance=1e-2)
    assert done == path / "report.html"
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def numbers(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return loaded


def test_self_contained(page: str) -> None:
    parsed = Page(page)
    assert not parsed.open
    assert parsed.tags.count("img") == 5 * 4 + 1
    for address in parsed.addresses:
        assert re.match(r"data:image/(png|svg\+xml);base64,|#", address), address[:80]
    assert "script" not in parsed.tags
    assert "link" not in parsed.tags
    assert not re.search(r"url\(|@import", page)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("searched")
    models = [
        load_model("expr:abs(z)", noise_variance=0.05),
        load_model("expr:tanh(2*z)", noise_variance=0.5),
        hostile(),
    ]
    write_report(models, path, tolerance=1e-2, search=SEARCH)
    return path


def test_the_optimum_stands_beside_the_ground_truth(searched: Path) -> None:
    page = (searched / "report.html").read_text(encoding="utf-8")
    found = json.loads((searched / "report.json").read_text(encoding="utf-8"))
    text = re.sub(r"<[^>]*>", "", page)
    assert not Page(page).open
    assert "<script" not in page
    assert text.count("The predicted optimum: what training should reach") == 3
    assert text.count("densest 10 %") == 3
    assert "tiny, seed 3" in text
    folded = found["models"][0]["optimum"]
    for key in ("excess", "mleo", "pmo"):
        assert shown(Estimate(**folded[key]), 6) in text
    gain = Estimate(**folded["gain"])
    assert gain.lower > 0.1
    assert "The ELBO prefers another decoder" in text
    # What was found is an alternative for condition (1) too.
    names = [a["name"] for a in found["models"][0]["conditions"]["condition_1"]["alternatives"]]
    assert names[-1].startswith("optimum of")
    assert folded["search"] == "tiny"
    assert len(folded["starts"]) == 2
    assert 0.0 < folded["total_variation"]["value"] < 1.0
    assert found["settings"]["search"] == "tiny"
    assert found["settings"]["seed"] == 3
    # A line has nothing to gain: the headline does not claim so.
    assert found["models"][2]["optimum"]["gain"]["value"] <= 1e-3
    for path, value in _numbers(found):
        if path[-1] == "error":
            assert value >= 0.0
        elif path[-1] not in EXACT and path[-2] != "q":
            assert path[-1] == "value", path


def test_without_a_search_nothing_is_said_of_it(page: str, numbers: dict[str, Any]) -> None:
    assert "predicted optimum: what" not in page
    assert "J, predicted optimum" not in page
    assert all(model["optimum"] is None for model in numbers["models"])
    assert numbers["settings"]["search"] == "none"


def test_hostile_names_are_escaped(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page


def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page


def _numbers(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [found for key in value for found in _numbers(value[key], (*path, key))]
    if isinstance(value, list):
        return [found for entry in value for found in _numbers(entry, path)]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return [(path, value)] if is_number else []


def test_every_number_has_its_error(numbers: dict[str, Any]) -> None:
    found = _numbers(numbers)
    assert len(found) > 100
    for path, value in found:
        if path[-1] == "error":
            assert value >= 0.0
            continue
        if path[-1] in EXACT or (len(path) > 1 and path[-2] == "q"):
            continue
        assert path[-1] == "value", path
    assert _pairs(numbers) > 100


def _pairs(value: Any) -> int:
    """Count the estimates; each must have both of its keys."""
    if isinstance(value, list):
        return sum(_pairs(entry) for entry in value)
    if not isinstance(value, dict):
        return 0
    if "value" in value or "error" in value:
        assert set(value) == {"value", "error", "kind"}
        return 1
    return sum(_pairs(entry) for entry in value.values())


def test_numbers_of_the_page_are_those_of_the_json(page: str, numbers: dict[str, Any]) -> None:
    text = re.sub(r"<[^>]*>", "", page)
    for model in numbers["models"]:
        pmo = Estimate(**model["decomposition"]["pmo"])
        assert shown(pmo) in text
        assert [part["eta"] for part in model["decomposition"]["eta_partition"]] == [0.05, 0.2]
    assert set(numbers["versions"]) == {"theorycheck", "python", "numpy", "scipy", "numba"}


def test_every_verdict_shows_what_it_rests_on(page: str, numbers: dict[str, Any]) -> None:
    badges = re.findall(r'<span class="badge \w+">([^<]*)</span>', page)
    kinds = [badge.partition(", ")[2] for badge in badges if badge != "? not tried"]
    # Averages over the data of the third model, D = 3, are of draws. Condition (2) of the first
    # rests on nothing: no decoder with MLEO = 0 was looked at besides the ground truth.
    assert set(kinds) == {"estimated", "statistical", ""}
    assert kinds.count("") == 1
    assert len(kinds) > 20
    conditions = [model["conditions"] for model in numbers["models"]]
    for name in ("stationarity", "joint", "condition_2_repaired"):
        rests = [one[name]["rests_on"] for one in conditions]
        assert rests == ["estimated", "estimated", "statistical", "estimated"]


def test_what_is_open_is_visible(page: str) -> None:
    # The linear model has PMO = 0 within its error: its premise is not decided.
    assert "? inconclusive" in page
    assert "unresolved" in page


def test_an_exception_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model("expr:2*z", noise_variance=0.5)
    for name in ("report.html", "report.json"):
        (tmp_path / name).write_text("old")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(html, "figures_of", fails)
        with pytest.raises(OSError):
            write_report([model], tmp_path, tolerance=1e-2)
    with monkeypatch.context() as patch:
        patch.setattr(html, "figures_of", lambda _: ())
        patch.setattr(files.os, "replace", fails)
        with pytest.raises(SettingError, match="No space left"):
            write_report([model], tmp_path, tolerance=1e-2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    assert {path.read_text() for path in tmp_path.iterdir()} == {"old"}


def test_the_report_can_be_read_while_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [load_model(f"expr:{k}*z", noise_variance=0.5) for k in (2, 3, 4)]
    (tmp_path / "report.html").write_text("old")
    seen: list[str] = []

    def figures(analysis: ModelAnalysis) -> tuple[ReportFigure, ...]:
        growing = tmp_path / html.GROWING_NAME
        seen.append(growing.read_text("utf-8") if growing.exists() else "")
        assert (tmp_path / "report.html").read_text() == "old"
        if fail and analysis.model.name == "4*z":
            raise KeyboardInterrupt
        return ()

    monkeypatch.setattr(html, "figures_of", figures)
    fail = True
    with pytest.raises(KeyboardInterrupt):
        write_report(models, tmp_path, tolerance=1e-2)
    assert seen[0] == ""
    assert "Not complete: 3*z, 4*z still to come" in seen[1]
    assert "Not complete: 4*z still to come" in seen[2]
    assert '<h2 id="model-2">3*z</h2>' in seen[2]
    # What was done before Ctrl-C can be read, and the older report is whole.
    assert (tmp_path / html.GROWING_NAME).read_text("utf-8") == seen[2]
    assert (tmp_path / "report.html").read_text() == "old"
    fail = False
    write_report(models, tmp_path, tolerance=1e-2)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Not complete" not in page
    assert "refresh" not in page
    assert not (tmp_path / html.GROWING_NAME).exists()


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    model = load_model("expr:2*z", noise_variance=0.5)
    with pytest.raises(SettingError, match="at least one model"):
        write_report([], tmp_path)
    with pytest.raises(SettingError, match="not in the report"):
        write_report([model], tmp_path, alternatives={"other": [model]})
    with pytest.raises(SettingError, match="eta must be positive"):
        write_report([model], tmp_path, eta=[-1.0], tolerance=1e-2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("estimate", "places", "text"),
    [
        (Estimate(0.0, 0.0), None, "0 (exact)"),
        (Estimate(0.101823456, 1.04e-6), None, "0.1018235 ± 1.1e-06"),
        (Estimate(0.101823456, 1e-12), 6, "0.101823 ± 4.6e-07"),
        (Estimate(-1e-15, 4e-13), None, "0.00000000000000 ± 4.1e-13"),
        (Estimate(-1.5, 0.25), None, "−1.50 ± 2.5e-01"),
        (Estimate(0.0, np.inf), None, "unresolved"),
        (Estimate(0.25, np.inf), None, "≈ 0.25, unresolved"),
    ],
)
def test_shown(estimate: Estimate, places: int | None, text: str) -> None:
    assert shown(estimate, places) == text


def test_a_shown_interval_holds_the_true_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        estimate = Estimate(float(rng.normal()), float(10.0 ** rng.uniform(-14, 0)))
        for places in (None, 3, 6):
            value, radius = (float(p) for p in shown(estimate, places).replace("−", "-").split("±"))
            slack = 1e-15
            assert value - radius <= estimate.lower + slack
            assert value + radius >= estimate.upper - slack
