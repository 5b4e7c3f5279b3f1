"""Pictures as people have them: turned, deep, with profiles, transparent, damaged → what a viewer shows."""

import io
import struct
import zlib

import numpy as np
import pytest
from media_making import CASES, TURNS, scene
from PIL import Image, ImageCms

from mvlib.datasets import data_root
from mvlib.errors import InputError
from mvlib.media import Unreadable, kind_of, load_picture, orientation_of, read_picture

RAMP = np.tile((np.arange(96, dtype=np.int64) * 65535 // 95), (64, 1))
RAMP8 = np.rint(RAMP / 257).astype(np.uint8)
COLOURS = np.stack([RAMP8, RAMP8[:, ::-1], RAMP8 // 2], -1)


def grey(levels):
    return np.repeat(np.asarray(levels)[..., None], 3, 2)


def off(path, right):
    """The largest difference to ``right``."""
    return np.abs(read_picture(path).astype(int) - right).max()


def write_tiff(path, bits, data, photometric=1, order="<", sample=None):
    """A grey TIFF of 96 x 64, which Pillow would not write in all of these kinds."""
    tags = {256: 96, 257: 64, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 64, 279: len(data)}
    tags |= {339: sample} if sample else {}
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    path.write_bytes(head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4))
    return path


def write_png(path, depth, colour, rows, **chunks):
    """A PNG of 96 x 64 with chunks of one's own."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 96, 64, depth, colour, 0, 0, 0)
    extra = b"".join(chunk(name.encode(), data) for name, data in chunks.items())
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    end = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + end)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tif", "avif"])
def test_all_turns_of_pictures(tmp_path, kind, orientation):
    marks = np.zeros((32, 64, 3), np.uint8)  # four corners of four colours: no turn looks like another
    marks[:16, :32], marks[:16, 32:], marks[16:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"turned.{kind}"
    options = {"lossless": True} if kind == "webp" else {}
    options = {"quality": 100, "subsampling": "4:4:4"} if kind in ("jpg", "avif") else options
    Image.fromarray(marks).save(path, exif=exif, **options)
    right = TURNS[orientation](marks)
    seen = read_picture(path)
    assert seen.shape == right.shape and np.abs(seen.astype(int) - right).mean() < 3
    assert orientation_of(path) == orientation


def test_turned_files_of_others():
    base = np.asarray(Image.open(CASES / "base.png"))
    assert np.array_equal(read_picture(CASES / "exif6.png"), np.rot90(base, -1))
    stored = np.asarray(Image.open(CASES / "exif6.jpg"))
    assert np.array_equal(read_picture(CASES / "exif6.jpg"), np.rot90(stored, -1))
    assert np.array_equal(read_picture(CASES / "exif3.jpg"), np.rot90(stored, 2))


def test_an_orientation_that_does_not_exist_is_none(tmp_path):
    exif = Image.Exif()
    exif[274] = 99
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png"), COLOURS)


def test_sixteen_bits_are_scaled():
    seen = read_picture(CASES / "grey16.png")
    assert seen.mean() == pytest.approx(127.5, abs=0.5) and len(np.unique(seen)) == 96


def test_twelve_bits_that_call_themselves_sixteen_are_dark_and_it_is_told():
    picture = load_picture(CASES / "grey12in16.png")
    assert picture.pixels.max() == round(4095 / 257)
    assert any("largest sample is 4095 where 16 bits reach 65535" in note for note in picture.notes)


def test_depths_of_tiff_pgm_and_jpeg_2000(tmp_path):
    little, big = RAMP.astype("<u2"), RAMP.astype(">u2")
    twelve = (RAMP >> 4).reshape(-1, 2)
    packed = np.stack(
        [twelve[:, 0] >> 4, (twelve[:, 0] & 15) << 4 | twelve[:, 1] >> 8, twelve[:, 1] & 255], 1
    )
    for path, right in (
        (write_tiff(tmp_path / "little.tif", 16, little.tobytes()), RAMP / 257),
        (write_tiff(tmp_path / "big.tif", 16, big.tobytes(), order=">"), RAMP / 257),
        (write_tiff(tmp_path / "inverse.tif", 16, (65535 - RAMP).astype("<u2").tobytes(), 0), RAMP / 257),
        (write_tiff(tmp_path / "inverse8.tif", 8, (255 - RAMP8).tobytes(), 0), RAMP8),
        (
            write_tiff(tmp_path / "twelve.tif", 12, packed.astype(np.uint8).tobytes()),
            (RAMP >> 4) * 255 / 4095,
        ),
    ):
        assert off(path, grey(np.rint(right))) == 0, path
    for name in ("lzw.tif", "a.jp2", "a.pgm"):
        options = {"compression": "tiff_lzw"} if name == "lzw.tif" else {}
        kind = "PPM" if name == "a.pgm" else None
        Image.fromarray(little).save(tmp_path / name, format=kind, **options)
        assert off(tmp_path / name, grey(RAMP8)) == 0, name


def test_sixteen_bits_of_colour_and_with_alpha(tmp_path):
    deep = np.stack([RAMP, RAMP[:, ::-1], RAMP // 2], -1)
    right = np.rint(deep / 257)
    # Pillow keeps the upper eight bits of colour, which is within one grey level.
    assert off(write_png(tmp_path / "rgb.png", 16, 2, deep.astype(">u2")), right) <= 1
    clear = np.dstack([deep, np.full((64, 96), 65535)])
    clear[:32, :, 3], right[:32] = 0, 255
    assert off(write_png(tmp_path / "rgba.png", 16, 6, clear.astype(">u2")), right) <= 1
    keyed = grey(RAMP8).copy()
    keyed[:, 0] = 255
    assert off(write_png(tmp_path / "key.png", 16, 0, RAMP.astype(">u2"), tRNS=bytes(2)), keyed) == 0


@pytest.mark.parametrize(
    "bits, sample, kind",
    [(32, 3, "<f4"), (32, 1, "<u4"), (32, 2, "<i4"), (16, 2, "<i2"), (16, 3, "<f2"), (64, 3, "<f8")],
)
def test_samples_without_a_stated_white_are_refused(tmp_path, bits, sample, kind):
    path = write_tiff(tmp_path / "a.tif", bits, (RAMP // 3).astype(kind).tobytes(), sample=sample)
    with pytest.raises(Unreadable, match=r"a\.tif"):
        read_picture(path)


def test_alpha_is_over_white_and_told(tmp_path):
    logo = load_picture(CASES / "logo_black_on_transparent.png")
    stored = np.asarray(Image.open(CASES / "logo_black_on_transparent.png"))
    assert np.array_equal(np.unique(logo.pixels), [0, 255])
    assert np.array_equal(logo.pixels[..., 0] == 255, stored[..., 3] == 0)
    assert logo.notes == ("transparent parts are shown over white",)
    noise = np.asarray(Image.open(CASES / "alpha_noise_under.png"))
    assert (read_picture(CASES / "alpha_noise_under.png")[noise[..., 3] == 0] == 255).all()
    half = np.dstack([COLOURS, np.full((64, 96), 128, np.uint8)])
    right = np.rint((COLOURS * 128.0 + 255 * 127) / 255)
    for name in ("half.png", "half.tif", "half.webp"):
        options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
        Image.fromarray(half).save(tmp_path / name, **options)
        assert off(tmp_path / name, right) == 0, name
    opaque = np.dstack([COLOURS, np.full((64, 96), 255, np.uint8)])
    Image.fromarray(opaque).save(tmp_path / "opaque.png")
    assert load_picture(tmp_path / "opaque.png").notes == ()


def test_palettes_masks_and_inks(tmp_path):
    picture = Image.fromarray(COLOURS)
    palette = picture.quantize(8)
    palette.save(tmp_path / "clear.png", transparency=0)
    right = np.asarray(palette.convert("RGB")).copy()
    right[np.asarray(palette) == 0] = 255
    assert off(tmp_path / "clear.png", right) == 0
    picture.convert("1").save(tmp_path / "one.tif", compression="group4")
    assert off(tmp_path / "one.tif", grey(np.asarray(picture.convert("1")) * 255)) == 0
    layers = np.dstack([RAMP8, np.where(np.arange(96) < 48, 0, 255)[None].repeat(64, 0)]).astype(np.uint8)
    Image.fromarray(layers, "LA").save(tmp_path / "la.png")
    assert off(tmp_path / "la.png", grey(np.where(np.arange(96) < 48, 255, RAMP8))) == 0
    picture.convert("CMYK").save(tmp_path / "inks.tif")
    assert off(tmp_path / "inks.tif", COLOURS) == 0 and "CMYK" in load_picture(tmp_path / "inks.tif").notes[0]
    picture.convert("YCbCr").save(tmp_path / "ycc.tif")
    assert off(tmp_path / "ycc.tif", COLOURS) <= 3
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB").save(tmp_path / "lab.tif")
    assert np.median(np.abs(read_picture(tmp_path / "lab.tif").astype(int) - COLOURS)) <= 1


def test_profiles_are_converted_to_srgb(tmp_path):
    stored = Image.open(CASES / "p3.png")
    icc = stored.info["icc_profile"]
    right = ImageCms.profileToProfile(
        stored, ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    )
    assert off(CASES / "p3.png", np.asarray(right)) == 0
    assert off(CASES / "p3.png", np.asarray(stored)) > 20
    Image.fromarray(COLOURS).save(tmp_path / "bad.png", icc_profile=b"no profile at all" * 9)
    bad = load_picture(tmp_path / "bad.png")
    assert np.array_equal(bad.pixels, COLOURS) and "cannot be used" in bad.notes[0]


def test_what_a_png_says_of_its_gamma_and_of_hdr(tmp_path):
    linear = write_png(tmp_path / "linear.png", 8, 0, RAMP8, gAMA=struct.pack(">I", 100000))
    assert off(linear, grey(np.rint(255 * (RAMP8 / 255) ** (1 / 2.2)))) == 0
    usual = write_png(tmp_path / "usual.png", 8, 0, RAMP8, gAMA=struct.pack(">I", 45455))
    assert off(usual, grey(RAMP8)) == 0
    with pytest.raises(Unreadable, match=r"PQ.*tonemap"):
        read_picture(write_png(tmp_path / "pq.png", 8, 0, RAMP8, cICP=bytes([9, 16, 0, 1])))
    assert off(write_png(tmp_path / "sdr.png", 8, 0, RAMP8, cICP=bytes([1, 13, 0, 1])), grey(RAMP8)) == 0


def test_photographs_of_the_course_keep_their_pixels():
    """A few, and all with a profile: of those only Adobe RGB is another space than sRGB, beyond rounding."""
    converted = set()
    for i, path in enumerate(sorted((data_root() / "photos").iterdir())):
        with Image.open(path) as stored:
            if i % 20 and "icc_profile" not in stored.info:
                continue
            pixels = np.asarray(stored.convert("RGB"))
        if not np.array_equal(read_picture(path), pixels):
            converted.add(path.stem)
    assert converted == {"gcompris-renewable_solar2_0", "gcompris-renewable_windmill1_0"}


def test_pages_are_told(tmp_path):
    other = Image.fromarray(COLOURS[::-1].copy())
    Image.fromarray(COLOURS).save(tmp_path / "two.tif", save_all=True, append_images=[other])
    assert kind_of(tmp_path / "two.tif") == "picture"
    picture = load_picture(tmp_path / "two.tif")
    assert np.array_equal(picture.pixels, COLOURS) and picture.notes == ("it has 2 pages: this is the first",)


def test_a_picture_too_large_to_be_safe_says_how_to_allow_it():
    with pytest.raises(InputError, match=r"huge200MP\.png.*MAX_IMAGE_PIXELS"):
        read_picture(CASES / "huge200MP.png")


def test_heic_is_refused_with_a_way():
    for read in (read_picture, kind_of):
        with pytest.raises(Unreadable, match=r"iphone_grid\.heic is HEIF.*heif-convert"):
            read(CASES / "iphone_grid.heic")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "PPM", "JPEG2000"])
def test_half_a_picture_is_none(tmp_path, kind):
    file = io.BytesIO()
    Image.fromarray(scene(1)[0]).save(file, kind)
    for part in (0.3, 0.7, 0.95):
        (tmp_path / "cut").write_bytes(file.getvalue()[: int(len(file.getvalue()) * part)])
        with pytest.raises(Unreadable, match="cut"):
            read_picture(tmp_path / "cut")
