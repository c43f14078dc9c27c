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
