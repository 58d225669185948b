"""Resampling of whole batches along rows and columns."""

import torch
from torch import Tensor


def multiply(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Multiply each channel X of an image by its matrices: ``rows @ X @ columns.T``."""
    number, channels, height, width = images.shape
    # With the channels between rows and columns, both products take all channels in one matrix.
    lines = images.transpose(1, 2).reshape(number, height * channels, width)
    below, across = rows.shape[1], columns.shape[1]
    lines = torch.bmm(lines, columns.transpose(1, 2)).view(number, height, channels * across)
    lines = torch.bmm(rows, lines).view(number, below, channels, across)
    # Rounding can make a mean of ones exceed 1.
    return lines.transpose(1, 2).contiguous().clamp_(0, 1)
