"""ISiC-Net: image-signal correlation network, whole.

Two encoders turn a spectrum and a micrograph into wavelength windows C and image regions P.
RG maps C to Q in the image's feature space, scores every region by its similarity to the windows,
keeps the best, and counts what fibres the regions show. ISiCA lets regions and windows attend to one
another. REC rebuilds the spectrum from the answer, so that the answer has to account for it. Each part
is behind a flag of the configuration; with all of them off the network reads the spectrum alone.

The answer of the spectrum stands on its own: the image moves it, towards what was counted and by a
correction, and `image_present` switches that off, so a dead camera costs accuracy and nothing else. The
spectrum's answer itself starts as a calibration that is fitted before training (`anchor`, linear; on a
small data set with a `memory` of known fabrics beside it) and that the network corrects. On a small data
set it is most of what can be learnt.

Only operators that the ONNX exporter and the Ascend 310 know are used: tanh-GELU, explicit norms,
TopK with constant k, no erf, no einsum. Additive constants are at least 1e-4, which half precision holds.
"""

import math

import numpy as np

from models.isic_net_config import CHANNELS, IsicNetConfig
from models.mindspore_import import ms, nn, ops

_NORM_EPS = 1e-4
_MASKED = -1e4  # added to a score that must not win a softmax; fits half precision
CELL_FEATURES = 64
_LEAST_COVER = 1e-3  # a fibre that shows nowhere is not ruled out
_ANCHOR_SMOOTHING = 1e-3  # the linear calibration's shares become positive by about sqrt(this) / 2
# With a memory the shares are the answer, not a start: what is added stays below 0.2 percentage points.
_LEAST_SHARE, _MEMORY_SMOOTHING = 1e-4, 1e-5


class IsicNet(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """The whole network; `construct` is what is exported."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        self.config = config
        self.signal_encoder = SignalEncoder(config)
        self.anchor = nn.Dense(CHANNELS * config.bands, config.fibres)
        self.signal_answer = Answer(config.width, config.fibres)
        if config.memory:
            self.memory = Memory(config)
        if config.image:
            self.image_encoder = ImageEncoder(config)
            self.projection = Projection(config.width)
            self.fusion = Fusion(config)
            counted = 2 * config.fibres if config.region_generation else 0
            self.fused_answer = Answer(2 * config.width + counted, config.fibres)
        if config.region_generation:
            self.count = Count(config)
            self.trust = nn.Dense(2 * config.width + counted, config.fibres, bias_init=-1.0)
        if config.reconstruction:
            self.reconstruction = Reconstruction(config)
        if config.window_evidence:
            self.hidden_windows = HiddenWindows(config)

    def construct(
        self, signal: ms.Tensor, image: ms.Tensor | None = None, image_present: ms.Tensor | None = None
    ) -> tuple[ms.Tensor, ...]:
        """Return what `output_names` lists, in that order; a network without `image` takes the signal alone.

        Args:
            signal: (B, 2, bands) SNV spectrum and its derivative.
            image: (B, 1, image_px, image_px) grey, standardised; anything where there is none.
            image_present: (B, 1) 1 where there is an image, else 0.
        """
        windows, pooled, window_weights = self.signal_encoder(signal)  # (B, n, d), (B, d), (B, n)
        alone = self.from_signal(signal, pooled)  # 4 of (B, K)
        answers = alone
        evidence: tuple[ms.Tensor, ...] = (window_weights,)
        attended: tuple[ms.Tensor, ...] = ()
        counted: tuple[ms.Tensor, ...] = ()
        if self.config.image:
            seen = self.from_both(windows, image, alone[1])
            fused, region_scores, region_kept, attention, shown, trusted = seen
            answers = [own + image_present * added for own, added in zip(alone, fused)]  # noqa: B905
            evidence = (window_weights, region_scores * image_present, region_kept * image_present)
            if self.config.cross_attention:
                attended = (attention * image_present,)
            if self.config.region_generation and self.config.window_evidence:
                moved = self.region_influence(answers[1], shown, region_scores, trusted)
                counted = (moved * image_present,)
        outputs = finish(answers) + evidence
        if self.config.reconstruction:
            outputs = (*outputs, self.reconstruction(outputs[1], pooled)[0])
        if self.config.window_evidence:
            outputs = (
                *outputs,
                self.influence(signal, outputs[1], answers[1] - alone[1]),
                *attended,
                *counted,
            )
        return outputs

    def from_signal(self, signal: ms.Tensor, pooled: ms.Tensor) -> list[ms.Tensor]:
        """Return logits of class, shares, presence and spread, (B, K) each, from the spectrum alone."""
        positive = self.calibrated(signal.reshape((signal.shape[0], -1)))
        class_logits, share_logits, presence_logits, spread_logits = self.signal_answer(pooled)
        return [class_logits, share_logits + ops.log(positive), presence_logits, spread_logits]

    def calibrated(self, inputs: ms.Tensor) -> ms.Tensor:
        """Return the calibration's shares (B, K), positive, of (B, 2 bands)."""
        linear = self.anchor(inputs)  # (B, K), about 0..1
        if not self.config.memory:
            return _bent(linear, _ANCHOR_SMOOTHING)
        positive = ops.relu(linear) + _LEAST_SHARE
        return _bent(positive / positive.sum(-1, keepdims=True) + self.memory(inputs), _MEMORY_SMOOTHING)

    def from_both(
        self, windows: ms.Tensor, image: ms.Tensor, share_logits: ms.Tensor
    ) -> tuple[list[ms.Tensor], ms.Tensor, ms.Tensor, ms.Tensor, ms.Tensor, ms.Tensor]:
        """Return what the image adds to the spectrum's four answers (B, K), and what that rests on.

        That is the regions' scores and which were kept, (B, N) each, ISiCA's attention (B, n), which
        fibres each cell shows as logits (B, 4 N, K + 1), bare ground last, and how far what was counted is
        trusted, 0..1 (B, K); the last two are zeros without RG.

        Args:
            windows: C (B, n, d).
            image: (B, 1, image_px, image_px).
            share_logits: (B, K), what the spectrum says.
        """
        regions, cells = self.image_encoder(image)  # P (B, N, d), (B, c, 2 rows, 2 rows)
        projected = self.projection(windows)  # Q (B, n, d)
        features, scores, kept, attention = self.fusion(regions, projected)  # (B, 2d), (B, N) x 2, (B, n)
        if not self.config.region_generation:
            shown = ops.zeros((scores.shape[0], 4 * scores.shape[1], self.config.fibres + 1), ms.float32)
            untrusted = ops.zeros_like(share_logits)
            return list(self.fused_answer(features)), scores, kept, attention, shown, untrusted
        shown, counted = self.count(regions, cells, scores)  # (B, 4 N, K + 1), (B, K)
        said = _log_shares(share_logits)
        joint = ops.concat((features, counted, said), -1)  # (B, 2d + 2K)
        classes, shares, presence, spread = self.fused_answer(joint)
        trusted = ops.sigmoid(self.trust(joint))  # (B, K)
        towards = trusted * (counted - said)
        return [classes, shares + towards, presence, spread], scores, kept, attention, shown, trusted

    def influence(self, signal: ms.Tensor, shares: ms.Tensor, correction: ms.Tensor) -> ms.Tensor:
        """Return (B, n): the share, 0..1, that is answered otherwise when a window is hidden.

        Each window in turn is bridged by a straight line and the spectrum's answer drawn again; what
        the image adds to it (`correction`, (B, K) share logits) is held. This is a measurement, which
        attention is not: docs/models.md tells how the two do when windows are deleted.
        """
        batch, fibres = shares.shape
        hidden = self.hidden_windows(signal)  # (B n, 2, bands)
        _, pooled, _ = self.signal_encoder(hidden)
        logits = self.from_signal(hidden, pooled)[1].reshape((batch, -1, fibres))  # (B, n, K)
        answered = ops.softmax(logits + correction.expand_dims(1), -1)
        return ops.relu(answered - shares.expand_dims(1)).sum(-1)  # shares sum to 1: half of sum |change|

    def region_influence(
        self, logits: ms.Tensor, shown: ms.Tensor, scores: ms.Tensor, trusted: ms.Tensor
    ) -> ms.Tensor:
        """Return (B, N): the share, 0..1, that is answered otherwise when a region is not counted.

        Args:
            logits: of the shares answered, (B, K).
            shown: which fibres each cell shows, logits (B, 4 N, K + 1).
            scores: of the regions (B, N).
            trusted: how far what was counted is trusted, (B, K); it and all else that the image adds is held.
        """
        counted, without = self.count.counted(shown, scores), self.count.without_each(shown, scores)
        change = trusted.expand_dims(1) * (without - counted.expand_dims(1))  # (B, N, K)
        answered = ops.softmax(logits.expand_dims(1) + change, -1)
        return ops.relu(answered - ops.softmax(logits, -1).expand_dims(1)).sum(-1)


def finish(logits: list[ms.Tensor]) -> tuple[ms.Tensor, ...]:
    """Turn the four logits into class logits, shares (sum 1), presence 0..1 and spread 0..1, (B, K) each.

    The spread is the error that the network expects of its share; it scales the prediction interval.
    """
    class_logits, share_logits, presence_logits, spread_logits = logits
    return (
        class_logits,
        ops.softmax(share_logits, -1),
        ops.sigmoid(presence_logits),
        ops.sigmoid(spread_logits - 3.0),  # starts at 0.05
    )


class Memory(nn.Cell):  # type: ignore[misc]
    """What the linear calibration left over at known spectra, taken off near them: a radial basis."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        inputs = CHANNELS * config.bands
        self.offset, self.scale = _constant((1, inputs)), _constant((1, 1))
        self.centres = _constant((config.memory, inputs))  # moved and scaled like the inputs
        self.corrections = _constant((config.memory, config.fibres))

    def construct(self, inputs: ms.Tensor) -> ms.Tensor:
        """Return what to add to the shares (B, K) of (B, 2 bands)."""
        scaled = (inputs - self.offset) * self.scale
        squares = (scaled * scaled).sum(-1, keepdims=True) + (self.centres * self.centres).sum(-1)  # (B, M)
        distances = squares - 2.0 * ops.matmul(scaled, self.centres.transpose((1, 0)))
        return ops.matmul(ops.exp(-ops.relu(distances)), self.corrections)


class SignalEncoder(nn.Cell):  # type: ignore[misc]
    """Spectrum to wavelength windows: convolutions along the bands, then a transformer over windows."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        width, per_window = config.width, config.bands // config.windows
        self.near = _conv1d(CHANNELS, 24, 5)
        self.far = _conv1d(24, 32, 7)
        self.to_windows = nn.Conv1d(32, width, per_window, stride=per_window, pad_mode="valid", has_bias=True)
        self.position = _embedding(config.windows, width)
        self.blocks = nn.SequentialCell(
            [EncoderBlock(width, config.heads) for _ in range(config.signal_blocks)]
        )
        self.norm = nn.LayerNorm((width,), epsilon=_NORM_EPS)
        self.pool = AttentionPool(width)

    def construct(self, signal: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor, ms.Tensor]:
        """Return windows C (B, n, d), their pooled feature (B, d) and the pool's weights (B, n)."""
        features = _gelu(self.near(signal))  # (B, 24, bands)
        features = _gelu(self.far(features))  # (B, 32, bands)
        windows = self.to_windows(features).transpose((0, 2, 1))  # (B, n, d)
        windows = self.norm(self.blocks(windows + self.position))
        pooled, weights = self.pool(windows)
        return windows, pooled, weights


class HiddenWindows(nn.Cell):  # type: ignore[misc]
    """Copies of a signal, each with one wavelength window bridged by a straight line."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        self.windows, self.per_window = config.windows, config.bands // config.windows
        inside = np.repeat(np.eye(config.windows, dtype=np.float32), self.per_window, axis=1)
        self.inside = ms.Tensor(inside[:, None])  # (n, 1, bands)
        along = np.arange(1, self.per_window + 1, dtype=np.float32) / (self.per_window + 1)
        self.along = ms.Tensor(along)

    def construct(self, signal: ms.Tensor) -> ms.Tensor:
        """Return (B n, 2, bands) for (B, 2, bands); a window at an end is bridged by its one neighbour."""
        batch, channels, bands = signal.shape
        count, last = self.windows, self.per_window - 1
        parts = signal.reshape((batch, channels, count, self.per_window))
        starts, ends = parts[:, :, :, 0], parts[:, :, :, last]  # (B, 2, n)
        before = ops.concat((starts[:, :, 1:2], ends[:, :, : count - 1]), -1).expand_dims(-1)
        after = ops.concat((starts[:, :, 1:], ends[:, :, count - 2 : count - 1]), -1).expand_dims(-1)
        bridge = before + self.along * (after - before)  # (B, 2, n, bands / n)
        change = bridge.reshape((batch, 1, channels, bands)) - signal.expand_dims(1)
        copies = signal.expand_dims(1) + self.inside * change  # (B, n, 2, bands)
        return copies.reshape((batch * count, channels, bands))


class ImageEncoder(nn.Cell):  # type: ignore[misc]
    """Micrograph to regions: four strided convolutions see fibre surfaces, a transformer the field."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.SequentialCell(
            [
                _conv2d(1, 16, 8, 4),
                _conv2d(16, 48, 3, 2),
                _conv2d(48, CELL_FEATURES, 3, 2),
            ]
        )
        self.to_regions = _conv2d(CELL_FEATURES, width, 3, 2)
        self.position = _embedding(config.regions, width)
        self.blocks = nn.SequentialCell(
            [EncoderBlock(width, config.heads) for _ in range(config.image_blocks)]
        )
        self.norm = nn.LayerNorm((width,), epsilon=_NORM_EPS)

    def construct(self, image: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return regions P (B, N, d) and the finer features (B, c, 2 rows, 2 rows) that they come from."""
        cells = self.stem(image)
        features = self.to_regions(cells)  # (B, d, rows, rows)
        regions = features.reshape((features.shape[0], features.shape[1], -1)).transpose((0, 2, 1))
        return self.norm(self.blocks(regions + self.position)), cells


class EncoderBlock(nn.Cell):  # type: ignore[misc]
    """Pre-norm transformer block: attention and a two-layer perceptron, each beside a residual path."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.norm_attention = nn.LayerNorm((width,), epsilon=_NORM_EPS)
        self.query, self.key, self.value = (
            nn.Dense(width, width),
            nn.Dense(width, width),
            nn.Dense(width, width),
        )
        self.merge = nn.Dense(width, width)
        self.norm_perceptron = nn.LayerNorm((width,), epsilon=_NORM_EPS)
        self.expand, self.contract = nn.Dense(width, 2 * width), nn.Dense(2 * width, width)

    def construct(self, tokens: ms.Tensor) -> ms.Tensor:
        """Return (B, T, d) for (B, T, d)."""
        tokens = tokens + self.attend(self.norm_attention(tokens))
        return tokens + self.contract(_gelu(self.expand(self.norm_perceptron(tokens))))

    def attend(self, tokens: ms.Tensor) -> ms.Tensor:
        """Return multi-head self-attention of (B, T, d)."""
        batch, count, width = tokens.shape
        query = self.split(self.query(tokens))  # (B, h, T, d/h)
        key = self.split(self.key(tokens)).transpose((0, 1, 3, 2))  # (B, h, d/h, T)
        weights = ops.softmax(ops.matmul(query, key) / math.sqrt(self.head_width), -1)  # (B, h, T, T)
        mixed = ops.matmul(weights, self.split(self.value(tokens)))  # (B, h, T, d/h)
        return self.merge(mixed.transpose((0, 2, 1, 3)).reshape((batch, count, width)))

    def split(self, tokens: ms.Tensor) -> ms.Tensor:
        """Return (B, h, T, d/h) for (B, T, d)."""
        batch, count, _ = tokens.shape
        return tokens.reshape((batch, count, self.heads, self.head_width)).transpose((0, 2, 1, 3))


class Projection(nn.Cell):  # type: ignore[misc]
    """Q = W2 ReLU(W1 C): windows in the image's feature space."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Dense(width, width), nn.Dense(width, width)

    def construct(self, windows: ms.Tensor) -> ms.Tensor:
        """Return Q (B, n, d) for C (B, n, d)."""
        return self.second(ops.relu(self.first(windows)))


class Fusion(nn.Cell):  # type: ignore[misc]
    """Regions and windows to one feature: RG and ISiCA where switched on, else plain concatenation."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        self.config = config
        if config.region_generation:
            self.generate = RegionGeneration(config)
        if config.cross_attention:
            self.attend = CrossAttention(config.width)

    def construct(
        self, regions: ms.Tensor, windows: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor, ms.Tensor, ms.Tensor]:
        """Return the joint feature (B, 2d) and what it rests on.

        That is the score 0..1 of every region (B, N), 1 where it was kept (B, N), and the attention that
        the kept regions pay to each window (B, n), even where there is no ISiCA.
        """
        batch, count, _ = regions.shape
        scores = kept = ops.ones((batch, count), ms.float32)
        allowed = ops.zeros((batch, count, self.config.windows), ms.float32)
        if self.config.region_generation:
            regions, allowed, scores, kept = self.generate(regions, windows)
        if self.config.cross_attention:
            joint, attention = self.attend(regions, windows, allowed)
            return joint, scores, kept, attention
        even = ops.ones((batch, self.config.windows), ms.float32) / self.config.windows
        return ops.concat((regions.mean(1), windows.mean(1)), -1), scores, kept, even


class RegionGeneration(nn.Cell):  # type: ignore[misc]
    """RG: keep the k regions most similar to the spectrum, and for each the windows most similar to it."""

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        self.windows_per_region = config.windows_per_region
        self.regions_kept = config.regions_kept
        self.steepness = ms.Parameter(ms.Tensor(np.array([4.0], np.float32)), name="steepness")

    def construct(
        self, regions: ms.Tensor, windows: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor, ms.Tensor, ms.Tensor]:
        """Select; k is constant, so every shape is.

        The choice itself has no gradient; the kept regions are multiplied by the sigmoid of their
        score, and through that gate the similarity learns.

        Returns:
            Kept regions (B, k, d); 0 where a kept region listens to a window, else a large negative
            number (B, k, n); the score of every region (B, N); 1 where kept, else 0 (B, N).
        """
        similarity = ops.matmul(_unit(regions), _unit(windows).transpose((0, 2, 1)))  # SIM (B, N, n)
        best, _ = ops.topk(similarity, self.windows_per_region)  # (B, N, n')
        relevance = ops.sigmoid(self.steepness * best.mean(-1))  # r (B, N)
        kept_relevance, index = ops.topk(relevance, self.regions_kept)  # (B, k)
        kept_regions = _rows(regions, index) * kept_relevance.expand_dims(-1)  # (B, k, d)
        listens = ops.cast(similarity >= best[:, :, -1:], ms.float32)  # (B, N, n)
        allowed = (1.0 - _rows(listens, index)) * _MASKED  # (B, k, n)
        kept = ops.cast(relevance >= kept_relevance[:, -1:], ms.float32)
        return kept_regions, allowed, relevance, kept


class Count(nn.Cell):  # type: ignore[misc]
    """RG's reading of the field: which fibres each cell shows, and the shares by mass that follow.

    A region has four cells, each about as wide as a fibre; what a cell shows is read off its own
    features and those of its region. It is told to the network where a data set knows it
    (`fibre_cover.npz`); the weight of a fibre beside what it covers is learnt from the shares.
    """

    def __init__(self, config: IsicNetConfig) -> None:
        super().__init__()
        self.rows = config.region_rows
        self.show_cell = nn.Conv2d(CELL_FEATURES, config.fibres + 1, 1, pad_mode="valid", has_bias=True)
        self.show_region = nn.Dense(config.width, config.fibres + 1)
        self.weigh = ms.Parameter(ms.Tensor(np.zeros((1, config.fibres), np.float32)), name="weigh")

    def construct(
        self, regions: ms.Tensor, cells: ms.Tensor, scores: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor]:
        """Return logits (B, 4 N, K + 1) and log shares (B, K), a cell counting by its region's score.

        Args:
            regions: P (B, N, d).
            cells: (B, c, 2 rows, 2 rows).
            scores: (B, N).
        """
        of_regions = self.show_region(regions).transpose((0, 2, 1))  # (B, K + 1, N)
        shown = self.show_cell(cells) + self.doubled(of_regions)  # (B, K + 1, 2 rows, 2 rows)
        shown = shown.reshape((shown.shape[0], shown.shape[1], -1)).transpose((0, 2, 1))  # (B, 4 N, K + 1)
        return shown, self.counted(shown, scores)

    def counted(self, shown: ms.Tensor, scores: ms.Tensor) -> ms.Tensor:
        """Return log shares (B, K) of the logits (B, 4 N, K + 1)."""
        weights = self.doubled(scores.expand_dims(1)).reshape((shown.shape[0], 1, -1))  # (B, 1, 4 N)
        covered = ops.softmax(shown, -1)[:, :, :-1]  # (B, 4 N, K)
        total = ops.matmul(weights, covered).squeeze(1) / weights.sum(-1)
        return _log_shares(ops.log(total + _LEAST_COVER) + self.weigh)

    def without_each(self, shown: ms.Tensor, scores: ms.Tensor) -> ms.Tensor:
        """Return log shares (B, N, K) that are counted when one region after the other is left out."""
        batch, count = scores.shape
        covered = ops.softmax(shown, -1)[:, :, :-1]  # (B, 4 N, K)
        fibres = covered.shape[-1]
        pairs = covered.reshape((batch * self.rows, 2, 2 * self.rows * fibres)).sum(1)
        of_regions = pairs.reshape((batch * count, 2, fibres)).sum(1).reshape((batch, count, fibres))
        weighed = of_regions * scores.expand_dims(-1)  # (B, N, K)
        left = 4.0 * (scores.sum(-1, keepdims=True) - scores)  # (B, N)
        total = (weighed.sum(1, keepdims=True) - weighed) / left.expand_dims(-1)
        return _log_shares(ops.log(ops.relu(total) + _LEAST_COVER) + self.weigh)

    def doubled(self, of_regions: ms.Tensor) -> ms.Tensor:
        """Return (B, x, 2 rows, 2 rows) for (B, x, N): each region's value at its four cells."""
        batch, count, _ = of_regions.shape
        rows = of_regions.reshape((batch, count * self.rows, self.rows, 1))
        wide = ops.concat((rows, rows), -1).reshape((batch, count * self.rows, 1, 2 * self.rows))
        return ops.concat((wide, wide), 2).reshape((batch, count, 2 * self.rows, 2 * self.rows))


class CrossAttention(nn.Cell):  # type: ignore[misc]
    """ISiCA: S = w_s [P; P*Q], M = w_m [Q; P*Q]; each softmax lets one side summarise the other.

    w [x; P*Q] is computed as w_1 x + (P * w_2) Q^T, which never builds the (N, n, 2d) tensor.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.region_score, self.window_score = nn.Dense(width, 1), nn.Dense(width, 1)  # w_1 of S and of M
        scale = np.full((1, 1, width), 1.0 / math.sqrt(width), np.float32)
        self.region_pair = ms.Parameter(ms.Tensor(scale), name="region_pair")  # w_2 of S
        self.window_pair = ms.Parameter(ms.Tensor(scale), name="window_pair")  # w_2 of M
        self.join_regions, self.join_windows = nn.Dense(3 * width, width), nn.Dense(3 * width, width)
        self.norm_regions = nn.LayerNorm((width,), epsilon=_NORM_EPS)
        self.norm_windows = nn.LayerNorm((width,), epsilon=_NORM_EPS)
        self.pool_regions, self.pool_windows = AttentionPool(width), AttentionPool(width)

    def construct(
        self, regions: ms.Tensor, windows: ms.Tensor, allowed: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor]:
        """Return the joint feature (B, 2d) of P (B, k, d) and Q (B, n, d), and the attention (B, n).

        `allowed` (B, k, n) is added to both scores. The attention is that of S over windows, the mean
        over regions as the pool weighs them.
        """
        across = windows.transpose((0, 2, 1))  # (B, d, n)
        own = self.region_score(regions)  # (B, k, 1)
        s = own + ops.matmul(regions * self.region_pair, across) + allowed  # (B, k, n)
        other = self.window_score(windows).transpose((0, 2, 1))  # (B, 1, n)
        m = other + ops.matmul(regions * self.window_pair, across) + allowed  # (B, k, n)
        attends = ops.softmax(s, -1)  # a (B, k, n)
        windows_seen = ops.matmul(attends, windows)  # Q^ (B, k, d)
        regions_seen = ops.matmul(ops.softmax(m, 1).transpose((0, 2, 1)), regions)  # P^ (B, n, d)
        g_regions = self.join_regions(ops.concat((regions, windows_seen, regions * windows_seen), -1))
        g_windows = self.join_windows(ops.concat((windows, regions_seen, windows * regions_seen), -1))
        from_regions, pooled_by = self.pool_regions(self.norm_regions(_gelu(g_regions)))  # (B, d), (B, k)
        from_windows, _ = self.pool_windows(self.norm_windows(_gelu(g_windows)))  # (B, d)
        attention = ops.matmul(pooled_by.expand_dims(1), attends).squeeze(1)  # (B, n)
        return ops.concat((from_regions, from_windows), -1), attention


class Reconstruction(nn.Cell):  # type: ignore[misc]
    """REC: rebuild the SNV spectrum from the shares.

    Each fibre has an embedding that a decoder turns into its spectrum; the shares mix them, and a
    small perceptron of the shares and a narrow summary of the specimen adds what mixing misses
    (scattering, path length, moisture). What remains is unlike anything trained on: novelty.
    """

    def __init__(self, config: IsicNetConfig, embedding: int = 16, summary: int = 6) -> None:
        super().__init__()
        self.endmembers = _embedding(config.fibres, embedding)
        self.decode_first, self.decode_second = nn.Dense(embedding, 64), nn.Dense(64, config.bands)
        self.summary = nn.Dense(config.width, summary)
        self.bend_first = nn.Dense(config.fibres + summary, 64)
        self.bend_second = nn.Dense(64, config.bands)

    def construct(self, shares: ms.Tensor, pooled: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return the rebuilt spectrum (B, bands) and the fibres' own spectra (K, bands)."""
        spectra = self.decode_second(_gelu(self.decode_first(self.endmembers)))  # (K, bands)
        state = ops.concat((shares, ops.tanh(self.summary(pooled))), -1)  # (B, K + summary)
        bent = self.bend_second(_gelu(self.bend_first(state)))  # (B, bands)
        return ops.matmul(shares, spectra) + bent, spectra


class AttentionPool(nn.Cell):  # type: ignore[misc]
    """Weighted mean of tokens, the weights learnt."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Dense(width, 1)

    def construct(self, tokens: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return (B, d) and the weights (B, T) for (B, T, d)."""
        weights = ops.softmax(self.score(tokens).squeeze(-1), -1)  # (B, T)
        return ops.matmul(weights.expand_dims(1), tokens).squeeze(1), weights


class Answer(nn.Cell):  # type: ignore[misc]
    """One hidden layer and four linear heads: class, shares, presence, spread.

    The share head starts at zero: before training, shares are those of the anchor. The spread
    learns from features that it may not change.
    """

    def __init__(self, inputs: int, fibres: int, hidden: int = 96) -> None:
        super().__init__()
        self.hidden = nn.Dense(inputs, hidden)
        self.classes, self.presence = nn.Dense(hidden, fibres), nn.Dense(hidden, fibres)
        self.shares = nn.Dense(hidden, fibres, weight_init="zeros", bias_init="zeros")
        self.spread = nn.Dense(hidden, fibres, weight_init="zeros", bias_init="zeros")

    def construct(self, features: ms.Tensor) -> tuple[ms.Tensor, ...]:
        """Return four logits (B, K) for (B, inputs)."""
        hidden = _gelu(self.hidden(features))
        spread = self.spread(ops.stop_gradient(hidden))
        return self.classes(hidden), self.shares(hidden), self.presence(hidden), spread


def _conv1d(inputs: int, outputs: int, size: int) -> nn.Cell:
    return nn.Conv1d(inputs, outputs, size, pad_mode="same", has_bias=True)


def _conv2d(inputs: int, outputs: int, size: int, stride: int) -> nn.Cell:
    """Strided convolution; with batch norm, because the stem is trained from nothing on few images."""
    return nn.SequentialCell(
        [
            nn.Conv2d(inputs, outputs, size, stride=stride, pad_mode="same", has_bias=False),
            nn.BatchNorm2d(outputs, eps=_NORM_EPS),
            nn.ReLU(),
        ]
    )


def _embedding(count: int, width: int) -> ms.Parameter:
    return ms.Parameter(ms.Tensor(np.random.normal(0.0, 0.02, (count, width)).astype(np.float32)))


def _log_shares(logits: ms.Tensor) -> ms.Tensor:
    """Return the logarithm of softmax with a floor that half precision holds."""
    return ops.log(ops.softmax(logits, -1) + _LEAST_COVER)


def _constant(shape: tuple[int, ...]) -> ms.Parameter:
    """Zeros that are set before training and stay."""
    return ms.Parameter(ms.Tensor(np.zeros(shape, np.float32)), requires_grad=False)


def _bent(values: ms.Tensor, smoothing: float) -> ms.Tensor:
    """Make values positive by a curve that hugs zero and the diagonal."""
    return 0.5 * (values + ops.sqrt(values * values + smoothing))


def _gelu(values: ms.Tensor) -> ms.Tensor:
    return ops.gelu(values, approximate="tanh")


def _unit(tokens: ms.Tensor) -> ms.Tensor:
    """Scale each (B, T, d) token to length one."""
    return tokens / ops.sqrt((tokens * tokens).sum(-1, keepdims=True) + _NORM_EPS)


def _rows(tokens: ms.Tensor, index: ms.Tensor) -> ms.Tensor:
    """Gather rows `index` (B, k) of (B, T, d) as (B, k, d)."""
    wide = ops.tile(index.expand_dims(-1), (1, 1, tokens.shape[-1]))
    return ops.gather_elements(tokens, 1, wide)
