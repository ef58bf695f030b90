"""PMPN: a progressive network guided by several priors that fills holes in an image, whole.

Two encoder-decoders of partial convolutions look at the image: texture sees the known pixels and
nothing else; structure sees the guides, which have no holes: two classical fills and a sketch of their
edges, made from the damaged image alone. They cross over: each decoder starts from the other's
deepest map, Bi-CSP lets every level of both encoders attend to every channel of its stream, CCA
weighs what the decoders take from the encoders, Bi-GFF lets the two results gate one another. CPI
puts a coarse picture of the brightness in before the end. What comes out is a correction of the first
classical fill, zero at first and only in holes, so the untrained network answers like that fill.

All pictures are in units of the known pixels' standard deviation around their mean. A mask is 1 where
a pixel is known. The exporter and the Ascend 310 know every operator: no norm over a batch, nearest
up-sampling, no division by less than 1e-4.
"""

import math

import numpy as np

from models.inpainting_net_config import CROSSED_LEVELS, GUIDES, PmpnConfig
from models.mindspore_import import ms, nn, ops

_NORM_EPS = 1e-4
_KERNELS = (7, 5, 5)  # of the first encoder levels, as in CTSDG; 3 below
_SLOPE = 0.2  # of the decoders' leaky rectifiers


class Pmpn(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """The whole network; `construct` is what is exported."""

    def __init__(self, config: PmpnConfig) -> None:
        super().__init__()
        self.config = config
        texture, structure = (1,), (GUIDES + 1,)
        width = config.width
        if config.streams == 2:
            self.streams = nn.CellList([Stream(config, texture), Stream(config, structure)])
            self.gated_fusion = GatedFusion(width)
            self.sketch = Projection(width)
        else:
            self.streams = nn.CellList([Stream(config, texture + structure)])
        self.picture = Projection(width)
        if config.bicsp:
            self.perception = CrossStagePerception(config.channels[:CROSSED_LEVELS])
        if config.cpi:
            self.colour = ColourPrior(config.channels[1] * config.streams)
        if config.cfa:
            self.aggregation = FeatureAggregation(width * config.streams)
        seen = width * config.streams + GUIDES + 1 + int(config.cpi)
        self.head = nn.SequentialCell([_conv(seen, width, 3), nn.LeakyReLU(_SLOPE), _zero_conv(width)])

    def construct(self, known: ms.Tensor, mask: ms.Tensor, guides: ms.Tensor) -> ms.Tensor:
        """Return the filled picture (B, 1, H, W); known pixels are the first guide's.

        Args:
            known: (B, 1, H, W) the picture, 0 where it is not known.
            mask: (B, 1, H, W) 1 where it is known, else 0.
            guides: (B, 3, H, W) the fill to correct, a second fill, and their sketch.
        """
        return self.stages(known, mask, guides)[0]

    def stages(self, known: ms.Tensor, mask: ms.Tensor, guides: ms.Tensor) -> tuple[ms.Tensor, ...]:
        """Return the filled picture and what the intermediate losses look at.

        These are the texture stream's own picture (B, 1, H, W), the logits of the structure stream's
        sketch (B, 1, H, W) and the colour prior (B, 1, H/4, W/4); zero where the configuration has no
        such part.
        """
        hole = 1.0 - mask
        guided = ops.concat((guides, hole), 1)  # (B, 4, H, W)
        if self.config.streams == 2:
            decoded, coarse = self.cross_over(known, mask, guided)
        else:
            decoded, coarse = self.alone(known, mask, guided)
        fill = guides[:, :1]
        picture = fill + self.picture(decoded[0])
        sketch, colour = ops.zeros_like(fill), ops.zeros_like(fill)
        fused = decoded[0]
        if self.config.streams == 2:
            sketch = self.sketch(decoded[1])
            fused = ops.concat(self.gated_fusion(decoded[0], decoded[1]), 1)  # (B, 2w, H, W)
        if self.config.cfa:
            fused = self.aggregation(fused)
        seen: tuple[ms.Tensor, ...] = (fused, guided)
        if self.config.cpi:
            colour = self.colour(coarse, fill)  # (B, 1, H/4, W/4)
            seen += (_enlarged(colour, 4) - fill,)
        return fill + hole * self.head(ops.concat(seen, 1)), picture, sketch, colour

    def cross_over(
        self, known: ms.Tensor, mask: ms.Tensor, guided: ms.Tensor
    ) -> tuple[list[ms.Tensor], ms.Tensor]:
        """Run both streams; return their last maps (B, w, H, W) and both maps of a quarter size as one."""
        texture, structure = self.streams
        complete = ops.ones_like(mask)
        textures, texture_masks = texture.encode(known, mask)
        structures, structure_masks = structure.encode(guided, complete)
        deepest = textures[-1], texture_masks[-1], structures[-1], structure_masks[-1]
        if self.config.bicsp:
            textures, structures = self.perception(textures, structures)
            texture_masks = structure_masks = [ops.ones_like(one) for one in texture_masks]
        from_structure = texture.decode(deepest[2], deepest[3], [known, *textures], [mask, *texture_masks])
        from_texture = structure.decode(
            deepest[0], deepest[1], [guided, *structures], [complete, *structure_masks]
        )
        coarse = ops.concat((from_structure[1], from_texture[1]), 1)
        return [from_structure[0], from_texture[0]], coarse

    def alone(
        self, known: ms.Tensor, mask: ms.Tensor, guided: ms.Tensor
    ) -> tuple[list[ms.Tensor], ms.Tensor]:
        """Run the only stream on everything; return what `cross_over` does."""
        stream = self.streams[0]
        image = ops.concat((known, guided), 1)
        masks = ops.concat((mask, ops.ones_like(mask)), 1)
        maps, map_masks = stream.encode(image, masks)
        last, coarse = stream.decode(maps[-1], map_masks[-1], [image, *maps], [masks, *map_masks])
        return [last], coarse


class Stream(nn.Cell):  # type: ignore[misc]
    """An encoder and the decoder that takes its maps, of partial convolutions.

    Args:
        config: of the network.
        groups: channels of the input that share a mask, by group.
    """

    def __init__(self, config: PmpnConfig, groups: tuple[int, ...]) -> None:
        super().__init__()
        channels = (sum(groups), *config.channels)
        kernels = (*_KERNELS, *(3,) * config.levels)[: config.levels]
        self.encoder = nn.CellList(
            [
                PartialConv(groups if level == 0 else (channels[level],), channels[level + 1], kernel, 2)
                for level, kernel in enumerate(kernels)
            ]
        )
        made = (config.width, *config.channels)  # by the decoder at each size
        skips = (groups, *((count,) for count in config.channels))
        self.decoder = nn.CellList(
            [
                PartialConv((made[level + 1], *skips[level]), made[level], 3, 1)
                for level in range(config.levels)
            ]
        )
        self.cca = config.cca
        if config.cca:
            self.attention = nn.CellList(
                [ChannelAttention(channels[level], made[level + 1]) for level in range(1, config.levels)]
            )

    def encode(self, image: ms.Tensor, mask: ms.Tensor) -> tuple[list[ms.Tensor], list[ms.Tensor]]:
        """Return the maps (B, C_i, H / 2^i, W / 2^i), i = 1..levels, and their masks (B, 1, ...)."""
        maps, masks = [], []
        for conv in self.encoder:
            image, mask = conv(image, mask)
            image = ops.relu(image)
            maps.append(image)
            masks.append(mask)
        return maps, masks

    def decode(
        self, deepest: ms.Tensor, mask: ms.Tensor, skips: list[ms.Tensor], skip_masks: list[ms.Tensor]
    ) -> tuple[ms.Tensor, ms.Tensor]:
        """Return the last map (B, w, H, W) and the one of a quarter of its size."""
        image, coarse = deepest, deepest
        for level in range(len(self.decoder) - 1, -1, -1):
            image, mask = _enlarged(image, 2), _enlarged(mask, 2)
            skip = skips[level]
            if self.cca and level > 0:
                skip = self.attention[level - 1](skip, image)
            image, mask = self.decoder[level](
                ops.concat((image, skip), 1), ops.concat((mask, skip_masks[level]), 1)
            )
            image = ops.leaky_relu(image, _SLOPE)
            if level == 2:
                coarse = image
        return image, coarse


class PartialConv(nn.Cell):  # type: ignore[misc]
    """A convolution of what is known: its sum is scaled up for what is not (Liu et al., ECCV 2018).

    Inside: out = raw * (window / count) + bias where the window holds a known value, else 0 ("hole
    rule"); the new mask is the count of known values clamped to 1.

    Args:
        groups: channels by group; those of a group share a mask.
        outputs: channels that are made.
        kernel: side of the window, odd.
        stride: step of the window.
    """

    def __init__(self, groups: tuple[int, ...], outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        inputs = sum(groups)
        self.stride, self.padding = stride, kernel // 2
        self.window = float(kernel * kernel * inputs)
        deviation = math.sqrt(2.0 / self.window)  # He initialisation
        self.weight = ms.Parameter(_normal((outputs, inputs, kernel, kernel), deviation), name="weight")
        self.bias = ms.Parameter(ops.zeros((1, outputs, 1, 1), ms.float32), name="bias")
        counted = np.ones((1, len(groups), kernel, kernel), np.float32)
        self.counting = ms.Tensor(counted * np.array(groups, np.float32)[None, :, None, None])

    def construct(self, image: ms.Tensor, mask: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return the map (B, outputs, H/s, W/s) and its mask (B, 1, H/s, W/s).

        Args:
            image: (B, inputs, H, W), zero where the mask is.
            mask: (B, groups, H, W) of zeros and ones.
        """
        raw = ops.conv2d(image, self.weight, None, self.stride, "pad", self.padding)
        count = ops.conv2d(mask, self.counting, None, self.stride, "pad", self.padding)
        known = ops.clip(count, 0.0, 1.0)
        ratio = ops.stop_gradient(known * self.window / ops.clip(count, 1.0, self.window))
        return raw * ratio + self.bias * known, ops.stop_gradient(known)


class CrossStagePerception(nn.Cell):  # type: ignore[misc]
    """Bi-CSP: every level of a stream attends to the channels of all its levels; then streams exchange."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.texture, self.structure = StagePerception(channels), StagePerception(channels)
        self.to_texture = nn.CellList([_conv(2 * count, count, 1) for count in channels])
        self.to_structure = nn.CellList([_conv(2 * count, count, 1) for count in channels])

    def construct(
        self, textures: list[ms.Tensor], structures: list[ms.Tensor]
    ) -> tuple[list[ms.Tensor], list[ms.Tensor]]:
        """Return the maps of both streams, of the same shapes; those below the crossed levels as they are."""
        levels = len(self.to_texture)
        seen_t, seen_s = self.texture(textures[:levels]), self.structure(structures[:levels])
        for_texture, for_structure = [], []
        for level in range(levels):
            own, other = seen_t[level], seen_s[level]
            for_texture.append(self.to_texture[level](ops.concat((own, other), 1)))
            for_structure.append(self.to_structure[level](ops.concat((other, own), 1)))
        return for_texture + textures[levels:], for_structure + structures[levels:]


class StagePerception(nn.Cell):  # type: ignore[misc]
    """Channel-wise attention over the levels of one stream (UCTransNet, arXiv 2109.04335).

    Tokens are the places of the coarsest crossed level, so their number follows the image; there is no
    position embedding, which would tie the weights to one size.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        total = sum(channels)
        levels = len(channels)
        patches = [2 ** (levels - 1 - level) for level in range(levels)]
        self.total, self.patches = total, patches
        self.embed = nn.CellList(
            [_conv(count, count, patch, stride=patch) for count, patch in zip(channels, patches, strict=True)]
        )
        self.norms = nn.CellList([nn.LayerNorm((count,), epsilon=_NORM_EPS) for count in (*channels, total)])
        self.queries = nn.CellList([nn.Dense(count, count, has_bias=False) for count in channels])
        self.keys = nn.Dense(total, total, has_bias=False)
        self.values = nn.Dense(total, total, has_bias=False)
        self.outs = nn.CellList([nn.Dense(count, count) for count in channels])
        self.perceptrons = nn.CellList([Perceptron(count) for count in channels])
        self.back = nn.CellList([_conv(count, count, 1) for count in channels])

    def construct(self, maps: list[ms.Tensor]) -> list[ms.Tensor]:
        """Return maps of the same shapes."""
        levels = len(self.embed)
        embedded = [self.embed[level](maps[level]) for level in range(levels)]
        rows, columns = embedded[0].shape[2:]
        tokens = [_tokens(one) for one in embedded]  # levels of (B, d, C_i)
        together = self.norms[levels](ops.concat(tokens, 2))  # (B, d, C)
        keys, values = self.keys(together), self.values(together).swapaxes(1, 2)  # (B, d, C), (B, C, d)
        attended = []
        for level in range(levels):
            queries = self.queries[level](self.norms[level](tokens[level])).swapaxes(1, 2)  # (B, C_i, d)
            scores = ops.bmm(queries, keys) / math.sqrt(self.total)
            weights = ops.softmax(_instance_norm(scores), -1)  # (B, C_i, C)
            seen = tokens[level] + self.outs[level](ops.bmm(weights, values).swapaxes(1, 2))
            seen = seen + self.perceptrons[level](seen)  # (B, d, C_i)
            small = ops.relu(self.back[level](_map(seen, rows, columns)))
            attended.append(maps[level] + _enlarged(small, self.patches[level]))
        return attended


class Perceptron(nn.Cell):  # type: ignore[misc]
    """Two dense layers, four times as wide between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm((width,), epsilon=_NORM_EPS)
        self.widen, self.narrow = nn.Dense(width, 4 * width), nn.Dense(4 * width, width)

    def construct(self, tokens: ms.Tensor) -> ms.Tensor:
        """Return (B, d, C) of (B, d, C)."""
        return self.narrow(ops.relu(self.widen(self.norm(tokens))))


class ChannelAttention(nn.Cell):  # type: ignore[misc]
    """CCA: weighs the channels of an encoder map by what that map and the decoder's hold on the whole."""

    def __init__(self, skip: int, decoded: int) -> None:
        super().__init__()
        self.from_skip, self.from_decoded = nn.Dense(skip, skip), nn.Dense(decoded, skip)

    def construct(self, skip: ms.Tensor, decoded: ms.Tensor) -> ms.Tensor:
        """Return the skip (B, C, H, W), its channels scaled by 0..1."""
        mean = (self.from_skip(skip.mean((2, 3))) + self.from_decoded(decoded.mean((2, 3)))) / 2.0
        return ops.relu(skip * ops.sigmoid(mean).expand_dims(2).expand_dims(3))


class GatedFusion(nn.Cell):  # type: ignore[misc]
    """Bi-GFF: each stream takes from the other what its gate lets through; nothing at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.gates = _conv(2 * width, 2 * width, 3)
        self.to_texture = ms.Parameter(ops.zeros((1, 1, 1, 1), ms.float32), name="to_texture")
        self.to_structure = ms.Parameter(ops.zeros((1, 1, 1, 1), ms.float32), name="to_structure")

    def construct(self, texture: ms.Tensor, structure: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return both maps (B, w, H, W); the second takes from the first as it has become."""
        gates = ops.sigmoid(self.gates(ops.concat((texture, structure), 1)))
        texture = texture + self.to_texture * (gates[:, : self.width] * structure)
        return texture, structure + self.to_structure * (gates[:, self.width :] * texture)


class ColourPrior(nn.Cell):  # type: ignore[misc]
    """CPI: the brightness at a quarter of the size: the fill's and a correction, zero at first."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.shrink = nn.AvgPool2d(4, 4)
        self.correct = _zero_conv(inputs)

    def construct(self, coarse: ms.Tensor, fill: ms.Tensor) -> ms.Tensor:
        """Return (B, 1, H/4, W/4) of (B, C, H/4, W/4) and (B, 1, H, W)."""
        return self.shrink(fill) + self.correct(coarse)


class Projection(nn.Cell):  # type: ignore[misc]
    """A residual bottleneck and one channel out of it: what a stream would answer alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // 4
        self.bottleneck = nn.SequentialCell(
            [_conv(width, narrow, 1), nn.ReLU(), _conv(narrow, narrow, 3), nn.ReLU(), _conv(narrow, width, 1)]
        )
        self.out = _zero_conv(width, 1)

    def construct(self, features: ms.Tensor) -> ms.Tensor:
        """Return (B, 1, H, W) of (B, w, H, W)."""
        return self.out(ops.relu(features + self.bottleneck(features)))


class FeatureAggregation(nn.Cell):  # type: ignore[misc]
    """CFA of CTSDG: holes borrow features from the places that resemble them, at several dilations.

    The region affinity is a product of unfolded matrices instead of a convolution by each image's own
    patches, which a static graph cannot hold.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shrink = _conv(width, width, 3, stride=2)
        self.dilated = nn.CellList([_conv(width, width, 3, dilation=step) for step in (1, 2, 4, 8)])
        self.choose = _conv(width, 4, 3)
        self.merge = _conv(2 * width, width, 3)

    def construct(self, features: ms.Tensor) -> ms.Tensor:
        """Return (B, C, H, W) of (B, C, H, W); H and W multiples of 4."""
        small = ops.relu(self.shrink(features))  # (B, C, H/2, W/2)
        borrowed = borrowed_blocks(small)
        weights = ops.softmax(self.choose(borrowed), 1)  # (B, 4, H/2, W/2)
        mixed = ops.zeros_like(borrowed)
        for index, conv in enumerate(self.dilated):
            mixed = mixed + weights[:, index : index + 1] * ops.relu(conv(borrowed))
        return features + ops.relu(self.merge(ops.concat((features, _enlarged(mixed, 2)), 1)))


_AFFINITY_SCALE = 10.0  # of cosines before their softmax, as in CTSDG


def borrowed_blocks(features: ms.Tensor) -> ms.Tensor:
    """Return the map made anew of its own 2 × 2 blocks, weighed by how alike their surroundings are."""
    batch, channels, height, width = features.shape
    blocks = ops.pixel_unshuffle(features, 2)  # (B, 4C, H/2, W/2)
    flat = blocks.reshape(batch, 4 * channels, height * width // 4)
    unit = flat / ops.sqrt((flat * flat).sum(1, keepdims=True) + _NORM_EPS)
    alike = ops.softmax(_AFFINITY_SCALE * ops.bmm(unit.swapaxes(1, 2), unit), -1)  # (B, N, N)
    mixed = ops.bmm(flat, alike.swapaxes(1, 2)).reshape(blocks.shape)
    return ops.pixel_shuffle(mixed, 2)


def _conv(inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1) -> nn.Cell:
    padding = 0 if size == stride else dilation * (size // 2)
    return nn.Conv2d(
        inputs, outputs, size, stride, "pad", padding, dilation=dilation, has_bias=True,
        weight_init=_normal((outputs, inputs, size, size), math.sqrt(2.0 / (inputs * size * size))),
        bias_init="zeros",
    )  # fmt: skip


def _zero_conv(inputs: int, size: int = 3) -> nn.Cell:
    """Return a convolution to one channel whose weights and bias are zero at first."""
    return nn.Conv2d(
        inputs, 1, size, 1, "pad", size // 2, has_bias=True, weight_init="zeros", bias_init="zeros"
    )


def _normal(shape: tuple[int, ...], deviation: float) -> ms.Tensor:
    return ops.standard_normal(shape) * deviation


def _enlarged(image: ms.Tensor, times: int) -> ms.Tensor:
    """Return the image with each pixel as a block of pixels."""
    if times == 1:
        return image
    height, width = image.shape[2:]
    return ops.ResizeNearestNeighbor((times * height, times * width))(image)


def _tokens(image: ms.Tensor) -> ms.Tensor:
    """Return (B, H·W, C) of (B, C, H, W)."""
    batch, channels, height, width = image.shape
    return image.reshape(batch, channels, height * width).swapaxes(1, 2)


def _map(tokens: ms.Tensor, rows: int, columns: int) -> ms.Tensor:
    """Return (B, C, H, W) of (B, H·W, C)."""
    batch, _, channels = tokens.shape
    return tokens.swapaxes(1, 2).reshape(batch, channels, rows, columns)


def _instance_norm(scores: ms.Tensor) -> ms.Tensor:
    """Return each matrix (B, m, n) with mean 0 and deviation 1."""
    centred = scores - scores.mean((1, 2), keep_dims=True)
    return centred / ops.sqrt((centred * centred).mean((1, 2), keep_dims=True) + _NORM_EPS)
