"""Makes the pictures and videos in ``media`` beside it, small ones of every kind: ``python tests/fuzz/corpus/make.py``.

Needs the extra ``dev`` and the program ffmpeg.
"""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

HERE = Path(__file__).parent / "media"


def main() -> None:
    """Write all of them."""
    HERE.mkdir(exist_ok=True)
    y, x = np.mgrid[:24, :32]
    grey = (8 * x + y).astype(np.uint8)
    image = Image.fromarray(grey)
    colour = Image.merge("RGB", (image, image.rotate(180), Image.new("L", image.size, 99)))
    frames = [image.rotate(90 * turn) for turn in range(4)]

    image.save(HERE / "grey.jpg", quality=60)
    colour.save(HERE / "progressive.jpg", quality=60, progressive=True)
    colour.convert("CMYK").save(HERE / "cmyk.jpg", quality=60)
    image.save(HERE / "grey.png")
    colour.convert("P").save(HERE / "palette.png", transparency=3)
    cv2.imwrite(str(HERE / "sixteen.png"), cv2.cvtColor(grey.astype(np.uint16) * 257, cv2.COLOR_GRAY2BGRA))
    Image.new("L", (1, 1), 9).save(HERE / "one.png")
    image.save(HERE / "grey.bmp")
    image.save(HERE / "grey.pgm")
    colour.save(HERE / "lzw.tif", compression="tiff_lzw")
    colour.convert("CMYK").save(HERE / "cmyk.tif")
    colour.save(HERE / "colour.webp", quality=50)
    for suffix in ("gif", "png", "webp"):
        frames[0].save(HERE / f"animated.{suffix}", save_all=True, append_images=frames[1:], duration=100)

    raw = b"".join(np.asarray(frame.convert("RGB").resize((32, 24))).tobytes() for frame in frames)
    source = "ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s 32x24 -r 10 -i - -fflags +bitexact -flags:v +bitexact"
    for name, codec in (
        ("h264.mp4", "-c:v libx264 -pix_fmt yuv420p"),
        ("mpeg4.avi", "-c:v mpeg4"),
        ("mjpeg.avi", "-c:v mjpeg"),
        ("stream.mjpeg", "-c:v mjpeg"),
        ("vp8.webm", "-c:v libvpx"),
    ):
        subprocess.run([*source.split(), *codec.split(), HERE / name], input=raw, check=True)

    # 40000 x 40000 pixels, says the header.
    small = (HERE / "grey.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 40_000, 40_000) + small[24:29]
    (HERE / "announces-too-much.png").write_bytes(
        small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]
    )
    # A chunk of 2 GB, and no more than its header.
    (HERE / "announces-long-chunk.png").write_bytes(small[:33] + struct.pack(">I", 0x7F000000) + small[37:])
    (HERE / "empty.jpg").write_bytes(b"")


main()
