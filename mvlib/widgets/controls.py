"""Controls of a panel: choices and sliders, in rows."""

from collections.abc import Sequence

import ipywidgets as ipw

NONE = "none"
_NAMED = {"description_width": "initial"}  # the whole name of a control is seen
# Pixels of a slider, of what stands beside it, and of a letter of its name.
_SLIDER, _BESIDE, _LETTER = 205, 100, 7.2


def choice(
    name: str, options: Sequence[str | tuple[str, str]], width: str = "240px", value: str | None = None
) -> ipw.Dropdown:
    """A list to choose from, of values or of pairs (what is read, value); without a value its first entry."""
    listed = ipw.Dropdown(options=list(options), description=name, layout={"width": width}, style=_NAMED)
    if value is not None:
        listed.value = value
    return listed


def switch(name: str, on: bool = False) -> ipw.Checkbox:
    """A box to tick."""
    return ipw.Checkbox(on, description=name, indent=False, layout={"width": "auto"})


def slider(name: str, value: float, top: float, step: float = 1, follow: bool = True) -> ipw.Widget:
    """A slider for 0..top, as wide as its row allows; of whole numbers if ``step`` is one.

    With ``follow`` it moves the panel while it is dragged, else when it is let go (or at each press of a key).
    """
    kind = ipw.IntSlider if isinstance(step, int) else ipw.FloatSlider
    least = f"{_SLIDER + _BESIDE + _LETTER * len(name):.0f}px"
    layout = {"width": "auto", "min_width": least, "flex": "1 1 auto"}
    return kind(
        value=value, min=0, max=top, step=step, continuous_update=follow, description=name, layout=layout,
        style=_NAMED,
    )  # fmt: skip


def text(name: str, hint: str) -> ipw.Text:
    """A line to type into; it counts when Enter is pressed."""
    return ipw.Text(
        description=name,
        placeholder=hint,
        continuous_update=False,
        layout={"width": "240px"},
        style=_NAMED,
    )


def row(children: Sequence[ipw.Widget]) -> ipw.HBox:
    """Controls beside one another; those without room begin a new line."""
    return ipw.HBox(children, layout=ipw.Layout(margin="0 4px", grid_gap="12px", flex_flow="row wrap"))
