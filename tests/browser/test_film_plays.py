"""A film with sound → ``mvlib encode`` → a real browser plays it: picture, sound, and the right length."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from film_making import make_film

from mvlib.datasets import Clips

PLAY = """async name => {
    const film = document.createElement('video');
    film.src = name;
    document.body.append(film);
    await new Promise((done, failed) => {
        film.onloadedmetadata = done;
        film.onerror = () => failed(`${film.error.code} ${film.error.message}`);
    });
    const hear = new AudioContext();
    const ears = hear.createAnalyser();
    hear.createMediaElementSource(film).connect(ears);
    await hear.resume();
    await film.play();
    let loudest = 0, pitch = 0;
    const spectrum = new Uint8Array(ears.frequencyBinCount);
    while (!film.ended) {
        ears.getByteFrequencyData(spectrum);
        const peak = Math.max(...spectrum);
        if (peak > loudest) {
            loudest = peak;
            pitch = spectrum.indexOf(peak) * hear.sampleRate / ears.fftSize;
        }
        await new Promise(requestAnimationFrame);
    }
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [film.videoWidth, film.videoHeight];
    const pen = canvas.getContext('2d');
    pen.drawImage(film, 0, 0);
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    return {
        duration: film.duration, size: [film.videoWidth, film.videoHeight], pitch, loudest,
        frames: film.getVideoPlaybackQuality().totalVideoFrames,
        sound: film.webkitAudioDecodedByteCount, last: Array.from(pixels),
    };
}"""

pytestmark = pytest.mark.browser


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def page(chromium, tmp_path) -> Iterator:
    """An empty page of a server of ``tmp_path``, in Chromium."""
    (tmp_path / "index.html").write_text("<!doctype html><body></body>")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium.new_page()
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        yield page
    finally:
        page.close()
        server.shutdown()


@pytest.mark.parametrize(
    "ending, codec, sound",
    [
        ("mp4", "x264", "aac"),
        ("mp4", "svtav1", "aac"),
        ("webm", "vp9", "libopus"),
        ("mkv", "x264", "libopus"),
    ],
)
def test_a_film_with_sound_plays_to_its_end(ending, codec, sound, page, tmp_path):
    frames = Clips("test", frames=24).uint8(0)
    times = [40 * i + (400 if i > 11 else 0) for i in range(24)]  # it stands still for 0.44 s in the middle
    make_film(tmp_path / "film.mkv", frames, times=times, sound=sound)
    command = [sys.executable, "-m", "mvlib", "encode", "film.mkv", f"out.{ending}", "--codec", codec]
    command += ["--qp", "30", "--preprocessor", "image", "--sample", "0"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    played = page.evaluate(PLAY, f"out.{ending}")
    assert played["duration"] == pytest.approx(1.36, abs=0.05)
    assert played["size"] == [frames.shape[2], frames.shape[1]]
    assert played["sound"] > 0 and played["loudest"] > 100 and played["pitch"] == pytest.approx(440, abs=30)
    red = played["last"][0::4]
    assert sum(red) / len(red) == pytest.approx(frames[-1][..., 0].mean(), abs=12)
