"""Files of tensors: what comes back, and that nothing of a broken one does."""

from __future__ import annotations

import errno
import json
import os

import pytest
import torch
from safetensors.torch import save

from pib_rl import __version__
from pib_rl.common import stored
from pib_rl.common.atomic import write_atomically
from pib_rl.common.stored import checksum, pack, read, unpack, write

TENSORS = {
    "weights": torch.arange(6, dtype=torch.float32).view(2, 3),
    "count": torch.tensor(7.0, dtype=torch.float64),
    "order": torch.arange(3),
    "bits": torch.tensor([1, 255], dtype=torch.uint8),
    "yes": torch.tensor([True, False]),
    "none": torch.zeros(0, 4),
}
ABOUT = {"steps": 12, "names": ["a", "ä"], "deep": {"x": None}}


def header(**changes):
    known = {"format": "policy", "format_version": "1", "written_by": "9.9", "about": "{}"}
    return {name: value for name, value in (known | changes).items() if value is not None}


def forged(tensors=TENSORS, **changes):
    """A file with a right checksum, as someone makes it who knows the format."""
    found = header(**changes)
    return save(tensors, {"checksum": checksum(tensors, found)} | found)


def test_all_comes_back_to_the_last_bit(tmp_path):
    write(tmp_path / "file", TENSORS, "policy", ABOUT)
    tensors, about = read(tmp_path / "file", "policy")
    assert about == ABOUT
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_same_content_makes_the_same_file():
    assert len({pack(TENSORS, "policy", ABOUT) for _ in range(20)}) == 1


def test_parts_of_one_tensor_and_transposed_ones_are_written_as_they_look():
    whole = torch.arange(12.0).view(3, 4)
    tensors = unpack(pack({"a": whole[:, 1], "b": whole.T, "c": whole}, "policy"), "policy", "file").tensors
    assert torch.equal(tensors["a"], whole[:, 1])
    assert torch.equal(tensors["b"], whole.T)


@pytest.mark.parametrize("kind", [torch.float16, torch.int32, torch.float8_e4m3fn, torch.complex64])
def test_what_a_file_cannot_hold_is_not_written(kind):
    with pytest.raises(TypeError, match=r"tensor x has the type torch\..*convert it"):
        pack({"x": torch.zeros(2).to(kind)}, "policy")
    with pytest.raises(ValueError, match="file: tensor x has the type"):
        unpack(save({"x": torch.zeros(2).to(kind)}, {"checksum": "", **header()}), "policy", "file")


@pytest.mark.parametrize("at", [3, 20, 60, 200, -1, -30])
def test_every_flipped_byte_is_noticed(at):
    content = bytearray(pack(TENSORS, "policy", ABOUT))
    content[at] ^= 1
    with pytest.raises(ValueError, match=r"^file") as caught:
        unpack(bytes(content), "policy", "file")
    assert "\n" not in str(caught.value)


def test_no_flipped_byte_goes_unnoticed():
    content = pack({"x": torch.ones(3), "y": torch.zeros(2, dtype=torch.bool)}, "policy", {"a": 1})
    for at in range(len(content)):
        changed = content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]
        try:
            tensors, about = unpack(changed, "policy", "file")
        except ValueError:
            continue
        assert torch.equal(tensors["x"], torch.ones(3))  # blanks and the like between the header's entries
        assert not tensors["y"].any()
        assert about == {"a": 1}


@pytest.mark.parametrize("length", [0, 4, 8, 9, 100, 400, -1])
def test_half_a_file_is_refused(length):
    with pytest.raises(ValueError, match=r"^file cannot be read"):
        unpack(pack(TENSORS, "policy")[:length], "policy", "file")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (save(TENSORS), r"no header of pib-rl \(format 1, since 0.1.0\): a development version before it"),
        (forged(format_version="2"), f"format version 2, and pib-rl {__version__} reads 1; it takes pib-rl 9.9, which"),
        (forged(format_version="x"), "format version x"),
        (forged(format="agent"), "expected the format 'policy', got 'agent'"),
        (forged(checksum="0"), "checksum differs"),
        (forged(about="[" * 20_000), "is not JSON"),
        (forged(about="[1]"), "must be names and values"),
        (forged({"x": torch.tensor([[0.0, 1.0], [float("nan"), 0.0]])}), r"x\[1, 0\] is nan, and must be a finite"),
        (forged({"x": torch.tensor(float("-inf"), dtype=torch.float64)}), "x is -inf"),
        (b"\xff" * 8 + b"{}", "cut short"),
        ((40_000).to_bytes(8, "little") + b"[" * 40_000, "damaged"),
        ((2).to_bytes(8, "little") + b"[]", "damaged"),
        ((20).to_bytes(8, "little") + b'{"__metadata__":[1]}', "no texts"),
        (b"PK\x03\x04" + b"0" * 100, "no safetensors"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(content, words, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read(tmp_path / "file", "policy")
    assert str(caught.value).startswith(str(tmp_path / "file"))
    assert "\n" not in str(caught.value)


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing():
    entry = {
        "x": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]},
        "__metadata__": header(checksum=""),
    }
    text = json.dumps(entry).encode()
    with pytest.raises(ValueError, match=r"^file cannot be read"):
        unpack(len(text).to_bytes(8, "little") + text + b"1234", "policy", "file")


def test_old_formats_say_what_reads_them(monkeypatch):
    monkeypatch.setattr(stored, "FORMAT_VERSION", 2)
    monkeypatch.setitem(stored.READERS, 1, "0.1.x")
    with pytest.raises(ValueError, match=r"format version 1, .* reads 2; it takes pib-rl 0\.1\.x$"):
        unpack(forged(), "policy", "file")


def test_folders_and_files_too_large_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="there is no such file"):
        read(tmp_path, "policy")
    write(tmp_path / "file", TENSORS, "policy")
    monkeypatch.setattr(stored, "LARGEST_FILE", 100)
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        read(tmp_path / "file", "policy")


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_a_full_disk_names_the_file_and_leaves_the_old_one(call, tmp_path, monkeypatch):
    path = tmp_path / "file"
    write(path, TENSORS, "policy")
    before = path.read_bytes()

    def fail(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write(path, {"x": torch.zeros(3)}, "policy")
    monkeypatch.undo()
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named_by_the_file(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "no" / "file", b"")
    assert caught.value.filename == str(tmp_path / "no" / "file")
