"""`pib-rl certify`: what keeps the contract passes, each way to break it is seen, and what it leaves behind."""

from __future__ import annotations

import pytest
import yaml
from broken_substrates import BROKEN
from chips import KINDS
from lab_chip import lab_chip
from one_line import stops

from pib_rl import certify as command
from pib_rl.certify.run import CHECKS, certify
from pib_rl.common.streams import Streams
from pib_rl.physical import Digital, registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Substrate

NAMES = [check.name for check in CHECKS]


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))


def verdicts(hw, options=None, seed=0, size=6):
    found, _ = certify(lambda own: registry.make(hw, options or {}, Streams(own), Meter()), seed, size)
    return {check.name: verdict for check, verdict in found}


def failed(found) -> dict[str, str]:
    return {name: verdict.measured for name, verdict in found.items() if verdict.passed is False}


@pytest.mark.parametrize("kind", ["digital", "memristive", "multiplier", "mzi", "oscillator", "mirrors", "worn_bench"])
def test_hardware_of_this_package_passes(kind):
    found = verdicts(*KINDS[kind], size=8)
    assert failed(found) == {}
    assert list(found) == NAMES
    assert found["lost session"].passed is None


@pytest.mark.parametrize("hw", ["memristive:reram-hfo2", "memristive:idealised", "optical:noisy-camera"])
def test_presets_pass(hw):
    assert failed(verdicts(hw, seed=1, size=16)) == {}


@pytest.mark.parametrize("name", BROKEN)
def test_each_way_to_break_the_contract_is_seen(name):
    kind, check = BROKEN[name]
    registry.register(kind)
    assert check in failed(verdicts("broken"))


def test_an_error_of_the_hardware_is_told():
    registry.register(BROKEN["crash"][0])
    assert failed(verdicts("broken"))["shapes"] == "KeyError: 'driver'"


def test_a_remote_chip_passes_and_gets_its_weights_back():
    with lab_chip() as lab:
        lab.noise = 0.01
        found = verdicts("remote", lab.options, size=4)
        assert failed(found) == {}
        assert found["lost session"].passed
        assert lab.connections > 1


def test_a_remote_chip_that_loses_its_weights_is_seen(monkeypatch):
    from pib_rl.physical.remote.substrate import RemoteArray, RemoteMedium

    with lab_chip() as lab:
        monkeypatch.setattr(RemoteMedium, "drop_session", lambda self: None)
        monkeypatch.setattr(RemoteArray, "drop_session", lambda self: lab.weights[self.channel.number].fill(0.0))
        found = verdicts("remote", lab.options, size=4)
        assert set(failed(found)) == {"lost session"}


def test_the_report_holds_all_checks_and_the_code_says_whether_they_passed(tmp_path, capsys):
    out = tmp_path / "certificate"
    command.main(["--hw", "memristive", "--size", "6", "--out", str(out)])
    said = capsys.readouterr().out
    assert "the contract holds" in said
    content = yaml.safe_load((out / "certificate.yaml").read_text())
    assert content["passed"] is True
    assert [check["name"] for check in content["checks"]] == NAMES
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    report = (out / "report.md").read_text()
    assert all(f"| {name} |" in report for name in NAMES)

    registry.register(BROKEN["wrong shape"][0])
    with pytest.raises(SystemExit) as stop:
        command.main(["--hw", "broken", "--size", "6", "--out", str(tmp_path / "other")])
    assert stop.value.code == 1
    assert "checks failed" in capsys.readouterr().out
    assert yaml.safe_load((tmp_path / "other" / "certificate.yaml").read_text())["passed"] is False


def test_substrates_of_other_modules_are_imported(capsys):
    command.main(["--hw", "my-imported-chip", "--import", "my_chip_module", "--size", "4"])
    assert "the contract holds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hw", "optcal"], "unknown substrate 'optcal'; did you mean optical?"),
        (["--hw", "optical,digital"], "--hw must be one substrate"),
        (["--hw", "digital", "--size", "1"], "--size must be in 2..256, got 1"),
        (["--hw", "memristive", "--hw-options", "stuck=2"], "stuck is a fraction"),
        (["--hw", "digital", "--import", "no_such_module"], "--import no_such_module: ModuleNotFoundError"),
        (
            ["--hw", "remote", "--hw-options", "resource=TCPIP::127.0.0.1::1::SOCKET", "timeout_s=0.2"],
            "check the address",
        ),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    out = tmp_path / "new"
    assert message in stops(command, [*arguments, "--out", str(out)], monkeypatch, capsys)
    assert not out.exists()


@pytest.mark.parametrize("own", [{}, {"Config": None}, {"Config": int}])
def test_a_substrate_without_options_is_one_line(own, monkeypatch, capsys):
    registry.register(type("Bare", (Substrate,), {"name": "bare", **own}))
    said = stops(command, ["--hw", "bare", "--size", "4"], monkeypatch, capsys)
    assert "substrate bare needs the dataclass of its options as class attribute Config, got" in said


def test_a_substrate_that_can_not_be_made_is_one_line(monkeypatch, capsys):
    def fail(self, *_):
        raise KeyError("driver")

    registry.register(type("Broken", (Digital,), {"name": "unmade", "__init__": fail}))
    said = stops(command, ["--hw", "unmade", "--size", "4"], monkeypatch, capsys)
    assert "--hw unmade can't be made: KeyError: 'driver'; mend the substrate" in said


def test_a_folder_that_is_there_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    said = stops(command, ["--hw", "digital", "--out", str(tmp_path)], monkeypatch, capsys)
    assert "is there already; choose a new folder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
