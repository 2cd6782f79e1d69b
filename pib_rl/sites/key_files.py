"""Files of keys: written once, secret ones for their owner alone, and read with care never to show a secret."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import yaml

from pib_rl.common.atomic import write_once
from pib_rl.common.options import UNREADABLE

Keys = dict[str, str]  # name, public, and of secret files secret and what else they hold
OTHERS = 0o077  # permissions of everybody but the owner
LENGTH = 40  # letters of a key
LARGEST_FILE = 4096  # bytes
SECRET = (
    "# Secret. Whoever has this file is {name}. Keep it where it is used; never mail it or put it into a repository.\n"
)
PUBLIC = "# Public key of {name}. It may be shown to anybody.\n"


@dataclass(frozen=True)
class KeyPair:
    """A new pair of keys, as the contents of files.

    Args:
        keys: Name, public and secret key.
    """

    keys: Keys

    def public(self) -> bytes:
        """What others may know."""
        shown = {name: value for name, value in self.keys.items() if name != "secret"}
        return PUBLIC.format(**self.keys).encode() + yaml.safe_dump(shown, sort_keys=False).encode()

    def all(self, **more: str) -> bytes:
        """What only the owner may know, and ``more`` keys by name."""
        return SECRET.format(**self.keys).encode() + yaml.safe_dump(self.keys | more, sort_keys=False).encode()

    def __repr__(self) -> str:
        return f"KeyPair({self.keys['name']})"


def curve() -> ModuleType:
    """pyzmq, able to encrypt.

    Raises:
        ValueError: If it is not installed, or was built without CURVE.
    """
    try:
        import zmq
    except ImportError:
        raise ValueError("keys need pyzmq: pip install 'pib-rl[distributed]'") from None
    if not zmq.has("curve"):
        raise ValueError("this pyzmq was built without CURVE; pip install --force-reinstall pyzmq brings one with it")
    return zmq


def key_pair(name: str) -> KeyPair:
    """A new pair of keys for ``name``, from the system's source of randomness."""
    public, secret = curve().curve_keypair()
    return KeyPair({"name": name, "public": public.decode(), "secret": secret.decode()})


def create(path: Path, content: bytes) -> Path:
    """Writes a file that must not be there yet; one that ends in .key can be read by its owner alone.

    Raises:
        ValueError: If it is there.
        OSError: If it can't be written.
    """
    if not write_once(path, content, 0o600 if path.suffix == ".key" else 0o644):
        raise ValueError(f"{path} exists and keys are never overwritten; delete it first, or choose another --out")
    return path


def read_keys(path: Path, secret: bool = False, more: Sequence[str] = ()) -> Keys:
    """The keys in a file, by name.

    Args:
        path: The file.
        secret: It holds a secret key, and must be closed to others.
        more: Further keys that it must hold.

    Raises:
        ValueError: If the file is missing, open to others, or damaged; no message repeats what is in it.
    """
    try:
        found = path.stat()
        if secret and os.name == "posix" and found.st_mode & OTHERS:
            raise ValueError(
                f"{path} must be for its owner alone and others may use it (mode {found.st_mode & 0o777:04o}); "
                f"run chmod 600 {path}, and make new keys if others were here"
            )
        text = path.read_bytes().decode() if found.st_size <= LARGEST_FILE else ""
        keys = yaml.safe_load(text)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}; pib-rl keys makes keys") from None
    except UnicodeDecodeError:
        keys = None
    except (*UNREADABLE, RecursionError) as error:
        if type(error) is ValueError:
            raise
        keys = None
    return _checked(path, keys, ["public", *(["secret"] if secret else []), *more])


def _checked(path: Path, keys: object, names: list[str]) -> Keys:
    """``keys`` if they are such: ``names`` and a name, of which those of a pair belong together."""
    whole = isinstance(keys, dict) and keys.keys() == {"name", *names}
    whole = whole and isinstance(keys, dict) and all(isinstance(value, str) for value in keys.values())
    if not isinstance(keys, dict) or not whole or not all(_is_key(keys[name]) for name in names):
        raise ValueError(f"{path} is damaged, or holds other keys than {' and '.join(names)}; pib-rl keys makes keys")
    if "secret" in keys and curve().curve_public(keys["secret"].encode()).decode() != keys["public"]:
        raise ValueError(f"{path} is damaged: its public key does not belong to its secret one; pib-rl keys makes keys")
    return keys


def _is_key(text: str) -> bool:
    from zmq.utils import z85

    try:
        return len(text) == LENGTH and len(z85.decode(text.encode("ascii"))) == 32
    except Exception:  # letters that Z85 does not have, or too large a number
        return False
