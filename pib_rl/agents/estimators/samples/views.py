"""Views: random changes of a sample that leave what it is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from pib_rl.agents.patches import Grid
from pib_rl.common.options import configure
from pib_rl.common.streams import LEARNING, Streams

KNOTS = 7  # of a bent image, in each direction


class Views(ABC):
    """Makes views of raw inputs."""

    @abstractmethod
    def __call__(self, x: Tensor, streams: Streams) -> Tensor:
        """One view of each raw sample, both of shape (n, features); draws come from the stream of learning."""


@dataclass(frozen=True)
class VectorOptions:
    """Settings of `VectorViews`.

    Args:
        swap: Probability that a feature is replaced, 0..1.
        noise: Standard deviation of the noise, in standard deviations of each feature.

    Raises:
        ValueError: If a value lies outside its range.
    """

    swap: float = 0.3
    noise: float = 0.1

    def __post_init__(self) -> None:
        _check(self, fractions=("swap",), sizes=("noise",))


@dataclass
class VectorViews(Views):
    """Each feature is replaced by that of any sample of the batch with probability ``swap``; then noise is added.

    Swapping keeps every feature's own distribution, whatever it is. Source: Bahri et al., arXiv 2106.15147.
    """

    options: VectorOptions

    def __call__(self, x: Tensor, streams: Streams) -> Tensor:
        options, generator = self.options, streams.generator(LEARNING, x.device)
        order = torch.randint(len(x), x.shape, generator=generator, device=x.device)
        view = torch.where(streams.uniform(LEARNING, x) < options.swap, x.gather(0, order), x)
        return view + streams.normal(LEARNING, x) * (options.noise * x.std(0, correction=0))


@dataclass(frozen=True)
class ImageOptions:
    """Settings of `ImageViews`.

    Of changes that are drawn uniformly they are the largest sizes, of those that are normal the standard deviations.

    Args:
        shift: Shift in each direction, in sides of the image, uniform.
        turn: Rotation, in degrees, uniform.
        scale: Change of size in each direction, relative, uniform; below 1.
        shear: Shear, uniform.
        bend: Elastic deformation: standard deviation of the displacements at 7 x 7 knots, in sides of the image.
        drop: Fraction of pixels that are set to the image's smallest value, 0..1.
        noise: Standard deviation of the noise, in standard deviations of all pixels.
        strength: Multiplies all of these.

    Raises:
        ValueError: If a value lies outside its range.
    """

    shift: float = 0.018
    turn: float = 4.0
    scale: float = 0.05
    shear: float = 0.05
    bend: float = 0.036
    drop: float = 0.0
    noise: float = 0.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        _check(self, fractions=("shift", "drop"), sizes=("turn", "shear", "bend", "noise", "strength"))
        if not 0 <= self.scale < 1:
            raise ValueError(f"the views' scale must be in 0..1 (1 excluded), got {self.scale}")
        for name in ("shift", "drop", "scale"):
            value = getattr(self, name) * self.strength
            if value > 1 or (name == "scale" and value == 1):
                raise ValueError(
                    f"the views' strength times {name} must be in 0..1, got {self.strength} times "
                    f"{getattr(self, name)}; lower one"
                )

    def scaled(self) -> ImageOptions:
        """The same changes at strength 1."""
        sizes = {field.name: getattr(self, field.name) * self.strength for field in fields(self)}
        return ImageOptions(**sizes | {"strength": 1.0})


class ImageViews(Views):
    """Each image is shifted, turned, scaled, sheared and bent by its own draws, loses pixels, and gets noise.

    The bend is a field of displacements, normal at 7 x 7 knots and bicubic between them: what one hand does to one
    letter on two days. A displacement is a sum of fixed fields, so that those of all images are one product of
    matrices. What comes in from outside has the image's own smallest value. Source: elastic deformations of digits:
    Simard et al., ICDAR 2003.
    """

    def __init__(self, image: Grid, options: ImageOptions) -> None:
        self.image = image
        self.options = options.scaled()
        self.shapes = _shapes(image)  # what displacements are sums of

    def __call__(self, x: Tensor, streams: Streams) -> Tensor:
        options, least = self.options, x.min(1, keepdim=True).values
        view = self._deform(x - least, streams)
        if options.drop:
            kept = streams.uniform(LEARNING, view[:, :: self.image.channels]) >= options.drop
            view = view * kept.repeat_interleave(self.image.channels, 1)
        view = view + least
        return view + streams.normal(LEARNING, x) * (options.noise * x.std()) if options.noise else view

    def _deform(self, x: Tensor, streams: Streams) -> Tensor:
        """Every pixel takes the value, bilinear, of the place that its image's deformation moves it to."""
        image, n = self.image, len(x)
        pixels = x.view(n, image.height, image.width, image.channels).permute(0, 3, 1, 2)
        moved = grid_sample(pixels, self._places(n, x, streams), align_corners=False)
        return moved.permute(0, 2, 3, 1).reshape(x.shape)

    def _places(self, n: int, like: Tensor, streams: Streams) -> Tensor:
        """Where n images are looked at: shape (n, height, width, 2), across and down, -1..1 from edge to edge."""
        options, image = self.options, self.image
        draws = 2 * streams.uniform(LEARNING, like.new_empty(6, n)) - 1
        turn, wide, high, shear = draws[0] * math.radians(options.turn), *(1 + draws[1:3] * options.scale), draws[3]
        shifts, sides = draws[4:] * (2 * options.shift), like.new_tensor([[image.width], [image.height]])
        by_across = torch.stack([turn.cos() * wide, turn.sin() * wide]) / sides  # in half pixels: angles are angles
        by_down = torch.stack([-turn.sin() * high, turn.cos() * high]) / sides + by_across * (options.shear * shear)
        weights = [torch.stack([by_across, by_down, shifts], 2).transpose(0, 1)]
        if options.bend:
            knots = streams.normal(LEARNING, like.new_empty(n, 2, KNOTS, KNOTS)) * (2 * options.bend)
            weights.append(knots.flatten(2))
        self.shapes = self.shapes.to(like)
        shapes = self.shapes if options.bend else self.shapes[:3]
        places = torch.cat(weights, 2) @ shapes
        return places.view(n, 2, image.height, image.width).permute(0, 2, 3, 1)


def _shapes(image: Grid) -> Tensor:
    """The fields that displacements are sums of, shape (3 + knots, height width): across, down, 1, and a bend per knot.

    Across and down are in half pixels from the middle; a knot's is bicubic and 1 at the knot.
    """
    down, across = (torch.arange(size, dtype=torch.float32) * 2.0 + 1 - size for size in (image.height, image.width))
    v, u = torch.meshgrid(down, across, indexing="ij")
    knots = torch.eye(KNOTS**2, dtype=torch.float32).view(-1, 1, KNOTS, KNOTS)
    bends = interpolate(knots, (image.height, image.width), mode="bicubic", align_corners=True)
    return torch.cat([torch.stack([u, v, torch.ones_like(u)]), bends[:, 0]]).flatten(1)


def make_views(image: Grid | None, options: dict[str, Any]) -> Views:
    """Views of images whose pixels the features are, or of vectors where there is none; errors as `configure`."""
    if image is None:
        return VectorViews(configure(VectorOptions, options, "a view of vectors"))
    return ImageViews(image, configure(ImageOptions, options, "a view of images"))


def _check(options: Any, fractions: tuple[str, ...], sizes: tuple[str, ...]) -> None:
    """Raises ValueError unless ``fractions`` are in 0..1 and ``sizes`` are 0 or more."""
    for name in (*fractions, *sizes):
        value = getattr(options, name)
        if not value >= 0 or (name in fractions and value > 1):
            raise ValueError(
                f"the views' {name} must be {'in 0..1' if name in fractions else '0 or more'}, got {value}"
            )
