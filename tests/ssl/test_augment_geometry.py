"""Crops, shifts, cutout and blur of whole batches against torchvision, one image at a time."""

import importlib

import pytest
import scipy.stats
import torch

from coldstart.common.errors import ColdstartError
from coldstart.common.vision import torchvision
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.cutout import Cutout
from coldstart.config.recipes.augmentations.shift import Shift
from coldstart.training.augment import augment
from coldstart.training.augment.blur import gaussian_blur, kernel_width
from coldstart.training.augment.crop import crop_resize, draw_boxes
from coldstart.training.augment.cutout import cutout
from coldstart.training.augment.draws import draw_places
from coldstart.training.augment.shift import shift
from tests.helpers.pictures import (
    LEVEL,
    STEP,
    V1,
    assert_near,
    make_images,
    one_by_one,
    same_distribution,
    seeded,
    through_pil,
)

T = torchvision.transforms
V2 = importlib.import_module("torchvision.transforms.v2.functional")


@pytest.mark.parametrize(("height", "width"), [(32, 32), (17, 40), (40, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_crop_equals_torchvision(height, width, channels):
    images = make_images(60, channels, height, width)
    boxes = draw_boxes(60, height, width, [0.02, 1.0], [0.3, 3.0], seeded())
    boxes[0] = torch.tensor([0, 0, height, width])
    boxes[1] = torch.tensor([height - 1, width - 1, 1, 1])
    result = crop_resize(images, boxes, (height, width))

    def crop(functional):
        return lambda image, box: functional.resized_crop(
            image, *box.tolist(), [height, width], antialias=True
        )

    assert_near(result, one_by_one(crop(V1), images, boxes))
    assert_near(result, one_by_one(crop(V2), images, boxes))
    assert_near(result, one_by_one(through_pil(crop(V1)), images, boxes), STEP + 1e-4)
    assert torch.equal(result[0], images[0])


@pytest.mark.parametrize("size", [(9, 9), (24, 20), (64, 64)])
def test_crop_to_another_size_equals_torchvision(size):
    images = make_images(60, 3, 40, 32)
    boxes = draw_boxes(60, 40, 32, [0.05, 1.0], [0.3, 3.0], seeded())
    result = crop_resize(images, boxes, size)

    def crop(functional):
        return lambda image, box: functional.resized_crop(
            image, *box.tolist(), list(size), antialias=True
        )

    assert_near(result, one_by_one(crop(V1), images, boxes))
    assert_near(result, one_by_one(crop(V2), images, boxes))
    assert_near(result, one_by_one(through_pil(crop(V1)), images, boxes), STEP + 1e-4)


def test_size_of_a_crop_may_be_a_share_of_the_image():
    images = make_images(6, 3, 32, 21)
    crops = Augmentation(transforms=[Crop(op="crop", size=0.75)])
    assert augment(images, crops, seeded()).shape == (6, 3, 24, 16)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [5, 24])
def test_size_of_a_crop_is_that_of_the_view(layout, size):
    images = make_images(6, 3, 12, 20).contiguous(memory_format=layout)
    crops = Augmentation(transforms=[Crop(op="crop", size=size)])
    views = augment(images, crops, seeded())
    assert views.shape == (6, 3, size, size)
    assert views.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("channels", [1, 3])
def test_shift_equals_a_crop_of_a_padded_image_by_torchvision(channels):
    images = make_images(81, channels, 12, 20)
    corners = torch.cartesian_prod(torch.arange(-4, 5), torch.arange(-4, 5))

    def crop(functional):
        def apply(image, corner):
            top, left = (corner + 4).tolist()
            return functional.crop(functional.pad(image, [4] * 4), top, left, 12, 20)

        return apply

    for functional in (V1, V2):
        assert_near(shift(images, corners), one_by_one(crop(functional), images, corners), 0)


def test_every_shift_is_equally_likely():
    image = torch.zeros(1, 1, 11, 11)
    image[..., 5, 5] = 1
    shifted = Augmentation(transforms=[Shift(op="shift", pixels=2)])
    views = augment(image.expand(20000, -1, -1, -1), shifted, seeded())
    counts = views.sum(0)[0]
    assert counts[3:8, 3:8].sum() == 20000
    assert scipy.stats.chisquare(counts[3:8, 3:8].flatten().numpy()).pvalue > LEVEL


@pytest.mark.parametrize("side", [1, 4, 5, 30])
def test_cutout_equals_erasing_by_torchvision(side):
    images = make_images(60, 3, 12, 20)
    centres = draw_places(60, 12, 20, seeded())
    centres[:2] = torch.tensor([[0, 0], [11, 19]])

    def erase(image, centre):
        (top, bottom), (left, right) = (
            (max(c - side // 2, 0), min(c - side // 2 + side, end))
            for c, end in zip(centre.tolist(), (12, 20), strict=True)
        )
        return V1.erase(image, top, left, bottom - top, right - left, torch.tensor(0.25))

    result = cutout(images, centres, side, 0.25)
    assert_near(result, one_by_one(erase, images, centres), 0)
    assert (result == 0.25).flatten(1).any(1).all()


def test_centres_of_cutouts_are_uniform():
    cut = Augmentation(transforms=[Cutout(op="cutout", size=1, fill=1.0)])
    counts = augment(torch.zeros(20000, 1, 6, 8), cut, seeded()).sum(0)[0]
    assert counts.sum() == 20000
    assert scipy.stats.chisquare(counts.flatten().numpy()).pvalue > LEVEL


def test_kernel_of_a_blur_is_in_pixels_or_a_share_of_the_side():
    assert kernel_width(7, 224, 224) == 7
    # A tenth: 23 pixels of 224 are BYOL's; 9 of 96 and 3 of 32 are SimCLR's.
    assert [kernel_width(0.1, side, side + 9) for side in (224, 96, 32, 8)] == [23, 9, 3, 1]
    assert kernel_width(0.1, 300, 224) == 23


@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 32, 32), (1, 8, 8), (23, 32, 12)])
@pytest.mark.parametrize("channels", [1, 3])
def test_blur_equals_torchvision(kernel, height, width, channels):
    images = make_images(20, channels, height, width)
    sigma = torch.linspace(0.1, 4, 20)
    result = gaussian_blur(images, sigma, kernel)

    def blur(functional):
        return lambda image, s: functional.gaussian_blur(image, [kernel, kernel], [float(s)] * 2)

    for functional in (V1, V2):
        assert_near(result, one_by_one(blur(functional), images, sigma))
    assert_near(result, one_by_one(through_pil(blur(V1)), images, sigma), STEP)


@pytest.mark.parametrize("kernel", [4, 17])
def test_blur_refuses_a_kernel_it_cannot_apply(kernel):
    with pytest.raises(
        ColdstartError, match=f"kernel is {kernel} pixels wide.*odd number below 16"
    ):
        gaussian_blur(torch.rand(2, 3, 8, 20), torch.ones(2), kernel)


@pytest.mark.parametrize(
    ("height", "width", "scale", "ratio"),
    [
        (32, 32, [0.08, 1.0], [3 / 4, 4 / 3]),
        (32, 32, [0.2, 1.0], [3 / 4, 4 / 3]),
        (32, 32, [0.9, 1.0], [0.5, 2.0]),  # most attempts fail, some images fall back
        (20, 48, [0.6, 1.0], [3 / 4, 4 / 3]),  # only small areas fit
        (96, 64, [0.3, 0.8], [1.0, 2.0]),
    ],
)
def test_boxes_of_crops_are_distributed_like_torchvisions(height, width, scale, ratio):
    torch.manual_seed(0)
    image = torch.empty(3, height, width)
    theirs = torch.tensor(
        [T.RandomResizedCrop.get_params(image, scale, ratio) for _ in range(3000)]
    )
    ours = draw_boxes(30000, height, width, scale, ratio, seeded())
    assert ours.dtype == torch.int64

    def statistics(boxes):
        top, left, h, w = boxes.double().unbind(1)
        slack = top / (height - h).clamp(min=1), left / (width - w).clamp(min=1)
        return (top, left, h, w, h * w, w / h, *slack, slack[0] - slack[1])

    assert same_distribution(statistics(ours), statistics(theirs))


@pytest.mark.parametrize(
    ("height", "width", "ratio"),
    [(10, 40, [3 / 4, 4 / 3]), (40, 10, [3 / 4, 4 / 3]), (32, 32, [0.2, 5.0])],
)
def test_boxes_fall_back_like_torchvisions(height, width, ratio):
    scale = [0.9, 1.0] if height != width else [1.5, 2.0]
    expected = T.RandomResizedCrop.get_params(torch.empty(3, height, width), scale, ratio)
    boxes = draw_boxes(200, height, width, scale, ratio, seeded())
    assert boxes.unique(dim=0).tolist() == [list(expected)]
