"""Films for tests: moving squares, a tone, subtitles and chapters, at any times."""

from fractions import Fraction

import av
import numpy as np

MS = Fraction(1, 1000)


def squares(count, height=64, width=80):
    """uint8 (T, H, W, 3): coloured squares that move three pixels a frame."""
    cells = np.random.default_rng(0).integers(0, 255, (-(-height // 16), -(-width // 16), 3), np.uint8)
    picture = cells.repeat(16, 0).repeat(16, 1)[:height, :width]
    return np.stack([np.roll(picture, 3 * i, 1) for i in range(count)])


def make_film(
    path, frames, *, times=None, rate=25, sound="aac", shape=1, chapters=(), words=(), title="", codec="ffv1"
):
    """Write ``frames`` at ``times`` in milliseconds, with a tone of 440 Hz, subtitles and chapters in milliseconds.

    Args:
        sound: the tone's codec; "" for none.
        words: (start, length, text) each.
        chapters: (start, end, title) each.
    """
    times = times if times is not None else [round(1000 * i / rate) for i in range(len(frames))]
    last = times[-1] + round(1000 / rate)
    with av.open(str(path), "w") as out:
        out.metadata["title"] = title
        film = out.add_stream(codec, rate=rate)
        film.height, film.width = frames.shape[1:3]
        film.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        film.codec_context.sample_aspect_ratio = Fraction(shape)
        film.codec_context.time_base = film.time_base = MS
        tone = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        if tone:
            tone.metadata["language"] = "deu"
        said = out.add_mux_stream("subrip") if words else None
        if chapters:
            out.set_chapters(
                [
                    {"id": i, "start": start, "end": end, "time_base": MS, "metadata": {"title": name}}
                    for i, (start, end, name) in enumerate(chapters)
                ]
            )
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, MS
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
        if tone:
            _sing(out, tone, last)
        for start, length, text in words:
            packet = av.Packet(text.encode())
            packet.stream, packet.time_base = said, MS
            packet.pts = packet.dts = start
            packet.duration = length
            out.mux(packet)


def _sing(out, tone, milliseconds):
    wave = np.sin(2 * np.pi * 440 * np.arange(48 * milliseconds) / 48000).astype(np.float32) / 4
    size = tone.codec_context.frame_size or 1024
    for start in range(0, len(wave), size):
        part = av.AudioFrame.from_ndarray(wave[None, start : start + size], format="flt", layout="mono")
        part.pts, part.sample_rate, part.time_base = start, 48000, Fraction(1, 48000)
        out.mux(tone.encode(part))
    out.mux(tone.encode(None))


def read_back(path):
    """Frames (T, H, W, 3) as a plain decoder gives them, their times in seconds, and the container's own length."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [(frame.to_ndarray(format="rgb24"), frame.pts) for frame in container.decode(stream)]
        times = [None if pts is None else float(pts * stream.time_base) for _, pts in found]
        return np.stack([pixels for pixels, _ in found]), times, (container.duration or 0) / 1e6


def packets_of(path, kind):
    """Bytes and times in seconds of the packets of the first stream of that kind."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [(bytes(p), float(p.pts * p.time_base)) for p in container.demux(stream) if p.size]
