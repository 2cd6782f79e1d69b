"""Nothing of a test stays open: a context that is collected with open sockets blocks whichever thread collects it."""

import pytest

zmq = pytest.importorskip("zmq")
pytest.importorskip("zmq.asyncio")  # it derives from the class that the fixture replaces: before that


@pytest.fixture(autouse=True)
def contexts_are_closed(monkeypatch):
    made = []
    kind = zmq.Context

    def make(*arguments, **options):
        made.append(kind(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(zmq, "Context", make)
    yield
    assert [one for one in made if not one.closed] == []
