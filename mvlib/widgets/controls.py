"""What a hand moves in a panel: choices and sliders, in rows."""

from collections.abc import Sequence

import ipywidgets as ipw

NONE = "none"
# Of a slider's widget, name and number included, so that the slider itself has 200 pixels and more.
_SLIDER_WIDTH = "340px"


def choice(name: str, options: Sequence[str], width: str = "240px", value: str | None = None) -> ipw.Dropdown:
    """A list to choose from; without a value its first entry."""
    value = options[0] if value is None else value
    return ipw.Dropdown(
        options=list(options), value=value, description=name, layout=ipw.Layout(width=width), style=_full()
    )


def slider(name: str, value: float, top: float, step: float = 1, follow: bool = True) -> ipw.Widget:
    """A slider for 0..top, as wide as its row allows; of whole numbers if ``step`` is one.

    With ``follow`` it moves the panel while it is dragged, else when it is let go (or at each press of a key).
    """
    kind = ipw.IntSlider if isinstance(step, int) else ipw.FloatSlider
    layout = ipw.Layout(width="auto", min_width=_SLIDER_WIDTH, flex="1 1 auto")
    return kind(
        value=value, min=0, max=top, step=step, continuous_update=follow, description=name, layout=layout,
        style=_full(),
    )  # fmt: skip


def text(name: str, hint: str) -> ipw.Text:
    """A line to type into; it counts when Enter is pressed."""
    return ipw.Text(
        description=name,
        placeholder=hint,
        continuous_update=False,
        layout=ipw.Layout(width="260px"),
        style=_full(),
    )


def _full() -> dict[str, str]:
    return {"description_width": "initial"}


def row(children: Sequence[ipw.Widget]) -> ipw.HBox:
    """Controls beside one another; those without room begin a new line."""
    return ipw.HBox(children, layout=ipw.Layout(margin="0 4px", grid_gap="12px", flex_flow="row wrap"))
