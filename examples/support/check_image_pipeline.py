#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs image_pipeline on real photographs and a file that crashes its worker; checks every pixel.

    check_image_pipeline.py PROGRAM PHOTOS SCRATCH

Every thumbnail must be the one that the program makes without processes. Those of the PNG and the
PPM file, which Python can read alone, are also computed here once more.
"""
import os
import pathlib
import re
import shutil
import struct
import sys
import zlib

from running import check, run

SIDE = 96
BAD = {"truncated.png": "failed", "corrupt.ppm": "lost"}


def read_png(path):
    """width, height, rows of RGB bytes."""
    data = path.read_bytes()
    check(data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is not a PNG file")
    position, packed = 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position:position + 8])
        chunk = data[position + 8:position + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunk)
            check((depth, colour, interlaced) == (8, 2, 0), f"{path} is not plain 8-bit RGB")
        elif kind == b"IDAT":
            packed += chunk
        position += length + 12
    raw, rows, above, step = zlib.decompress(packed), [], bytes(width * 3), width * 3 + 1
    for start in range(0, height * step, step):
        how, line = raw[start], bytearray(raw[start + 1:start + step])
        for i, value in enumerate(line):
            left = line[i - 3] if i >= 3 else 0
            corner = above[i - 3] if i >= 3 else 0
            guess = left + above[i] - corner
            paeth = min((left, above[i], corner), key=lambda c: abs(guess - c))
            predicted = (0, left, above[i], (left + above[i]) // 2, paeth)[how]
            line[i] = (value + predicted) % 256
        rows.append(bytes(line))
        above = rows[-1]
    return width, height, rows


def read_ppm(path):
    header, data = re.match(rb"P6\n(\d+) (\d+)\n255\n", path.read_bytes()), path.read_bytes()
    width, height = map(int, header.groups())
    pixels = data[header.end():]
    return width, height, [pixels[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def thumbnail(width, height, rows):
    longest = max(width, height)
    new_width, new_height = [(n * SIDE + longest // 2) // longest for n in (width, height)]

    def average(x, y, channel):
        values = [rows[row][column * 3 + channel]
                  for row in range(y * height // new_height, (y + 1) * height // new_height)
                  for column in range(x * width // new_width, (x + 1) * width // new_width)]
        return (sum(values) + len(values) // 2) // len(values)

    small = [[[average(x, y, channel) for channel in range(3)] for x in range(new_width)]
             for y in range(new_height)]

    def soft(x, y, channel):
        total = 0
        for down, row_weight in ((-1, 1), (0, 2), (1, 1)):
            for right, column_weight in ((-1, 1), (0, 2), (1, 1)):
                row = small[min(max(y + down, 0), new_height - 1)]
                total += row_weight * column_weight * row[min(max(x + right, 0), new_width - 1)][channel]
        return (total + 8) // 16

    return new_width, new_height, [bytes(soft(x, y, channel) for x in range(new_width)
                                         for channel in range(3)) for y in range(new_height)]


def check_picture(trace, good):
    """The picture of the run has a box per file, failed ones in another colour, and the death."""
    picture = trace.with_suffix(".svg")
    script = pathlib.Path(__file__).resolve().parents[2] / "scripts/draw_trace.py"
    run([sys.executable, str(script), str(trace), str(picture)])
    drawn = picture.read_text(encoding="utf-8")
    boxes = dict(re.findall(r"<title>([\w.]+): [\d.]+ ms(, failed)?</title>", drawn))
    check(boxes == dict.fromkeys(good, "") | dict.fromkeys(BAD, ", failed"), f"the picture shows {boxes}")
    check("killed by signal 11" in drawn, "the picture does not show the death")


def main():
    program, photos, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    shutil.rmtree(scratch, ignore_errors=True)
    good_only, serial, pooled = scratch / "good", scratch / "serial", scratch / "pooled"
    good_only.mkdir(parents=True)
    good = sorted(path for path in photos.iterdir() if path.name not in BAD)
    check(len(good) >= 4, f"too few photographs in {photos}")
    for photo in good:
        shutil.copy(photo, good_only)

    run([program, str(good_only), str(serial), "0"])
    trace = scratch / "run.json"
    os.environ["CONCURRENT_FUTURES_TRACE"] = str(trace)
    output = run([program, str(photos), str(pooled), "2"])
    del os.environ["CONCURRENT_FUTURES_TRACE"]

    lines = output.splitlines()
    said = {match[2]: match[1] for match in
            (re.match(r"(ok|failed|lost) +(\S+?):? ", line) for line in lines[:-1])}
    expected = {photo.name: "ok" for photo in good} | BAD
    check(said == expected and list(said) == sorted(said), f"{said} should be {expected}", output)
    lost = next(line for line in lines if line.startswith("lost"))
    check(re.search(r"\d", lost) and re.search(r"signal 11|SIGSEGV", lost),
          "the lost file's line names the process and the signal", output)
    check("libpng" in next(line for line in lines if line.startswith("failed")),
          "the refused file's line gives libpng's reason", output)
    check(re.fullmatch(rf"{len(good)} ok, 1 failed, 1 lost: [\d.]+ s; .*added up: [\d.]+ s", lines[-1]),
          "no totals", output)

    made = sorted(path.name for path in pooled.iterdir())
    check(made == [f"{photo.name}.png" for photo in good], f"the pool wrote {made}", output)
    for photo in good:
        name = f"{photo.name}.png"
        size = re.search(rf"ok +{photo.name} (\d+)x(\d+) -> (\d+)x(\d+)", output)
        width, height, rows = read_png(pooled / name)
        check((width, height) == (int(size[3]), int(size[4])) and max(width, height) == SIDE,
              f"{name} is {width}x{height}", output)
        check((width, height, rows) == read_png(serial / name), f"{name} differs from the serial one")
        if photo.suffix in (".png", ".ppm"):
            original = read_png(photo) if photo.suffix == ".png" else read_ppm(photo)
            check(original[:2] == (int(size[1]), int(size[2])), f"{photo} has another size", output)
            check((width, height, rows) == thumbnail(*original), f"{name} has wrong pixels")
        else:
            check(len(set(b"".join(rows))) > 50, f"{name} is no photograph")
    check_picture(trace, [photo.name for photo in good])
    print(output)


main()
