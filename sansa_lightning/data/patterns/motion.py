"""The motion of a tracking clip's objects, as a film: coverage and instances of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sansa_lightning.data.patterns.canvas import Body, Coverage, Surface, cover
from sansa_lightning.data.patterns.draws import Bytes, Draws, Floats
from sansa_lightning.data.patterns.layout import instance_map, places, shown, throw
from sansa_lightning.data.patterns.silhouettes import wobble

SPEED = 0.07
"""Greatest constant speed in each direction, in sides of the image per frame."""

JITTER = 0.017
"""Greatest change of place on top of it."""

TURN = 12 / 360
"""Greatest turn from one frame to the next, in full turns."""

ZOOM = 0.08
"""Greatest change of size from one frame to the next, as a share."""

WOBBLE = 0.08
"""Greatest deformation, see :func:`sansa_lightning.data.patterns.silhouettes.wobble`."""

SEEN = 0.05
"""Least visible area of the tracked object in every frame, as a share of the image."""

UNHIDDEN = 0.35
"""Least share of it that no other object hides, in every frame."""

_TRIES = 200


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame before it is painted.

    Attributes:
        bodies: from the back to the front.
        coverages: of each body.
        instances: uint8 [size, size], 0 background, k + 1 the k-th object.
    """

    bodies: tuple[Body, ...]
    coverages: tuple[Coverage, ...]
    instances: Bytes


def film(draws: Draws, size: int, count: int, frames: int, subject: int, *, jump: bool) -> list[Shot]:
    """Shots of a clip in which the subject is always visible.

    Args:
        draws: shapes and movements.
        size: side of the image in pixels.
        count: number of objects.
        frames: T.
        subject: number of the tracked object.
        jump: whether all objects change place in every frame, as in a new image of the same objects.

    Raises:
        ValueError: no such film was found: too many frames.
    """
    for _ in range(_TRIES):
        bodies = throw(draws, size, count)
        shots = [_shot(size, bodies)]
        velocities = draws.uniform(-SPEED * size, SPEED * size, count, 2)
        rests = [body.reach for body in bodies]
        while _tracked(shots[-1], subject):
            if len(shots) == frames:
                return shots
            moved = zip(shots[-1].bodies, rests, velocities, strict=True)
            bodies = [_step(draws, size, body, rest, velocity) for body, rest, velocity in moved]
            shots.append(_shot(size, _elsewhere(draws, size, bodies) if jump else bodies))
    msg = f"tracking clips: expected a number of frames for which an object stays visible, but got {frames}"
    raise ValueError(msg)


def follow(surface: Surface, first: Body, now: Body) -> Surface:
    """The surface of an object that has grown since the first frame; it moves and turns by itself."""
    return replace(surface, period=surface.period * (now.radius / first.radius))


def _shot(size: int, bodies: Sequence[Body]) -> Shot:
    coverages = tuple(cover(size, body) for body in bodies)
    return Shot(tuple(bodies), coverages, instance_map(size, coverages))


def _tracked(shot: Shot, subject: int) -> bool:
    seen, unhidden = shown(shot.coverages, shot.instances)
    return bool(seen[subject] >= SEEN and unhidden[subject] >= UNHIDDEN)


def _step(draws: Draws, size: int, body: Body, rest: Floats, velocity: Floats) -> Body:
    jitter = draws.uniform(-JITTER * size, JITTER * size, 2)
    x, y = (
        min(max(place + float(speed) + float(shake), 0.15 * size), 0.85 * size)
        for place, speed, shake in zip((body.x, body.y), velocity, jitter, strict=True)
    )
    radius = body.radius * draws.number(1 - ZOOM, 1 + ZOOM)
    reach = wobble(rest, draws.number(0, WOBBLE), draws.number(0, 0.5))
    return Body(x, y, radius, reach, body.turn + draws.number(-TURN, TURN))


def _elsewhere(draws: Draws, size: int, bodies: Sequence[Body]) -> list[Body]:
    x, y = places(draws, size, np.array([body.radius for body in bodies]))
    return [replace(body, x=float(x[k]), y=float(y[k])) for k, body in enumerate(bodies)]
