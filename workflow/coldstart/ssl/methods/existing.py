"""A network of torchvision or timm with weights from a file: nothing is trained.

The classifier goes, and with it its weights; the embedding is what the classifier saw.
"""

from torch import nn

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.recipes.encoders.existing import Existing
from coldstart.ssl.from_file import read, restore

__all__ = ["build", "read", "restore"]


def build(recipe: Existing) -> nn.Module:
    """Build a library's network without its classifier; its weights are drawn.

    Raises:
        ColdstartError: the library is not installed, or has no such network, or that has no
            classifier that could be taken off.
    """
    return (_timm if recipe.library == "timm" else _torchvision)(recipe)


def _torchvision(recipe: Existing) -> nn.Module:
    # Imported here: its models take 4 seconds, which no other job should wait.
    from coldstart.common.vision import torchvision

    models = torchvision.models
    known = models.list_models(module=models)
    if recipe.name not in known:
        raise ColdstartError(f"torchvision has no network `{recipe.name}`{_near(recipe, known)}")
    network: nn.Module = models.get_model(recipe.name, weights=None)
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ColdstartError(f"`{recipe.name}` does not end in a linear classifier: take another")
    network.set_submodule(linear[-1], nn.Identity())
    return network


def _timm(recipe: Existing) -> nn.Module:
    # timm imports torchvision, which needs this first.
    import coldstart.common.vision  # noqa: F401

    try:
        import timm
    except ModuleNotFoundError:
        raise ColdstartError(
            f"`{recipe.name}` is a network of timm, which is not installed: "
            "pip install 'coldstart[timm]', or `conda install timm`"
        ) from None
    known = timm.list_models()
    # A name may carry the weights' tag behind a dot. Others, such as hf-hub:..., are downloads.
    if recipe.name.partition(".")[0] not in known:
        raise ColdstartError(f"timm has no network `{recipe.name}`{_near(recipe, known)}")
    network: nn.Module = timm.create_model(recipe.name, pretrained=False, num_classes=0)
    return network


def _near(recipe: Existing, known: list[str]) -> str:
    """The nearest name; a thousand others are no help."""
    hint = nearest(recipe.name, known)
    return hint if hint.startswith("; did") else ""
