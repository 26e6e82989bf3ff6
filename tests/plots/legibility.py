"""Where the texts of a figure lie: on the paper, and not on each other."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def shown_texts(figure: Figure) -> list[Text]:
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
    ]


def not_drawn(figure: Figure) -> set[int]:
    """Labels that exist but are not drawn: of ticks beyond the limits of an axis, and
    all of an axis that is off or hidden, as that of a twin is.
    """
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            is_drawn = ax.axison and axis.get_visible()
            drawn = {id(tick) for tick in axis._update_ticks()} if is_drawn else set()
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            hidden |= {
                id(label)
                for tick in ticks
                if id(tick) not in drawn
                for label in (tick.label1, tick.label2)
            }
    return hidden


def drawn_boxes(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Every text that is drawn, and its box in pixels."""
    figure.draw_without_rendering()
    hidden = not_drawn(figure)
    for text in shown_texts(figure):
        if id(text) in hidden:
            continue
        if text.axes is None or text.axes.get_visible():
            yield text, text.get_window_extent()


def outside(figure: Figure) -> list[str]:
    """Texts that hang over the edge of the paper by more than a pixel."""
    paper = figure.bbox.padded(1)
    texts = []
    for text, box in drawn_boxes(figure):
        lowest = paper.contains(*box.p0)
        highest = paper.contains(*box.p1)
        if not (lowest and highest):
            texts.append(text.get_text())
    return texts


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes share more than a pixel in both directions.

    Corners of a turned text's box are empty, so that turned texts count by the middle
    half of their box.
    """
    boxes = []
    for text, box in drawn_boxes(figure):
        if text.get_rotation() % 90:
            box = box.expanded(0.5, 0.5)
        boxes.append((text.get_text(), box))
    pairs = []
    for number, (name, box) in enumerate(boxes):
        for earlier, second in boxes[:number]:
            shared = Bbox.intersection(box, second)
            if shared is not None and min(shared.size) > 1:
                pairs.append((earlier, name))
    return pairs
