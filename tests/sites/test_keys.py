"""pib-rl keys: files of the right kind for the right people, never overwritten, never shown; and reading them back."""

from __future__ import annotations

import os
import stat
import sys

import pytest
import yaml
import zmq

from pib_rl import keys as command
from pib_rl.cli.cli import UserError
from pib_rl.sites import key_files
from pib_rl.sites.keys import CoordinatorKeys, SiteKey, make_keys

FILES = [
    "authorised/beijing.pub",
    "authorised/tokyo.pub",
    "beijing.key",
    "coordinator.key",
    "coordinator.pub",
    "tokyo.key",
]


@pytest.fixture
def folder(tmp_path):
    make_keys(tmp_path / "keys", ["beijing", "tokyo"])
    return tmp_path / "keys"


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def secrets(folder):
    return [yaml.safe_load(path.read_text())["secret"] for path in folder.glob("*.key")]


def test_the_files_are_those_that_each_side_needs(folder):
    assert sorted(files(folder)) == FILES
    site, coordinator = SiteKey.load(folder / "beijing.key"), CoordinatorKeys.load(folder)
    assert site.name == "beijing"
    assert site.coordinator == coordinator.public
    assert coordinator.sites.keys() == {"beijing", "tokyo"}
    assert coordinator.site_of(site.public) == "beijing"
    assert coordinator.site_of(coordinator.public) is None
    for one in (site, coordinator):
        assert zmq.curve_public(one.secret) == one.public


def test_no_two_keys_are_alike_and_public_files_hold_no_secret(folder):
    found = secrets(folder)
    assert len(set(found)) == 3
    public = "".join(path.read_text() for path in folder.rglob("*.pub"))
    assert not any(secret in public for secret in found)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_secret_files_are_for_their_owner_alone(folder):
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in FILES}
    assert {mode for name, mode in modes.items() if name.endswith(".key")} == {0o600}
    assert {mode for name, mode in modes.items() if name.endswith(".pub")} == {0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_system_without_links_keeps_secrets_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    make_keys(tmp_path, ["beijing"])
    assert stat.S_IMODE((tmp_path / "beijing.key").stat().st_mode) == 0o600


def test_secrets_are_never_printed(tmp_path, capsys):
    command.main(["--out", str(tmp_path / "keys"), "--site", "beijing"])
    said = capsys.readouterr()
    shown = said.out + said.err
    shown += repr(SiteKey.load(tmp_path / "keys" / "beijing.key")) + repr(CoordinatorKeys.load(tmp_path / "keys"))
    shown += repr(key_files.KeyPair(yaml.safe_load((tmp_path / "keys" / "beijing.key").read_text())))
    assert "beijing.key (secret)" in said.out
    assert not any(secret in shown for secret in secrets(tmp_path / "keys"))


def test_sites_join_later_and_nothing_is_overwritten(folder, capsys):
    before = files(folder)
    command.main(["--out", str(folder), "--site", "lima"])
    assert before.items() <= files(folder).items()
    assert CoordinatorKeys.load(folder).sites.keys() == {"beijing", "tokyo", "lima"}
    for arguments, said in (
        (["--site", "rome", "tokyo"], "tokyo.key exists and keys are never overwritten; choose another name"),
        ([], "has the coordinator's keys already; name sites to make keys for, --site NAME"),
    ):
        before = files(folder)
        with pytest.raises(UserError) as caught:
            command.main(["--out", str(folder), *arguments])
        assert said in str(caught.value)
        assert files(folder) == before


def test_a_key_that_was_brought_away_is_not_made_twice(folder):
    (folder / "tokyo.key").unlink()
    with pytest.raises(ValueError, match=r"authorised/tokyo\.pub exists"):
        make_keys(folder, ["tokyo"])


def test_a_coordinator_without_its_secret_gets_no_other_one(folder):
    (folder / "coordinator.key").unlink()
    with pytest.raises(ValueError, match=r"coordinator\.pub exists and keys are never overwritten"):
        make_keys(folder, ["lima"])


@pytest.mark.parametrize("name", ["", "a/b", "..", "coordinator", "-x", "a" * 65, "peking\n"])
def test_names_that_no_site_can_have(tmp_path, name):
    with pytest.raises(ValueError, match="a site's name must be letters, digits"):
        make_keys(tmp_path / "new", [name])
    assert not (tmp_path / "new").exists()


def test_two_sites_of_one_name(tmp_path):
    with pytest.raises(ValueError, match="two sites have the name 'a'; give each its own"):
        make_keys(tmp_path / "new", ["a", "a"])


def spoil(path, change):
    keys = yaml.safe_load(path.read_text())
    change(keys)
    path.write_text(yaml.safe_dump(keys))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda keys: keys.pop("coordinator"),
            "is damaged, or holds other keys than public and secret and coordinator",
        ),
        (lambda keys: keys.update(more="x"), "is damaged, or holds other keys"),
        (lambda keys: keys.update(secret=3), "is damaged, or holds other keys"),
        (lambda keys: keys.update(public="x" * 39), "is damaged, or holds other keys"),
        (lambda keys: keys.update(public="\x7f" * 40), "is damaged, or holds other keys"),
        (lambda keys: keys.update(public="#" * 40), "is damaged, or holds other keys"),
        (lambda keys: keys.update(public=keys["coordinator"]), "its public key does not belong to its secret one"),
    ],
)
def test_a_damaged_key_is_one_line_that_shows_nothing_of_it(folder, change, said):
    path = folder / "beijing.key"
    secret = SiteKey.load(path).secret.decode()
    spoil(path, change)
    with pytest.raises(ValueError, match=said) as caught:
        SiteKey.load(path)
    assert "\n" not in str(caught.value)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"secret: [", b"- a", b"[" * 800, b"#" * 10**6, b"1.5"])
def test_a_file_that_holds_no_keys(folder, content):
    (folder / "beijing.key").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, or holds other keys") as caught:
        SiteKey.load(folder / "beijing.key")
    assert "\n" not in str(caught.value)


def test_a_key_that_is_missing_or_open_to_others(folder):
    with pytest.raises(ValueError, match=r"cannot read .*oslo\.key: No such file or directory; pib-rl keys makes keys"):
        SiteKey.load(folder / "oslo.key")
    if os.name == "posix":
        (folder / "beijing.key").chmod(0o640)
        with pytest.raises(ValueError, match=r"others may use it \(mode 0640\); run chmod 600"):
            SiteKey.load(folder / "beijing.key")
        (folder / "coordinator.key").chmod(0o604)
        with pytest.raises(ValueError, match=r"others may use it \(mode 0604\)"):
            CoordinatorKeys.load(folder)


def test_one_key_for_two_sites_and_a_file_of_another_name(folder):
    content = yaml.safe_load((folder / "authorised" / "tokyo.pub").read_text())
    copy = folder / "authorised" / "rome.pub"
    copy.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=r"rome\.pub holds the key of site tokyo; rename it to tokyo\.pub"):
        CoordinatorKeys.load(folder)
    copy.write_text(yaml.safe_dump(content | {"name": "rome"}))
    with pytest.raises(ValueError, match=r"tokyo\.pub holds the key of site rome, too; delete one of the two"):
        CoordinatorKeys.load(folder)


def test_without_pyzmq_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zmq", None)
    with pytest.raises(UserError, match=r"keys need pyzmq: pip install 'pib-rl\[distributed\]'"):
        command.main(["--out", str(tmp_path / "new")])
    assert not (tmp_path / "new").exists()
