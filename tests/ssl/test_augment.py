"""Batched augmentation against torchvision, one image at a time."""

import importlib
import itertools
from functools import partial

import numpy as np
import pytest
import scipy.stats
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from coldstart.config.encoders import Augmentation, Blur, Crop, Flip, Grey, Jitter
from coldstart.errors import ColdstartError
from coldstart.ssl import augment as module
from coldstart.ssl.augment import BRIGHTNESS, CONTRAST, HUE, SATURATION, augment
from coldstart.vision import torchvision

T = torchvision.transforms
V1 = torchvision.transforms.functional
V2 = importlib.import_module("torchvision.transforms.v2.functional")
STEP = 1 / 255
"""Between two neighbouring values of a uint8 image; the reference rounds to it or cuts to it."""
ROUNDING = 5e-6
LEVEL = 1e-3
"""Of the statistical tests; the seeds are fixed, so each passes always or never."""


@pytest.fixture(autouse=True)
def one_thread():
    """The reference's images are too small to share between threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_images(number, channels=3, height=32, width=32, seed=0):
    """Pixels that a uint8 image can hold: smooth on the left, noise on the right, some grey."""
    noise = torch.rand(number, channels, height, width, generator=seeded(seed))
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    images = torch.where(across < 0.5, (noise[:, :, :1, :1] + down + across) / 3, noise)
    images[:, :, :4, -4:] = images[:, :1, :4, -4:]
    images[:, :, -2:, -2:] = noise[:, :, -2:, -2:].round()
    return (images * 255).round() / 255


def one_by_one(function, images, *parameters):
    return torch.stack([function(*row) for row in zip(images, *parameters, strict=True)])


def through_pil(function):
    """The reference on a PIL image, rounded to uint8 after every step as torchvision does."""
    return lambda image, *parameters: V1.to_tensor(function(V1.to_pil_image(image), *parameters))


def through_uint8(function):
    def apply(image, *parameters):
        return function((image * 255).round().to(torch.uint8), *parameters).float() / 255

    return apply


def assert_near(result, reference, tolerance=ROUNDING):
    assert result.shape == reference.shape
    assert result.dtype == torch.float32
    assert (result - reference).abs().max().item() <= tolerance
    assert result.min() >= 0
    assert result.max() <= 1


# --- Application, with given parameters ---


@pytest.mark.parametrize(("height", "width"), [(32, 32), (17, 40), (40, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_crop_resize_is_torchvisions(height, width, channels):
    images = make_images(60, channels, height, width)
    boxes = module.draw_boxes(60, height, width, [0.02, 1.0], [0.3, 3.0], seeded())
    boxes[0] = torch.tensor([0, 0, height, width])
    boxes[1] = torch.tensor([height - 1, width - 1, 1, 1])
    result = module.crop_resize(images, boxes)

    def crop(functional):
        return lambda image, box: functional.resized_crop(
            image, *box.tolist(), [height, width], antialias=True
        )

    assert_near(result, one_by_one(crop(V1), images, boxes))
    assert_near(result, one_by_one(crop(V2), images, boxes))
    assert_near(result, one_by_one(through_pil(crop(V1)), images, boxes), STEP + 1e-4)
    assert torch.equal(result[0], images[0])


STRENGTHS = {BRIGHTNESS: "brightness", CONTRAST: "contrast", SATURATION: "saturation", HUE: "hue"}


def reference_jitter(functional, image, factors, order):
    for operation in order.tolist():
        adjust = getattr(functional, f"adjust_{STRENGTHS[operation]}")
        image = adjust(image, float(factors[operation]))
    return image


def draw_factors(number, seed=1):
    factors = torch.rand(number, 4, generator=seeded(seed)) * 2
    factors[:, HUE] = factors[:, HUE] / 2 - 0.5
    factors[:4, HUE] = torch.tensor([-0.5, 0.0, 1 / 6, 0.5])
    factors[:4, :HUE] = torch.tensor([0.0, 1.0, 2.0, 0.5])[:, None]
    return factors


@pytest.mark.parametrize(
    ("operation", "channels"),
    [(BRIGHTNESS, 3), (CONTRAST, 3), (SATURATION, 3), (HUE, 3), (BRIGHTNESS, 1), (CONTRAST, 1)],
)
def test_each_colour_operation_is_torchvisions(operation, channels):
    images = make_images(40, channels)
    factors = draw_factors(40)
    order = torch.full((40, 1), operation)
    result = module.jitter(images, factors, order, hue=operation == HUE)
    for functional in (V1, V2):
        reference = partial(reference_jitter, functional)
        assert_near(result, one_by_one(reference, images, factors, order))
    # In uint8 the reference rounds its result and the grey that it blends in, by a step at most. It
    # rounds hues too, which is coarser than the pixels.
    if operation != HUE:
        for rounded in (through_pil, through_uint8):
            reference = one_by_one(rounded(partial(reference_jitter, V1)), images, factors, order)
            assert_near(result, reference, 2 * STEP)


@pytest.mark.parametrize("operations", [range(4), (0, 1, 2), (0, 2, 3), (3, 1)])
def test_jitter_applies_the_operations_in_each_images_order(operations):
    orders = torch.tensor(list(itertools.permutations(operations)))
    orders = orders.repeat(3, 1)[torch.randperm(3 * len(orders), generator=seeded())]
    images, factors = make_images(len(orders)), draw_factors(len(orders))
    result = module.jitter(images, factors, orders, hue=HUE in operations)
    reference = one_by_one(partial(reference_jitter, V1), images, factors, orders)
    assert_near(result, reference, 2e-5)
    reversed_ = one_by_one(partial(reference_jitter, V1), images, factors, orders.flip(1))
    assert (result - reversed_).abs().max() > 10 * STEP


@pytest.mark.parametrize("channels", [1, 3])
def test_greyscale_is_torchvisions(channels):
    images = make_images(10, channels)
    result = module.greyscale(images)
    for functional in (V1, V2):
        assert_near(
            result, one_by_one(lambda x, f=functional: f.rgb_to_grayscale(x, channels), images)
        )
    grey = through_pil(lambda x: V1.to_grayscale(x, channels))
    assert_near(result, one_by_one(grey, images), STEP)


@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 32, 32), (1, 8, 8), (23, 32, 12)])
@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_torchvisions(kernel, height, width, channels):
    images = make_images(20, channels, height, width)
    sigma = torch.linspace(0.1, 4, 20)
    result = module.gaussian_blur(images, sigma, kernel)

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
        module.gaussian_blur(torch.rand(2, 3, 8, 20), torch.ones(2), kernel)


# --- Draws, in distribution ---


def same_distribution(ours, theirs):
    tests = [scipy.stats.ks_2samp(a.numpy(), b.numpy()) for a, b in zip(ours, theirs, strict=True)]
    return min(test.pvalue for test in tests) > LEVEL


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
def test_boxes_are_drawn_like_torchvisions(height, width, scale, ratio):
    torch.manual_seed(0)
    image = torch.empty(3, height, width)
    theirs = torch.tensor(
        [T.RandomResizedCrop.get_params(image, scale, ratio) for _ in range(3000)]
    )
    ours = module.draw_boxes(30000, height, width, scale, ratio, seeded())
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
def test_boxes_fall_back_to_torchvisions(height, width, ratio):
    scale = [0.9, 1.0] if height != width else [1.5, 2.0]
    expected = T.RandomResizedCrop.get_params(torch.empty(3, height, width), scale, ratio)
    boxes = module.draw_boxes(200, height, width, scale, ratio, seeded())
    assert boxes.unique(dim=0).tolist() == [list(expected)]


def jitter_recipe(probability=1.0, **strengths):
    return Jitter(op="jitter", probability=probability, **strengths)


def test_jitter_factors_are_uniform_in_torchvisions_ranges():
    strengths = {"brightness": 0.4, "contrast": 1.5, "saturation": 0.8, "hue": 0.1}
    theirs = T.ColorJitter(**strengths)
    factors, _ = module.draw_jitter(20000, jitter_recipe(**strengths), range(4), seeded())
    for operation, name in STRENGTHS.items():
        low, high = getattr(theirs, name)
        drawn = factors[:, operation].numpy()
        assert scipy.stats.kstest(drawn, "uniform", (low, high - low)).pvalue > LEVEL
    correlation = np.corrcoef(factors.T) - np.eye(4)
    assert np.abs(correlation).max() < 4 / np.sqrt(20000)


@pytest.mark.parametrize("operations", [(0, 1, 2, 3), (0, 2, 3), (1, 3)])
def test_every_order_of_the_operations_is_equally_likely(operations):
    _, orders = module.draw_jitter(24000, jitter_recipe(hue=0.1), operations, seeded())
    found, counts = orders.unique(dim=0, return_counts=True)
    assert sorted(map(tuple, found.tolist())) == sorted(itertools.permutations(operations))
    assert scipy.stats.chisquare(counts.numpy()).pvalue > LEVEL


TRANSFORMS = {
    "flip": lambda p: Flip(op="flip", probability=p),
    "grey": lambda p: Grey(op="grey", probability=p),
    "blur": lambda p: Blur(op="blur", probability=p, sigma=[1.0, 2.0]),
    "jitter": lambda p: jitter_recipe(p, brightness=0.5, hue=0.2),
}


def changed(views, images):
    return (views != images).flatten(1).any(1)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_transform_is_applied_with_its_probability(name, probability):
    images = make_images(1, height=8, width=8).expand(4000, -1, -1, -1)
    recipe = Augmentation(transforms=[TRANSFORMS[name](probability)])
    applied = changed(augment(images, recipe, seeded()), images)
    assert scipy.stats.binomtest(int(applied.sum()), 4000, probability).pvalue > LEVEL
    if 0 < probability < 1:  # images draw independently of their neighbours
        pairs = torch.bincount(2 * applied[:-1].int() + applied[1:].int(), minlength=4)
        assert scipy.stats.chi2_contingency(pairs.view(2, 2).numpy()).pvalue > LEVEL


ALL = [
    Crop(op="crop", scale=[0.2, 1.0]),
    Flip(op="flip"),
    jitter_recipe(0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    Grey(op="grey", probability=0.2),
    Blur(op="blur", probability=0.5),
]


@pytest.mark.parametrize("backwards", [False, True])
def test_views_are_distributed_like_torchvisions(backwards):
    theirs = [
        T.RandomResizedCrop(32, (0.2, 1.0), antialias=True),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        T.RandomGrayscale(0.2),
        T.RandomApply([T.GaussianBlur(3)], 0.5),
    ]
    step = -1 if backwards else 1
    image = make_images(1)
    torch.manual_seed(0)
    pipeline = T.Compose(theirs[::step])
    reference = torch.stack([pipeline(image[0]) for _ in range(800)])
    recipe = Augmentation(transforms=ALL[::step])
    views = augment(image.expand(4000, -1, -1, -1), recipe, seeded())

    def statistics(batch):
        red, green, blue = batch.unbind(1)
        colour = (red - green).abs().mean((1, 2))
        tilt = (red - blue).mean((1, 2))
        asymmetry = batch[..., :16].mean((1, 2, 3)) - batch[..., 16:].mean((1, 2, 3))
        edges = batch.diff(dim=-1).abs().mean((1, 2, 3))
        spread = batch.flatten(1).std(1)
        return batch.mean((1, 2, 3)), spread, colour, tilt, asymmetry, edges, batch[:, 0, 9, 9]

    assert same_distribution(statistics(views), statistics(reference))


def test_batch_scope_shares_one_draw():
    images = make_images(1).expand(8, -1, -1, -1)
    shared = Augmentation(transforms=ALL, scope="batch")
    generator = seeded()
    batches = [augment(images, shared, generator) for _ in range(20)]
    assert all((views - views[0]).abs().max() < ROUNDING for views in batches)
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(batches))
    own = augment(images, Augmentation(transforms=ALL), generator)
    assert len(own.flatten(1).unique(dim=0)) == 8


def test_batch_scope_decides_once_for_all():
    images, generator = make_images(6), seeded()
    recipe = Augmentation(transforms=[Flip(op="flip", probability=0.4)], scope="batch")
    applied = [changed(augment(images, recipe, generator), images).tolist() for _ in range(400)]
    assert all(len(set(batch)) == 1 for batch in applied)
    assert scipy.stats.binomtest(sum(batch[0] for batch in applied), 400, 0.4).pvalue > LEVEL


@pytest.mark.parametrize("scope", ["image", "batch"])
def test_the_generator_alone_decides(scope):
    images, recipe = make_images(30), Augmentation(transforms=ALL, scope=scope)
    before = torch.get_rng_state()
    first = augment(images, recipe, seeded(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(augment(images, recipe, seeded(3)), first)
    assert not torch.equal(augment(images, recipe, seeded(4)), first)


@pytest.mark.parametrize("scope", ["image", "batch"])
def test_accelerators_compute_the_same_views(scope, monkeypatch):
    images, recipe = make_images(64), Augmentation(transforms=ALL, scope=scope)
    expected = augment(images, recipe, seeded(5))
    monkeypatch.setattr(module, "_values_are_free", lambda tensor: False)
    assert_near(augment(images, recipe, seeded(5)), expected)


def test_accelerators_never_wait_for_a_value(monkeypatch):
    # A fake tensor has no values: asking for one, or for a shape that depends on one, raises.
    def run():
        with FakeTensorMode():
            return augment(torch.empty(8, 3, 32, 32), Augmentation(transforms=ALL), seeded())

    with pytest.raises(Exception, match="nonzero"):
        run()
    monkeypatch.setattr(module, "_values_are_free", lambda tensor: False)
    assert run().shape == (8, 3, 32, 32)


@pytest.mark.parametrize("transforms", [[], *([t] for t in ALL), ALL], ids=lambda t: str(len(t)))
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_views_keep_the_images_form_and_leave_them_alone(transforms, channels, layout):
    images = make_images(16, channels, 12, 20).contiguous(memory_format=layout)
    kept, recipe = images.clone(), Augmentation(transforms=transforms)
    views = augment(images, recipe, seeded())
    assert views.is_contiguous(memory_format=layout)
    assert_near(views, augment(images.contiguous(), recipe, seeded()), 0)
    assert torch.equal(images, kept)
    assert views.data_ptr() != images.data_ptr()


def test_jitter_of_no_strength_changes_nothing():
    images = make_images(8)
    still = Augmentation(transforms=[jitter_recipe()])
    assert torch.equal(augment(images, still, seeded()), images)
    for operation, name in STRENGTHS.items():
        jitter = jitter_recipe(**{name: 0.3})
        assert module.jitter_operations(jitter, 3) == [operation]
        assert changed(augment(images, Augmentation(transforms=[jitter]), seeded()), images).all()


def test_one_channel_has_no_colour():
    images = make_images(8, channels=1)
    colour = [jitter_recipe(saturation=0.9, hue=0.5), Grey(op="grey", probability=1.0)]
    assert torch.equal(augment(images, Augmentation(transforms=colour), seeded()), images)
    full = jitter_recipe(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    assert changed(augment(images, Augmentation(transforms=[full]), seeded()), images).all()


def test_autocast_does_not_coarsen_the_views():
    images, recipe = make_images(8), Augmentation(transforms=ALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        views = augment(images, recipe, seeded())
    assert torch.equal(views, augment(images, recipe, seeded()))
