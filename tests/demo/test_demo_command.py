"""`pib-rl demo`: a film and a page in one folder, and no browser where none is wanted."""

from __future__ import annotations

import webbrowser

import pytest
from one_line import stops

from pib_rl import demo
from pib_rl.demo import acts

pytestmark = pytest.mark.usefixtures("few_steps")


@pytest.fixture
def short(monkeypatch):
    for name, value in (("PLAYED", 40), ("BREAKS", 10), ("LEARNS", 15), ("EPISODES", 2)):
        monkeypatch.setattr(acts, name, value)


@pytest.fixture
def opened(monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(webbrowser, "open", seen.append)
    return seen


def test_it_makes_a_film_and_a_page_and_is_not_repeated(short, opened, tmp_path, monkeypatch, capsys):
    out = tmp_path / "demo"
    wanted = ["--out", str(out), "--timesteps", "2048", "--no-progress"]
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    demo.main(wanted)
    assert (out / "recovery.gif").read_bytes().startswith(b"GIF8")
    page = (out / "report.html").read_text()
    assert "frozen, learned on" in page
    assert all(f'src="{name}"' in page for name in ("recovery.gif", "broken/adapt.png", "trained/learning_curve.png"))
    assert opened == []  # there is no display
    first = capsys.readouterr().out
    assert f"page: {out / 'report.html'}" in first
    monkeypatch.setenv("DISPLAY", ":99")
    demo.main([*wanted, "--no-open"])
    assert opened == []
    (out / "broken" / "result.json").unlink()
    demo.main(wanted)  # goes on, and opens the page
    assert opened == [(out / "report.html").as_uri()]
    assert "holds this run already, finished" in capsys.readouterr().out


def test_a_folder_of_something_else_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "thesis.tex").write_text("mine")
    said = stops(demo, ["--out", str(tmp_path)], monkeypatch, capsys)
    assert "holds something else than a demonstration; choose another folder" in said
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]
