"""Checks that an encoder can take a pool's images, made while planning."""

from collections.abc import Iterator, Sequence

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.encoders import (
    Clustering,
    Encoder,
    EncoderRecipe,
    Trained,
    Training,
    Transferred,
)
from coldstart.config.recipes.encoders.from_file import FromFile
from coldstart.config.recipes.encoders.pretrained import Pretrained
from coldstart.config.recipes.encoders.scan import Scan
from coldstart.config.recipes.encoders.self_label import SelfLabel
from coldstart.config.recipes.learners.base import Learner, Network

Size = tuple[int, int]


def misfit(recipe: Encoder, shape: Sequence[int]) -> str | None:
    """Say why an encoder cannot take images of a shape [H, W, C]; None if it can."""
    if not isinstance(recipe, Trained):
        return None
    image: Size = (shape[0], shape[1])
    views = [size_of(view, image) for view in recipe.views]
    found = [_of_other_size(recipe, image, size) for size in (image, *views)]
    found += [_not_square(recipe, size) for size in views]
    found += [_refused(view, image) for view in recipe.views]
    found += [_unlike(recipe, views)]
    return next(filter(None, found), None)


def misfit_of_learner(recipe: Learner, shape: Sequence[int]) -> str | None:
    """Say why a learner cannot take images of a shape [H, W, C]; None if it can."""
    if not isinstance(recipe, Network):
        return None
    image: Size = (shape[0], shape[1])
    trainings = recipe.streams().values()
    views = [size_of(view, image) for training in trainings for view in training.views]
    found = [_of_other_size(recipe, image, size) for size in (image, *views)]
    found += [_refused(view, image) for training in trainings for view in training.views]
    return next(filter(None, found), None)


def size_of(view: Augmentation, image: Size) -> Size:
    """Height and width of the views of an image."""
    return list(_sizes(view, image))[-1]


def _sizes(view: Augmentation, image: Size) -> Iterator[Size]:
    """Height and width before each transform, and after the last."""
    yield image
    for transform in view.transforms:
        image = transform.resized(*image)
        yield image


def _of_other_size(recipe: Training, image: Size, size: Size) -> str | None:
    family, smallest = recipe.backbone.family, recipe.backbone.smallest
    what = f"{'images' if size == image else 'views'} of {size[0]} x {size[1]} pixels"
    if min(size) < smallest:
        return f"a backbone of family {family} takes {smallest} pixels a side or more, not {what}"
    if recipe.backbone.fixed and size != image:
        return (
            f"a backbone of family {family} has weights for one size, the images' "
            f"{image[0]} x {image[1]}, and cannot take {what}: leave out the crop's size"
        )
    return None


def _not_square(recipe: Trained, size: Size) -> str | None:
    if recipe.square and size[0] != size[1]:
        return (
            f"a view has {size[0]} x {size[1]} pixels, and a quarter turn needs a square: give its "
            "augmentation a crop with a `size`"
        )
    return None


def _unlike(recipe: Trained, views: Sequence[Size]) -> str | None:
    if recipe.alone or len(set(views[:2])) == 1:
        return None
    first, second = (f"{height} x {width}" for height, width in views[:2])
    return (
        f"the first two views have {first} and {second} pixels, and "
        f"method {recipe.method} passes them as one batch: give their crops the same `size`"
    )


def _refused(view: Augmentation, image: Size) -> str | None:
    steps = zip(view.transforms, _sizes(view, image), strict=False)
    return next(filter(None, (transform.misfit(*size) for transform, size in steps)), None)


def misfit_elsewhere(recipe: Encoder, trained: Sequence[int], shape: Sequence[int]) -> str | None:
    """Say why an encoder trained on images of one shape cannot embed those of another.

    Args:
        recipe: the encoder's.
        trained: shape [H, W, C] of the images that it was trained on.
        shape: of those that it is to embed.
    """
    if isinstance(recipe, FromFile):
        return None
    if shape[2] != trained[2]:
        return f"it was trained on images of {trained[2]} channels, and these have {shape[2]}"
    if not isinstance(recipe, Trained) or recipe.backbone.fixed:
        if list(shape) != list(trained):
            sizes = (f"{height} x {width}" for height, width, _ in (trained, shape))
            return f"its weights are for images of {next(sizes)}, and these have {next(sizes)}"
        return None
    return _of_other_size(recipe, (shape[0], shape[1]), (shape[0], shape[1]))


def misstart(recipe: Trained, start: EncoderRecipe, shape: Sequence[int]) -> str | None:
    """Say why a training cannot start from an encoder; None if it can.

    Args:
        recipe: of the training.
        start: the encoder that it is to start from.
        shape: of the images [H, W, C].
    """
    if isinstance(start, Transferred):
        return "it is another pool's: name an encoder that is trained on this one"
    if isinstance(start, Pretrained) and shape[2] != len(start.mean):
        return f"its weights are for images of 3 channels, and these have {shape[2]}"
    if isinstance(recipe, SelfLabel) and not isinstance(start, Scan):
        return f"it is of method {start.method}: self-labelling goes on from one of method scan"
    if isinstance(start, Clustering) and isinstance(recipe, Scan):
        return f"it is of method {start.method}: name the encoder that was there before any cluster"
    if not isinstance(start, Trained | Pretrained):
        return f"one of method {start.method} has no network to train on: name one that was trained"
    if (
        isinstance(start, Scan)
        and isinstance(recipe, Clustering)
        and start.clusters != recipe.clusters
    ):
        return f"it has {start.clusters} clusters, and this recipe has {recipe.clusters}"
    if start.backbone != recipe.backbone:
        return "it has another backbone: give both recipes the same one, at every scale"
    return None
