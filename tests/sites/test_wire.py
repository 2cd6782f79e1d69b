"""Messages as bytes: what comes back, and that nothing but `WireError` comes of damage."""

from __future__ import annotations

import json
import random
import struct
import tracemalloc
import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from pib_rl.agents.split.message import Message
from pib_rl.sites import wire
from pib_rl.sites.wire import WireError, pack, unpack


def message(samples: int = 20, seed: int = 0) -> Message:
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        "drive": 3 * torch.randn(samples, 4, generator=generator) + 1,
        "taps": torch.rand(2, samples, 3, generator=generator),
        "target": torch.full((samples, 2), 0.25),
        "own": torch.randn(samples, 2, generator=generator),
        "count": torch.arange(5),
        "broken": torch.tensor([True, False]),
    }
    return Message("measure", {"token": 3, "blocks": [1, 2], "read": "noisy", "classes": None}, tensors)


@pytest.mark.parametrize("bits", wire.CODES)
@pytest.mark.parametrize("deflate", [False, True])
def test_comes_back_within_half_a_step_of_a_code(bits, deflate):
    sent = message()
    got = unpack(pack(sent, bits, deflate))
    assert (got.kind, got.about, got.tensors.keys()) == (sent.kind, sent.about, sent.tensors.keys())
    for name, value in sent.tensors.items():
        if name in wire.CODED:
            step = (value.amax(-2, True) - value.amin(-2, True)) / (2**bits - 1)
            assert bool(((got.tensors[name] - value).abs() <= 0.5001 * step + 1e-6).all()), name
        else:
            assert torch.equal(got.tensors[name], value)


def test_a_column_without_spread_is_exact():
    assert torch.equal(unpack(pack(message())).tensors["target"], message().tensors["target"])


def test_codes_of_8_bits_take_a_quarter_of_the_room():
    large = Message("x", {}, {"drive": torch.randn(1000, 64)})
    assert len(pack(large, 8)) < 0.27 * len(pack(large._replace(tensors={"own": large.tensors["drive"]})))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
def test_deflated_codes_take_no_more_than_their_bits(bits):
    large = Message("x", {}, {"drive": torch.randn(1000, 64, generator=torch.Generator().manual_seed(0))})
    columns = 64 * 2 * 4  # bytes of lowest values and steps
    assert len(pack(large, bits, True)) - columns - 300 < 1000 * 64 * bits / 8


def test_deflating_makes_inputs_that_are_mostly_zeros_small():
    sparse = (torch.rand(256, 784, generator=torch.Generator().manual_seed(0)) > 0.9).to(torch.uint8)
    assert len(pack(Message("x", {}, {"own": sparse}), deflate=True)) < 0.25 * sparse.numel()


def test_a_handful_of_samples_travels_as_it_is():
    sent = message(wire.FEW - 1)
    assert torch.equal(unpack(pack(sent)).tensors["drive"], sent.tensors["drive"])


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_raise(content):
    for first in (b"", b"r", b"z"):
        with pytest.raises(WireError):
            unpack(first + content)


@pytest.mark.parametrize("deflate", [False, True])
def test_damage_gives_a_message_or_one_error(deflate):
    draw, whole = random.Random(0), pack(message(), 8, deflate)
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        if draw.random() < 0.3:
            content = content[: draw.randrange(len(content))]
        try:
            unpack(bytes(content))
        except WireError:
            refused += 1
    assert refused > 100


def raw(header: dict | None, body: bytes = b"", text: bytes | None = None) -> bytes:
    text = json.dumps(header).encode() if text is None else text
    return b"r" + struct.pack("<Q", len(text)) + text + body


ABOUT = {"kind": "x", "about": "{}"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "do not begin"),
        (b"q123", "do not begin"),
        (b"r\x00", "cut off"),
        (b"r" + struct.pack("<Q", 2**60) + b"{}", "header is too long"),
        (b"r" + struct.pack("<Q", 2**62) + b" " * 2**19, "header is too long"),
        (raw(None, text=b"[" * 100_000), "header is damaged"),
        (raw(None, text=b"{}"), "header is damaged"),
        (raw({"__metadata__": {"kind": "x"}}), "header is damaged"),
        (raw({"__metadata__": {"kind": "x", "about": "[1]"}}), "does not say"),
        (raw({"__metadata__": {"kind": "x", "about": "{"}}), "header is damaged"),
        (raw({"__metadata__": {"kind": "x", "about": json.dumps({"a": "b" * 70_000})}}), "plain data of"),
        (raw({"__metadata__": {"kind": "x", "about": '{"a":' + "[" * 200 + "]" * 200 + "}"}}), "header is damaged"),
        (
            raw({"__metadata__": ABOUT, "h": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}, b"abcd"),
            "damaged",
        ),
        (
            raw({"__metadata__": ABOUT, "h": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"abcd"),
            "damaged",
        ),
        (b"z" + zlib.compress(b"123")[:-2], "cut off"),
        (b"zabc", "damaged"),
        (b"r" + save({"x": torch.zeros(1, 1, 1, 1, 1, 1)}, ABOUT), "does not travel"),
        (b"r" + save({"x": torch.zeros(2, dtype=torch.complex64)}, ABOUT), "does not travel"),
        (b"r" + save({"x": torch.tensor([1.0, float("nan")])}, ABOUT), "not finite"),
        (b"r" + save({"x": torch.tensor([float("inf")])}, ABOUT), "not finite"),
        (b"r" + save({"drive#codes": torch.zeros(3, 2, dtype=torch.uint8)}, ABOUT), "do not fit"),
        (
            b"r"
            + save(
                {
                    "drive#codes": torch.zeros(3, 2, dtype=torch.uint8),
                    "drive#low": torch.zeros(7),
                    "drive#step": torch.zeros(7),
                },
                ABOUT,
            ),
            "do not fit",
        ),
    ],
)
def test_what_is_no_message_is_refused_in_one_line(content, said):
    with pytest.raises(WireError, match=said) as refused:
        unpack(content)
    assert "\n" not in str(refused.value)


def test_codes_that_overflow_are_refused():
    tensors = {
        "drive#codes": torch.full((3, 2), 255, dtype=torch.uint8),
        "drive#low": torch.zeros(1, 2),
        "drive#step": torch.full((1, 2), 3e38),
    }
    with pytest.raises(WireError, match="not finite"):
        unpack(b"r" + save(tensors, ABOUT))


def test_codes_that_grow_by_their_steps_are_refused():
    tensors = {
        "drive#codes": torch.zeros(1, 1, dtype=torch.uint8),
        "drive#low": torch.zeros(4096, 1),
        "drive#step": torch.zeros(1, 4096),
    }
    with pytest.raises(WireError, match="do not fit"):
        unpack(b"r" + save(tensors, ABOUT))


def test_a_bomb_stays_small(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST", 2**20)
    bomb = b"z" + zlib.compress(bytes(2**26), 9)
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="more than"):
            unpack(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_more_than_the_most_is_refused(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST", 100)
    with pytest.raises(WireError, match="the most is 100"):
        unpack(pack(message()))


def test_nothing_of_a_message_runs(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    for content in (pickle.dumps(Evil()), b"r" + pickle.dumps(Evil()), b"z" + zlib.compress(pickle.dumps(Evil()))):
        with pytest.raises(WireError):
            unpack(content)
    assert not (tmp_path / "made").exists()
