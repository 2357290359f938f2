"""A stage's images on the screen, as half blocks (extra `images`)."""

from __future__ import annotations

from trainui.plugin import INTERFACE, Viewer

VIEWER = Viewer(
    interface=INTERFACE,
    name="images",
    files=("*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.bmp"),
    view="trainui.plugins.images.view:view",
)
