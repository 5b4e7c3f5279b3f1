"""How panels look: a sheet of CSS, the line above the controls, and what the browser does at a click."""

from html import escape

PANEL, BUSY, POINTED = "mvlib-panel", "mvlib-busy", "mvlib-pointed"
"""Classes: of a panel, of one that works, and of the unseen field that takes the place of a click."""
# The note is seen only when the work takes longer than a quarter of a second: quick moves should not flicker.
# JupyterLab marks what has lost its kernel; of the controls' own signs of it the one sentence is enough.
_CSS = """<style>
.mvlib-panel { max-width: 1180px }
.mvlib-panel .widget-html, .mvlib-panel .widget-html-content { min-width: 0 }
.mvlib-bar { display: flex; gap: 16px; align-items: baseline; padding: 0 6px; line-height: 1.6 }
.mvlib-hint { flex: 1 1 0; min-width: 0; color: var(--jp-ui-font-color2, #555) }
.mvlib-note, .mvlib-gone { white-space: nowrap; font-weight: bold }
.mvlib-note { visibility: hidden }
.mvlib-busy .mvlib-note { visibility: visible; transition: visibility 0s 0.25s }
.mvlib-gone, .mvlib-pointed, .jupyter-widgets-disconnected .mvlib-note { display: none }
.jupyter-widgets-disconnected .mvlib-gone { display: inline; color: #b3261e }
.mvlib-panel .jupyter-widgets-disconnected::before { content: none }
.mvlib-chart { flex: 1 1 390px; max-width: max(50% - 12px, 390px) }
.mvlib-still { flex: 1 1 0 }
.mvlib-third { flex: 1 1 calc(33.3% - 12px) }
.mvlib-half { flex: 1 1 calc(50% - 12px) }
.mvlib-chart, .mvlib-still, .mvlib-third, .mvlib-half { min-width: 0 }
.mvlib-panel:not(:fullscreen) .mvlib-third .mvlib-title { font-size: 12px }
.mvlib-title { white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.mvlib-panel:fullscreen { max-width: none; padding: 12px 24px; overflow: auto;
    background: var(--jp-layout-color0, white); --jp-widgets-font-size: 19px; --jp-ui-font-size1: 19px;
    --jp-widgets-inline-height: 36px; font-size: 19px }
.mvlib-panel:fullscreen > * { flex-shrink: 0 }
.mvlib-panel:fullscreen .widget-dropdown { width: max-content !important }
.mvlib-panel:fullscreen .mvlib-chart { max-width: none }
.mvlib-panel:fullscreen .widget-text { width: 330px }
.mvlib-panel:fullscreen img { max-height: 66vh; object-fit: contain; object-position: left top }
.mvlib-panel:fullscreen .mvlib-still img { max-height: 36vh }
</style>"""
_LECTURE = (
    "const panel = this.closest('.mvlib-panel'); "
    "document.fullscreenElement ? document.exitFullscreen() : panel.requestFullscreen()"
)
# Where in the picture, in shares of its width and height, as a text that the kernel reads; beside it may be room.
POINT = (
    "const box = this.getBoundingClientRect(); "
    "const field = this.closest('.mvlib-panel').querySelector('.mvlib-pointed input'); "
    "const scale = Math.min(box.width / this.naturalWidth, box.height / this.naturalHeight); "
    "field.value = [(event.clientX - box.left) / scale / this.naturalWidth, "
    "(event.clientY - box.top) / scale / this.naturalHeight].join(' '); "
    "field.dispatchEvent(new Event('change', {bubbles: true}))"
)


def bar(hint: str) -> str:
    """The line above a panel's controls: ``hint``, whether it works or has lost its kernel, and the lecture switch."""
    return (
        f'{_CSS}<div class="mvlib-bar"><span class="mvlib-hint">{escape(hint)}</span>'
        '<span class="mvlib-note" role="status">working …</span>'
        '<span class="mvlib-gone" role="alert">The kernel was restarted: run this cell again.</span>'
        '<button class="jupyter-button" title="fill the screen; Esc leaves it" '
        f'onclick="{_LECTURE}">Lecture</button></div>'
    )
