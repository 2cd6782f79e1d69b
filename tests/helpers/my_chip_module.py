"""A module of others that registers a substrate: what --import names."""

from pib_rl.physical import Digital, register


@register
class MyChip(Digital):
    """A chip of others."""

    name = "my-imported-chip"
