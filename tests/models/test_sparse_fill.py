"""Few waves continue a weave through holes; what is known stays, and what lies in holes has no say."""

import cv2
import numpy as np
import pytest

from models.filling_methods import fill_telea
from models.sparse_fill import fill_sparse
from models.training.free_form_masks import free_form_mask


def weave(height=96, width=120, noise=0.02):
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    level = 0.5 + 0.15 * np.sin(rows * 0.9 + columns * 0.1) + 0.15 * np.cos(columns * 0.7)
    return (
        (level + np.random.default_rng(1).normal(0.0, noise, (height, width))).clip(0, 1).astype(np.float32)
    )


def known_of(shape, share=0.4, seed=2):
    return ~free_form_mask(max(shape), share - 0.1, share, np.random.default_rng(seed))[
        : shape[0], : shape[1]
    ]


def test_known_pixels_are_returned_unchanged_and_twice_the_same():
    pixels, known = weave(), known_of((96, 120))
    filled = fill_sparse(pixels, known)
    assert filled.dtype == np.float32
    assert np.array_equal(filled[known], pixels[known])
    assert np.array_equal(filled, fill_sparse(pixels, known))


def test_what_lies_in_holes_does_not_matter_even_if_it_is_no_number():
    pixels, known = weave(), known_of((96, 120))
    hidden = np.where(known, pixels, np.float32(np.nan))
    assert np.array_equal(fill_sparse(pixels, known), fill_sparse(hidden, known))


def test_a_weave_is_continued_to_the_level_of_its_noise_where_diffusion_loses_it():
    pixels, known = weave(), known_of((96, 120))
    sparse, telea = fill_sparse(pixels, known), fill_telea(pixels, ~known)
    error, smeared = (np.sqrt(np.mean((filled - pixels)[~known] ** 2)) for filled in (sparse, telea))
    assert error < 0.04  # twice the noise
    assert error < 0.4 * smeared


def test_a_hole_at_the_corner_is_continued_like_one_inside():
    pixels, known = weave(), np.ones((96, 120), bool)
    known[:20, :20] = False
    assert np.sqrt(np.mean((fill_sparse(pixels, known) - pixels)[~known] ** 2)) < 0.06


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (3, 50), (64, 64), (130, 20)])
def test_an_even_picture_of_any_size_stays_even(shape):
    known = np.zeros(shape, bool)
    known[0, 0] = True
    assert np.allclose(fill_sparse(np.full(shape, 0.25, np.float32), known), 0.25, atol=1e-4)


def test_a_hole_larger_than_all_windows_gets_no_wild_values():
    pixels, known = np.full((300, 300), 0.5, np.float32), np.zeros((300, 300), bool)
    known[:8] = True
    pixels[:8] = cv2.resize(weave(), (300, 8))
    filled = fill_sparse(pixels, known)
    assert np.isfinite(filled).all()
    assert abs(float(filled[200:].mean()) - float(pixels[:8].mean())) < 0.1


def test_nothing_known_or_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="no pixel is known"):
        fill_sparse(weave(), np.zeros((96, 120), bool))
    with pytest.raises(ValueError, match="expected the same shape"):
        fill_sparse(weave(), np.ones((96, 121), bool))


def test_an_image_without_holes_is_returned_as_it_is():
    assert np.array_equal(fill_sparse(weave(), np.ones((96, 120), bool)), weave())
