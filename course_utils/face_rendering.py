"""Faces drawn by code: small portraits that differ in many ways and are symmetric where faces are.

No photograph and no data set went into them. Coordinates run from -1 (left, top) to 1; every shape
has an edge about one pixel wide, so that nothing flickers when a face moves by a fraction of one.
"""

import math

import torch

SKIN = (
    (0.98, 0.85, 0.74), (0.92, 0.72, 0.56), (0.78, 0.56, 0.40),
    (0.56, 0.38, 0.27), (0.38, 0.25, 0.18),
)  # fmt: skip
HAIR = (
    (0.10, 0.08, 0.08), (0.30, 0.18, 0.10), (0.55, 0.33, 0.16),
    (0.87, 0.72, 0.38), (0.70, 0.28, 0.13), (0.72, 0.72, 0.74),
)  # fmt: skip
IRIS = ((0.25, 0.15, 0.08), (0.20, 0.42, 0.70), (0.22, 0.50, 0.28), (0.42, 0.42, 0.46))
SHIRT = (
    (0.80, 0.20, 0.22), (0.16, 0.36, 0.68), (0.18, 0.55, 0.36),
    (0.95, 0.80, 0.25), (0.93, 0.93, 0.93), (0.20, 0.20, 0.24),
)  # fmt: skip
LIPS = (0.72, 0.18, 0.20)
DARK, WHITE = (0.06, 0.05, 0.06), (0.97, 0.97, 0.96)


def render_faces(count, generator, size=32):
    """Draw count faces: float32 (count, 3, size, size) in [-1, 1]. Every choice is generator's."""
    face = _Canvas(count, generator, size)
    look = _look(face)
    _background(face)
    _hair_behind(face, look)
    _neck_and_head(face, look)
    _hair_in_front(face, look)
    _eyes(face, look)
    _nose_and_mouth(face, look)
    _extras(face, look)
    return face.pixels() * 2 - 1


class _Canvas:
    """Images (N, 3, S, S) in [0, 1] and the pixel coordinates x, y of each, (N, S, S)."""

    def __init__(self, count, generator, size):
        self.count, self.generator, self.size = count, generator, size
        self.image = torch.zeros(count, 3, size, size)
        line = (torch.arange(size) + 0.5) / size * 2 - 1
        y, x = torch.meshgrid(line, line, indexing="ij")
        tilt = self.spread(-0.04, 0.04)
        x, y = x - self.spread(-0.04, 0.04), y - self.spread(-0.04, 0.04)
        self.x, self.y = x * tilt.cos() + y * tilt.sin(), y * tilt.cos() - x * tilt.sin()

    def spread(self, low, high):
        """One uniform number per face, (N, 1, 1)."""
        return low + (high - low) * torch.rand(self.count, 1, 1, generator=self.generator)

    def chance(self, p):
        """1 with probability p, else 0: (N, 1, 1)."""
        return (torch.rand(self.count, 1, 1, generator=self.generator) < p).float()

    def one_of(self, colours, shake=0.05):
        """One of the colours per face, slightly changed: (N, 3, 1, 1)."""
        chosen = torch.randint(len(colours), (self.count,), generator=self.generator)
        tint = torch.randn(self.count, 3, generator=self.generator) * 0.4 * shake
        light = torch.randn(self.count, 1, generator=self.generator) * shake
        return (torch.tensor(colours)[chosen] + light + tint).clamp(0, 1)[:, :, None, None]

    def paint(self, cover, colour):
        """Lay a colour, (N, 3, 1, 1) or a triple, over the image where cover (N, S, S) is 1."""
        if isinstance(colour, tuple):
            colour = torch.tensor(colour)[:, None, None]
        self.image = torch.lerp(self.image, colour.expand_as(self.image), cover[:, None])

    def inside(self, distance):
        """1 where a distance (in coordinates, negative inside) is negative, with a soft edge."""
        return (0.5 - distance * self.size / 2).clamp(0, 1)

    def ellipse(self, x, y, width, height):
        """1 inside an ellipse around (x, y) with these half axes."""
        r = (((self.x - x) / width) ** 2 + ((self.y - y) / height) ** 2).sqrt()
        return self.inside((r - 1) * torch.minimum(width, height))

    def pixels(self):
        return self.image.clamp(0, 1)


def _look(face):
    """The numbers that several parts share, one of each per face."""
    width, height = face.spread(0.46, 0.60), face.spread(0.60, 0.72)
    return {
        "width": width, "height": height, "skin": face.one_of(SKIN, 0.04),
        "hair": face.one_of(HAIR), "eyes_y": face.spread(-0.10, 0.02),
        "apart": width * face.spread(0.40, 0.50), "bald": face.chance(0.1),
    }  # fmt: skip


def _background(face):
    above, below = (_pale(face) for _ in range(2))
    share = ((face.y + 1) / 2).clamp(0, 1)[:, None]
    face.image = above * (1 - share) + (0.7 * above + 0.3 * below) * share


def _pale(face):
    """Any colour, half way to a grey, (N, 3, 1, 1)."""
    colour = torch.rand(face.count, 3, 1, 1, generator=face.generator)
    return 0.5 * colour + 0.5 * face.spread(0.25, 0.95)[:, None]


def _hair_behind(face, look):
    """A round head of hair, with long sides for one face in two."""
    grow, long = face.spread(0.06, 0.16), face.chance(0.5) * (1 - look["bald"])
    width = look["width"] + grow
    cap = face.ellipse(0, -0.12, width, look["height"] + 0.5 * grow) * (face.y < 0.2)
    length = face.spread(0.3, 0.95)
    sides = face.inside(face.x.abs() - width) * face.inside(face.y - length)
    sides = sides * face.inside(-0.12 - face.y)
    face.paint(cap * (1 - look["bald"]), look["hair"])
    face.paint(sides * long, look["hair"])


def _neck_and_head(face, look):
    shade, one = look["skin"] * 0.82, torch.ones_like(look["width"])
    shirt = face.one_of(SHIRT)
    wide, high = face.spread(0.75, 1.0), face.spread(0.38, 0.5)
    shoulders = face.ellipse(0, face.spread(1.05, 1.2), wide, high)
    neck = face.inside(face.x.abs() - 0.2) * face.inside(face.y - 0.85) * (face.y > 0.3)
    face.paint(shoulders, shirt)
    face.paint(neck, shade)
    ears = _Mirror(face).ellipse(look["width"], look["eyes_y"] + 0.06, 0.07 * one, 0.12 * one)
    face.paint(ears, shade)
    face.paint(face.ellipse(0, 0, look["width"], look["height"]), look["skin"])


def _hair_in_front(face, look):
    """A hairline over the forehead: straight, curved up or curved down."""
    line = -look["height"] * face.spread(0.45, 0.78) + face.spread(-0.5, 0.5) * face.x**2
    top = face.ellipse(0, 0, look["width"] + 0.03, look["height"] + 0.05)
    face.paint(top * face.inside(face.y - line) * (1 - look["bald"]), look["hair"])


def _eyes(face, look):
    """Eyes, irises and brows, the same on both sides: |x| does the mirroring."""
    side, apart, y = face.x.abs(), look["apart"], look["eyes_y"]
    iris, open_by = face.one_of(IRIS, 0.04), face.spread(0.06, 0.12)
    mirrored = _Mirror(face)
    white = mirrored.ellipse(apart, y, face.spread(0.11, 0.16), open_by)
    face.paint(white, WHITE)
    size = face.spread(0.055, 0.085)
    face.paint(mirrored.ellipse(apart, y, size, size) * white, iris)
    face.paint(mirrored.ellipse(apart, y, 0.45 * size, 0.45 * size) * white, DARK)
    slope, high = face.spread(-0.25, 0.25), face.spread(0.15, 0.22)
    brow = (face.y - (y - high) - slope * (side - apart)).abs() - face.spread(0.015, 0.045)
    brow = face.inside(brow) * face.inside((side - apart).abs() - 0.15)
    face.paint(brow, torch.lerp(look["hair"], look["skin"] * 0.5, look["bald"][:, None]))


class _Mirror:
    """The canvas with |x| in place of x: what is drawn on the right is drawn on the left too."""

    def __init__(self, face):
        self.x, self.y, self.inside = face.x.abs(), face.y, face.inside

    ellipse = _Canvas.ellipse


def _nose_and_mouth(face, look):
    nose_y, shade = look["eyes_y"] + face.spread(0.22, 0.28), look["skin"] * 0.78
    bridge = face.inside(face.x.abs() - 0.035 - 0.25 * (face.y - look["eyes_y"]).clamp(min=0) * 0.6)
    bridge = bridge * (face.y > look["eyes_y"] + 0.05) * face.inside(face.y - nose_y)
    face.paint(0.5 * bridge, shade)
    tip = face.ellipse(0, nose_y, face.spread(0.07, 0.12), torch.full_like(nose_y, 0.035))
    face.paint(tip, shade)
    y, wide = nose_y + face.spread(0.14, 0.18), look["width"] * face.spread(0.3, 0.52)
    smile, thick = face.spread(-0.25, 0.7), face.spread(0.03, 0.055)
    curve = face.y - y - smile * (wide**2 - face.x**2)
    lips = face.inside(curve.abs() - thick) * face.inside(face.x.abs() - wide)
    red = torch.tensor(LIPS)[:, None, None]
    face.paint(lips, torch.lerp(look["skin"], red, face.spread(0.4, 0.9)[:, None]))
    teeth = face.inside(curve.abs() - 0.5 * thick) * face.inside(face.x.abs() - 0.85 * wide)
    face.paint(teeth * face.chance(0.35), WHITE)


def _extras(face, look):
    """Glasses for one in five, a beard for one in six, light from one side for all."""
    side, y, apart = face.x.abs(), look["eyes_y"], look["apart"]
    ring = ((((side - apart) / 0.19) ** 2 + ((face.y - y) / 0.16) ** 2).sqrt() - 1).abs() * 0.17
    bar = face.inside((face.y - y).abs() - 0.01) * face.inside(side - apart + 0.19)
    frame = torch.maximum(face.inside(ring - 0.02), bar)
    face.paint(frame * face.chance(0.2), DARK)
    chin = face.ellipse(0, 0, look["width"], look["height"]) * face.inside(y + 0.34 - face.y)
    mouth = face.ellipse(0, y + 0.42, 0.6 * look["width"], torch.full_like(y, 0.1))
    face.paint(0.8 * chin * (1 - mouth) * face.chance(0.17), look["hair"])
    light = 1 + face.spread(-0.08, 0.08) * (face.x * math.cos(0.5) - face.y * math.sin(0.5))
    face.image = face.image * light[:, None]
