"""An extension of griffe: docstrings of this project as the reference reads them."""

import griffe


class Headings(griffe.Extension):
    """Take the section "Example:" for the section of examples that it is."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rename the heading in a docstring before it is parsed."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace(
                "\nExample:\n", "\nExamples:\n"
            )


class Constants(griffe.Extension):
    """Describe constants by the comments "#:" above them."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Take the comment for the docstring of a constant that has none."""
        constant = obj.is_attribute and obj.parent and obj.parent.is_module
        if not constant or obj.docstring or not obj.lineno:
            return
        text = comment_above(obj.filepath.read_text().splitlines(), obj.lineno)
        if text:
            obj.docstring = griffe.Docstring(text, parent=obj, lineno=obj.lineno)


def comment_above(lines: list[str], number: int) -> str:
    """Join the lines of a comment "#:" that ends above a line.

    Args:
      lines: Of a module.
      number: Of the line, from 1.

    Returns:
      The text; empty if there is none.
    """
    first = number - 1
    while first and lines[first - 1].startswith("#:"):
        first -= 1
    return " ".join(line[2:].strip() for line in lines[first : number - 1])
