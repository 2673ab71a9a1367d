"""Plots as pictures: points by class, curves, bars, a table of counts. matplotlib is imported where it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 3.6
"""Of a plot, inches; a panel is a quarter wider."""

DPI = 120
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Of curves and bars, in the order of their names: Okabe and Ito's, which the colour-blind can tell apart."""

Drawn = Callable[["Axes"], None]


def points_plot(
    panels: Mapping[str, NDArray[np.floating]], classes: Sequence[int], names: Mapping[int, str]
) -> Image.Image:
    """Points in the plane, a panel for each side, a colour for each class.

    Args:
        panels: [n, 2] by title.
        classes: of each point.
        names: of the classes, for the legend.
    """
    shades = _shades(len(names))
    labels = np.asarray(classes)

    def draw(title: str, points: NDArray[np.floating]) -> Drawn:
        def panel(axes: Axes) -> None:
            for shade, (class_id, name) in zip(shades, names.items(), strict=True):
                own = points[labels == class_id]
                axes.scatter(own[:, 0], own[:, 1], s=14, color=shade, label=name, linewidths=0)
            axes.set(title=title, xlabel="component 1", ylabel="component 2", xticks=[], yticks=[])

        return panel

    return figure([draw(*panel) for panel in panels.items()], legend=True)


def curves_plot(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str, x: str, y: str, log: bool = False
) -> Image.Image:
    """Curves by name, each with its abscissas and ordinates.

    Args:
        curves: by name.
        title: of the plot.
        x: name of the abscissa.
        y: name of the ordinate.
        log: whether the abscissa is logarithmic.
    """

    def panel(axes: Axes) -> None:
        for colour, (name, (across, up)) in zip(repeated_colours(len(curves)), curves.items(), strict=True):
            axes.plot(across, up, marker="o", markersize=3, color=colour, label=name)
        axes.set(title=title, xlabel=x, ylabel=y)
        if log:
            axes.set_xscale("log")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)

    return figure([panel])


def bars_plot(panels: Mapping[str, Mapping[str, Mapping[str, float | None]]], y: str) -> Image.Image:
    """Groups of bars, a panel for each title.

    Args:
        panels: by title, then by group along the abscissa, then by the name of a bar; None leaves a gap.
        y: name of the ordinate.
    """

    def draw(title: str, groups: Mapping[str, Mapping[str, float | None]]) -> Drawn:
        def panel(axes: Axes) -> None:
            names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
            for place, (colour, name) in enumerate(zip(repeated_colours(len(names)), names, strict=True)):
                heights = [bars.get(name) for bars in groups.values()]
                centres, width = beside(place, len(names), len(groups))
                axes.bar(centres, [np.nan if h is None else h for h in heights], width, color=colour, label=name)
            axes.set(title=title, ylabel=y)
            axes.set_xticks(range(len(groups)), list(groups), rotation=20 if len(groups) > 4 else 0)

        return panel

    return figure([draw(*panel) for panel in panels.items()], legend=True)


def table_plot(panels: Mapping[str, NDArray[np.floating]], rows: Sequence[str], columns: Sequence[str]) -> Image.Image:
    """Tables of shares in [0, 1] as colours, all on one scale, a panel for each title.

    Args:
        panels: [rows, columns] by title.
        rows: their names.
        columns: their names.
    """
    highest = max((float(np.nanmax(table, initial=0)) for table in panels.values()), default=0) or 1

    def draw(title: str, table: NDArray[np.floating]) -> Drawn:
        def panel(axes: Axes) -> None:
            drawn = axes.imshow(table, cmap="magma", vmin=0, vmax=highest)
            axes.figure.colorbar(drawn, ax=axes, fraction=0.04)
            axes.set_title(title)
            axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right")
            axes.set_yticks(range(len(rows)), rows)

        return panel

    return figure([draw(*panel) for panel in panels.items()])


def figure(panels: Sequence[Drawn], legend: bool = False) -> Image.Image:
    """Panels side by side, RGB, the same picture for the same content.

    Args:
        panels: each draws on its axes.
        legend: whether the first panel's names stand at the right.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (1.25 * HEIGHT * len(panels) + (1.5 if legend else 0), HEIGHT)
    drawn: Any = Figure(size, dpi=DPI, layout="constrained")
    canvas: Any = FigureCanvasAgg(drawn)
    all_axes = drawn.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(all_axes, panels, strict=True):
        panel(axes)
    if legend:
        drawn.legend(*all_axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _shades(count: int) -> list[Any]:
    from matplotlib import colormaps

    name = "tab10" if count <= 10 else "tab20" if count <= 20 else "gist_rainbow"
    shades = colormaps[name]
    return [shades(place if count <= 20 else place / count) for place in range(count)]


def beside(place: int, bars: int, groups: int) -> tuple[NDArray[np.float64], float]:
    """Where one bar of each group stands, the groups at 0, 1, 2, ...

    Args:
        place: of the bar in its group, from 0.
        bars: of a group.
        groups: number of them.

    Returns:
        The centres of the bars, [groups], and their thickness.
    """
    width = 0.8 / bars
    return np.arange(groups, dtype=np.float64) + (place - (bars - 1) / 2) * width, 0.95 * width


def repeated_colours(count: int) -> list[str]:
    """The colours of this many curves or bars; they begin anew after the last."""
    return [COLOURS[place % len(COLOURS)] for place in range(count)]
