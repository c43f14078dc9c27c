"""Letters that the usual font does not have, from fonts that are installed."""

import functools

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

__all__ = ["use_fonts_with_letters"]

#: A font whose every letter is a box, which comes with Matplotlib.
BOXES = "Last Resort"

#: Weights of fonts for running text.
NORMAL = ("400", "normal", "regular", "book")


def use_fonts_with_letters(figure: Figure) -> str:
    """Let texts of a figure fall back to an installed font that has their letters.

    Args:
      figure: The figure; its texts are changed.

    Returns:
      The letters that no installed font has, each once; they are drawn as boxes.
    """
    missing = ""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        usual = font_manager.get_font(font_manager.findfont(text.get_fontproperties()))
        strange = {c for c in text.get_text() if c.isprintable() and not c.isspace()}
        strange = {c for c in strange if not usual.get_char_index(ord(c))}
        if not strange:
            continue
        family = _family_with("".join(sorted(strange)))
        if family is None:
            missing += "".join(sorted(strange - set(missing)))
        else:
            text.set_fontfamily([*text.get_fontfamily(), family])
    return missing


@functools.cache
def _family_with(letters: str) -> str | None:
    """An installed font that has all letters, the plainest first."""
    entries = [e for e in font_manager.fontManager.ttflist if BOXES not in e.name]
    # Upright ones first, and those of normal weight.
    entries.sort(key=lambda e: (e.style != "normal", str(e.weight) not in NORMAL))
    for entry in entries:
        try:
            font = font_manager.get_font(entry.fname)
        except (OSError, RuntimeError):
            continue
        if all(font.get_char_index(ord(letter)) for letter in letters):
            return entry.name
    return None
