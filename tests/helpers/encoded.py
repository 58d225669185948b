"""Images as files in memory, those among them that Pillow does not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from coldstart.data.sources.decode import decode


def saved(image, kind, **options):
    """Write an image or an array with Pillow."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file


def as_is(file, shape, channels=3, levels=None):
    """Decode an image at its own size."""
    return decode(file, *shape[:2], channels, "squash", levels)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, bits, colour, rows, *chunks):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    lines = b"".join(b"\0" + row for row in rows)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(chunks)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def tiff(values, order, deflated=False, **tags):
    """A TIFF of numbers as they are, which Pillow itself does not write."""
    dtype = np.dtype(values.dtype).newbyteorder(order)
    height, width, *samples = values.shape
    channels = samples[0] if samples else 1
    data = values.astype(dtype).tobytes()
    data = zlib.compress(data) if deflated else data
    # Compression, black is zero or RGB, where the data lies, rows and bytes of the one strip.
    fields = {256: width, 257: height, 259: 8 if deflated else 1, 262: 2 if samples else 1, 273: 8}
    fields |= {
        277: channels,
        278: height,
        279: len(data),
        **{int(k[1:]): v for k, v in tags.items()},
    }
    body = data + b"\0" * (-len(data) % 2)
    bits = struct.pack(f"{order}{channels}H", *[8 * dtype.itemsize] * channels)
    where = 8 + len(body)
    entries = {tag: struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in fields.items()}
    inline = bits.ljust(4, b"\0") if channels <= 2 else struct.pack(f"{order}I", where)
    entries[258] = struct.pack(f"{order}HHI", 258, 3, channels) + inline
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(map(entries.get, sorted(entries)))
    start = where + (len(bits) if channels > 2 else 0)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return io.BytesIO(
        header + body + (bits if channels > 2 else b"") + directory + struct.pack(f"{order}I", 0)
    )
