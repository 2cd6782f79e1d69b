"""Targets of fuzzing: sound inputs are used, broken ones end in one line; with -m slow they are fuzzed for a moment."""

from __future__ import annotations

import io
import json
import random
import zipfile

import fuzz
import pytest
from fuzz_inputs import STRANGE, apart, changed, changed_json, is_ours, together

from pib_rl.common import stored

DEEP = 20_000
NESTED = [b"[" * DEEP, b'{"a":' * DEEP, b"a: {b: [" * DEEP, b"- " * DEEP, b"\0" * 1000, b"\xff\xfe\xff", b"", b" "]
HUGE = [(2**63).to_bytes(8, "little"), (2**40).to_bytes(8, "little") + b"{}", b"\x02\0\0\0\0\0\0\0{}"]


def zipped(kind=zipfile.ZIP_STORED, **parts):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", kind) as archive:
        for name, part in parts.items():
            archive.writestr(name.replace("_", "."), part)
    return whole.getvalue()


def linked():
    """A zip whose data.json is a link to a file of the system."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name in ("data.json", "state.safetensors"):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
    return whole.getvalue()


def array(shape, kind="<f8"):
    """An .npy file that claims a shape, and holds nothing."""
    text = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text


BOMB = zipped(zipfile.ZIP_DEFLATED, data_json=b"0" * 10**7, state_safetensors=b"0" * 10**7)
FILES = [b"r" + one for one in (*NESTED, *HUGE)] + [b"s" + one for one in NESTED]
EXTRA = {
    "agent": [b"r" + BOMB, b"r" + linked(), b"r" + zipped(data=b"x"), b"r" + zipped(data_json=b"[" * DEEP)],
    "run-folder": [b"r" + b"env: CartPole-v1\nhw: digital\nwidth: 1000000000\n", b"r1: 2\n", b"rmode: zz\n"],
    "data": [
        *(b"c" + one for one in (*NESTED, b"1,2\n1,nan\n", b"1,1e400\n2,3\n", b'"' * 1000, b"a" * 10**6)),
        *(b"n" + one for one in (*NESTED, BOMB, linked(), zipped(x_train_npy=array((2**40, 2**20))))),
        b"n" + zipped(x_train_npy=array((3,), "|O"), y_train_npy=array((3,))),
        b"n" + zipped(x_train_npy=array((-3, 2))),
        b"n" + zipped(x_train_npy=b"\x93NUMPY\x01\0\xff\xff" + b"(" * 5000),
    ],
    "settings": [*NESTED, b"a: &a [1]\n" + b"b: [*a, *a]\n", b"1: 2", b"x: !!python/object/apply:os.system [ls]"],
    "faults": [
        b"stuck",
        b"stuck:nan",
        b"stuck:1e400",
        b"adc-bits:4..5",
        b"\xff:1",
        b"stuck:0.5@" + b"9" * 5000,
        b":@..",
    ],
    "replies": [b"nan,1,2,3", b"1e999,1,2,3", b",,,", b"1" * 10**5, b"\xff", b"0x1,2,3,4", b"1,2,3,4\n\0\nERR"],
    "environments": [b":", b"a:b:c", b"/", b"", b"this:X-v0", b"\xff\0", b"CartPole-v" + b"9" * 5000, b"../x-v0"],
}
CASES = [(name, one) for name in fuzz.NAMES[:5] for one in FILES if name != "run-folder" or one[:1] == b"r"]
CASES += [(name, one) for name, several in EXTRA.items() for one in several]


@pytest.fixture(scope="module")
def targets():
    made = {name: fuzz.find(name) for name in fuzz.NAMES}
    yield made
    for one in made.values():
        one.close()


@pytest.mark.parametrize("name", fuzz.NAMES)
def test_sound_inputs_pass(name, targets):
    for content in targets[name].sound:
        assert fuzz.attempt(targets[name], content) is None
    targets[name].use(targets[name].sound[0])  # and are used, not refused


# by number: archives hold the time at which they were made, and all processes of a run must name a test alike
@pytest.mark.parametrize(("name", "content"), CASES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(CASES)])
def test_broken_inputs_end_in_one_line(name, content, targets):
    error = fuzz.attempt(targets[name], content)
    assert error is None, repr(error)


@pytest.mark.parametrize("name", fuzz.NAMES[:5])
def test_changes_get_through_checksums(name, targets):
    (sound,) = (seed for seed in targets[name].sound if seed[:1] == b"s")
    for seed in range(10):
        content = b"s" + changed_json(sound[1:], random.Random(seed))
        assert content != sound
        error = fuzz.attempt(targets[name], content)
        assert error is None, repr(error)


def test_parts_make_the_file_that_they_were():
    content = stored.pack({}, "policy", {"a": [1]})
    assert stored.unpack(together(apart(content)), "policy", "file").about == {"a": [1]}
    assert stored.unpack(together(apart(content), a="b"), "policy", "file").about == {"a": "b"}
    other = json.loads(apart(content).partition(b"\n\0\n")[0])
    other["__metadata__"]["about"] = {"c": 1}
    assert stored.unpack(together(json.dumps(other).encode() + b"\n\0\n"), "policy", "file").about == {"c": 1}


def test_changes_come_from_their_seed():
    plain = {"a": [1, 2, {"b": "c"}], "d": None}
    assert changed(plain, random.Random(3)) == changed(plain, random.Random(3))
    assert len({repr(changed(plain, random.Random(seed))) for seed in range(50)}) > 20
    assert plain == {"a": [1, 2, {"b": "c"}], "d": None}
    json.dumps(STRANGE)


class Raising:
    def __init__(self, error):
        self.error = error

    def use(self, content):
        raise self.error


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("from elsewhere"), SystemExit(1), MemoryError()])
def test_errors_that_are_not_ours_are_faults(error):
    assert fuzz.attempt(Raising(error), b"") is error


def test_our_errors_are_one_line():
    with pytest.raises(ValueError, match="no safetensors") as refusal:
        stored.unpack(b"", "policy", "file")
    assert is_ours(refusal.value)
    with pytest.raises(ValueError, match="no safetensors") as refusal:
        stored.unpack(b"", "policy", "two\nlines")
    assert not is_ours(refusal.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz.NAMES)
def test_fuzzing_finds_nothing(name, tmp_path):
    pytest.importorskip("atheris")
    count, faults = fuzz.fuzz(name, 45, tmp_path)
    assert count > 10
    assert not faults, "\n".join(path.read_text() for path in tmp_path.glob("*.txt"))
