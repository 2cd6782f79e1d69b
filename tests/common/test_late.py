"""What is imported when it is first asked for."""

from __future__ import annotations

import sys

import pytest

import pib_rl.agents
import pib_rl.envs
import pib_rl.physical
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.objectives import OBJECTIVES
from pib_rl.common.late.attributes import late_attributes
from pib_rl.common.late.catalogue import Catalogue
from pib_rl.physical.registry import BUILT_IN

SHOP = "late_shop"


@pytest.fixture
def shop(monkeypatch, tmp_path):
    """A module that nobody has imported, with a class in it."""
    (tmp_path / f"{SHOP}.py").write_text("class Cup: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield SHOP
    sys.modules.pop(SHOP, None)


def test_a_catalogue_imports_a_class_when_it_is_asked_for(shop):
    cups = Catalogue({"cup": f"{shop}:Cup", "lost": "no_such_module:Lost"})
    assert (list(cups), len(cups), "cup" in cups, "bowl" in cups) == (["cup", "lost"], 2, True, False)
    assert shop not in sys.modules
    assert cups["cup"] is sys.modules[shop].Cup is cups["cup"]
    assert cups.get("bowl") is None
    with pytest.raises(KeyError):
        cups["bowl"]


def test_attributes_are_imported_when_they_are_asked_for(shop):
    find = late_attributes("house", {"Cup": shop})
    assert shop not in sys.modules
    assert find("Cup") is sys.modules[shop].Cup
    with pytest.raises(AttributeError, match="module 'house' has no attribute 'Bowl'"):
        find("Bowl")


@pytest.mark.parametrize("package", [pib_rl.agents, pib_rl.envs, pib_rl.physical, pib_rl.agents.objectives])
def test_all_that_a_package_promises_is_there(package):
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError):
        package.nothing  # noqa: B018 -- the access is the test


@pytest.mark.parametrize("known", [LEARNERS, OBJECTIVES, BUILT_IN])
def test_all_that_a_registry_names_is_there(known):
    for kind in known.values():
        assert isinstance(kind, type)


def test_substrates_stand_under_their_own_names():
    assert {name: kind.name for name, kind in BUILT_IN.items()} == {name: name for name in BUILT_IN}
