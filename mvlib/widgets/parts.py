"""What every panel is made of: controls that wait for the hand to let go, titled pictures, a caption, errors in red."""

from collections.abc import Sequence
from html import escape

import ipywidgets as ipw

NONE = "none"


def style(width: str) -> dict[str, object]:
    """Options of a control ``width`` wide, its description written in full."""
    return {"style": {"description_width": "initial"}, "layout": ipw.Layout(width=width)}


def choice(name: str, options: Sequence[str], width: str, value: str | None = None) -> ipw.Dropdown:
    """A list to choose from; without a value its first entry."""
    value = options[0] if value is None else value
    return ipw.Dropdown(options=list(options), value=value, description=name, **style(width))


def slider(name: str, value: int, top: int, step: int = 1) -> ipw.IntSlider:
    """0..top, as wide as its row allows; it speaks up when the handle is let go, or at each press of an arrow key."""
    out = ipw.IntSlider(
        value=value, min=0, max=top, step=step, continuous_update=False, description=name, **style("auto")
    )
    out.layout.flex = "1 1 auto"
    return out


def strength_slider() -> ipw.FloatSlider:
    """How much of a preprocessor's change is made, 0..1; out of use until there is a preprocessor."""
    return ipw.FloatSlider(
        value=1,
        min=0,
        max=1,
        step=0.05,
        continuous_update=False,
        disabled=True,
        description="Strength",
        readout_format=".2f",
        **style("320px"),
    )


def titled(count: int) -> tuple[list[ipw.Image], list[ipw.HTML], list[ipw.VBox]]:
    """``count`` pictures that share a row, the titles above them, and the columns that hold both.

    In words above the picture: ipywidgets 8.1 fails to draw an Image that has a tooltip, and has no alt text.
    """
    images = [ipw.Image(format="png", layout=ipw.Layout(width="100%", height="auto")) for _ in range(count)]
    titles = [ipw.HTML() for _ in range(count)]
    column = {"flex": "1 1 0", "min_width": "0", "margin": "0 6px", "overflow": "hidden"}
    columns = [
        ipw.VBox([title, image], layout=ipw.Layout(**column))
        for title, image in zip(titles, images, strict=True)
    ]
    return images, titles, columns


def spoken(words: str) -> str:
    """HTML of a caption; a screen reader says it whenever it changes."""
    return f'<div class="mvlib-caption" aria-live="polite" style="margin:4px 6px">{escape(words)}</div>'


def alarm(words: str) -> str:
    """HTML of an error."""
    return (
        '<div role="alert" style="border-left:4px solid #D55E00;padding:6px 10px;margin:6px">'
        f"<b>This could not be shown.</b> {escape(words)}</div>"
    )
