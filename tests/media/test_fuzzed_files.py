"""Files cut or changed anywhere: a picture, a clip, or an error of ours that names the file; nothing else."""

import io

import numpy as np
import pytest
from media_making import CASES, scene, write
from PIL import Image

from mvlib.errors import UserError
from mvlib.media import kind_of, load_picture, open_clip, orientation_of, read_clip


def damaged(good: bytes, count: int, seed: int):
    rng = np.random.default_rng(seed)
    for k in range(count):
        bad = np.frombuffer(good, np.uint8).copy()
        if k % 4 == 0:
            yield bad[: rng.integers(1, len(bad))].tobytes()
            continue
        reach = min(len(bad), 1000) if k % 4 == 1 else len(bad)
        places = rng.integers(0, reach, (25, 3, 1)[k % 4 - 1])
        bad[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
        yield bad.tobytes()


def look(path) -> str:
    try:
        if kind_of(path) == "picture":
            assert load_picture(path).pixels.ndim == 3 and orientation_of(path) in range(1, 9)
            return "picture"
        if open_clip(path).count > 3:
            assert len(read_clip(path, 1, 2).frames) == 2
        assert read_clip(path, damaged="keep").frames.ndim == 4
        return "clip"
    except UserError as error:
        assert str(path) in str(error)
        return "refused"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF", "JPEG2000"])
def test_damaged_pictures(tmp_path, kind):
    file, path = io.BytesIO(), tmp_path / "bad"
    Image.fromarray(scene(1)[0]).save(file, kind)
    outcomes = set()
    for data in damaged(file.getvalue(), 40, 1):
        path.write_bytes(data)
        outcomes.add(look(path))
    assert "refused" in outcomes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "v.webm", "m.mpg"])
def test_damaged_clips(tmp_path, name):
    codec = {"v.webm": "libvpx-vp9", "m.mpg": "mpeg2video"}.get(name, "libx264")
    good = write(tmp_path / name, codec, scene(12)).read_bytes()
    outcomes = set()
    for data in damaged(good, 24, 2):
        (tmp_path / name).write_bytes(data)
        outcomes.add(look(tmp_path / name))
    assert outcomes == {"clip", "refused"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["anim.gif", "editlist.mp4", "iphone_grid.heic", "cover_first_real.mp4", "rot90.mp4"]
)
def test_damaged_files_of_others(tmp_path, name):
    for data in damaged((CASES / name).read_bytes(), 12, 3):
        (tmp_path / name).write_bytes(data)
        look(tmp_path / name)
