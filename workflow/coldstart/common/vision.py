"""Import torchvision, also beside a CPU build of torch.

The registry's torchvision wheels for Linux are built against CUDA. Beside a CPU build of torch
their compiled operators do not load, and ``import torchvision`` then fails with ``operator
torchvision::nms does not exist`` (seen with torch 2.13.0+cpu and torchvision 0.28.0), although
nothing here needs an operator. Declaring the two names that it looks for lets all the rest load.
Import torchvision through this module only: ``from coldstart.common.vision import torchvision``.
"""

import sys

import torch

_stand_ins: torch.library.Library | None = None  # kept alive: the declarations go with the object

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    for _name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[_name]
    _stand_ins = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _stand_ins.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

__all__ = ["torchvision"]
