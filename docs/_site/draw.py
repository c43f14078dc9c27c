"""Draw the diagrams of the documentation: python docs/_site/draw.py.

Layers are those that `tests/test_architecture.py` enforces, as jaxload/README.md lists
them.
"""

import html
import pathlib
import re

DOCS = pathlib.Path(__file__).parents[1]
TREE = DOCS.parent / "jaxload/README.md"
INK, LINE, DEEP = "#1f2933", "#52606d", "#c9dcf2"
FONT = "font-family='Helvetica, Arial, sans-serif'"

#: Stages of a study: what goes in, what is done, what comes out.
WAY = (
    ("series, steps, outlines", "read", "heights, cells"),
    ("", "clean and screen", "heights of stations on elastic ground"),
    ("air, sea, soil", "remove known loads", "heights that water moves"),
    ("Earth model", "design matrix", "mm of uplift per mm of water"),
    ("weather (optional)", "fill cells without a station", "prior mean"),
    ("", "noise and beta", "weight of the prior"),
    ("GRACE (optional)", "invert", "water of every epoch"),
    ("", "standard errors", "of cells and regions"),
    ("GRACE, land models, wells", "compare", "scores, drought, balance"),
    ("", "write and draw", "twsa.nc, regions.nc, figures"),
)


def box(x, y, width, height, text, fill):
    middle = f"x='{x + width / 2}' y='{y + height / 2 + 5}' text-anchor='middle'"
    return (
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='6' "
        f"fill='{fill}' stroke='{LINE}'/>"
        f"<text {middle} font-size='15' {FONT} fill='{INK}'>{html.escape(text)}</text>"
    )


def label(x, y, text, anchor="start", size=13):
    place = f"x='{x}' y='{y}' text-anchor='{anchor}' font-size='{size}'"
    return f"<text {place} {FONT} fill='{INK}'>{html.escape(text)}</text>"


def arrow(x0, y0, x1, y1):
    return (
        f"<line x1='{x0}' y1='{y0}' x2='{x1}' y2='{y1}' stroke='{LINE}' "
        "stroke-width='1.5' marker-end='url(#head)'/>"
    )


def drawing(width, height, parts, title):
    head = (
        "<defs><marker id='head' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' "
        f"markerHeight='7' orient='auto'><path d='M0 0 10 5 0 10z' fill='{LINE}'/>"
        "</marker></defs>"
    )
    ground = f"<rect width='{width}' height='{height}' fill='white'/>"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"role='img'><title>{title}</title>{head}{ground}{''.join(parts)}</svg>\n"
    )


def layers():
    """Read the layers, the highest first."""
    text = TREE.read_text()
    block = re.search(r"^    layer 0.*?\n\n", text, re.M | re.S)[0]
    rows, names = [], None
    for line in block.splitlines():
        if found := re.match(r"    layer \d+ +(.*)", line):
            names = found[1].split()
            rows.append(names)
        elif line.strip() and "(" not in line:
            names += line.split()
    public = [[n for n in names if not n.startswith("_")] for names in rows]
    return public[::-1]


def draw_layers():
    parts, y = [], 16
    rows = [names for names in layers() if names]
    for number, names in zip(range(len(rows) - 1, -1, -1), rows):
        lines = [names[i : i + 6] for i in range(0, len(names), 6)]
        parts.append(label(12, y + 24, f"layer {number}"))
        for line in lines:
            width = 680 / len(line)
            for i, name in enumerate(line):
                parts.append(box(80 + i * width, y, width - 8, 34, name, DEEP))
            y += 40
        y += 10
        if number:
            parts.append(arrow(416, y - 14, 416, y - 2))
    return drawing(772, y, parts, "Layers of the package")


def draw_way():
    parts, y = [], 16
    for number, (before, stage, after) in enumerate(WAY):
        if before:
            parts += [
                label(222, y + 24, before, "end"),
                arrow(228, y + 19, 258, y + 19),
            ]
        parts.append(box(262, y, 230, 38, stage, DEEP))
        parts += [arrow(494, y + 19, 522, y + 19), label(528, y + 24, after)]
        if number + 1 < len(WAY):
            parts.append(arrow(377, y + 39, 377, y + 56))
        y += 58
    return drawing(772, y - 6, parts, "The way of a study")


if __name__ == "__main__":
    (DOCS / "layers.svg").write_text(draw_layers())
    (DOCS / "study_way.svg").write_text(draw_way())
