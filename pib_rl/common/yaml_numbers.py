"""YAML with the numbers that people write: 1e-3, -1e-1 and 1e5 too, which YAML 1.1 takes for words."""

from __future__ import annotations

import re
from typing import Any

import yaml

EXPONENT = re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$")
DEEPEST = 100  # levels
MERGE = "tag:yaml.org,2002:merge"


class NumberLoader(yaml.SafeLoader):
    """`yaml.SafeLoader`, with a number wherever something is written as one; 1e5 is a whole number."""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        """As in YAML, but no deeper than `DEEPEST`: its scanner takes minutes for some thousand levels."""
        if self.flow_level >= DEEPEST:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)

    def add_indent(self, column: int) -> bool:
        """The same for levels of blocks."""
        if len(self.indents) >= DEEPEST:
            raise RecursionError
        return bool(super().add_indent(column))

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping; YAMLError if a key is given twice, of which `yaml.SafeLoader` takes the last."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    where = f"lines {lines[name]} and {line}"
                    raise yaml.YAMLError(f"{key.value[:60]!r} is given twice, in {where}; leave one out")
                lines[name] = line
        return node

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        """A number; whole if it is written with an exponent and is."""
        value = super().construct_yaml_float(node)
        return int(value) if EXPONENT.match(str(node.value)) and value.is_integer() and abs(value) < 2**53 else value


NumberLoader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))
NumberLoader.add_constructor("tag:yaml.org,2002:float", NumberLoader.construct_yaml_float)


def load_yaml(text: str) -> Any:
    """What a YAML text holds, as `yaml.safe_load` reads it but for numbers.

    Raises:
        yaml.YAMLError: If it is none.
        RecursionError: If it is nested more than `DEEPEST` deep.
    """
    return yaml.load(text, NumberLoader)
