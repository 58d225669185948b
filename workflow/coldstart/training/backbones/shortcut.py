"""The shortcut of residual networks, past a bug of oneDNN."""

from torch import Tensor, nn
from torch.nn import functional


class Shortcut(nn.Conv2d):
    """A 1x1 convolution with a stride, as one without a stride of every other pixel."""

    # oneDNN 3.x on a CPU writes outside its buffer in the backward pass of the strided one, in
    # channels last with fewer input channels than its block of 8 or 16
    # (https://github.com/uxlfoundation/oneDNN/issues/6035): wrong gradients, or a crash.
    def forward(self, images: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, D, ceil(H / stride), ceil(W / stride)]."""
        rows, columns = self.stride
        return functional.conv2d(images[:, :, ::rows, ::columns], self.weight)
