"""Execute the notebooks, and keep what they show.

python tests/notebooks.py            all of them, written with their outputs
python tests/notebooks.py 03_joint   one
"""

import argparse
import base64
import io
import os
import pathlib

import nbclient
import nbformat
import PIL.Image

FOLDER = pathlib.Path(__file__).parents[1] / "notebooks"
#: Longest that one cell may take [s].
LONGEST = 1800
#: Above this a figure is made smaller still [bytes].
LARGEST = 50_000


def execute(path: pathlib.Path) -> nbformat.NotebookNode:
    """Run a notebook where it lies, from its first cell to its last."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(FOLDER.parent), before])
    try:
        return client.execute()
    finally:
        os.environ["PYTHONPATH"] = before


def shrink_figures(notebook: nbformat.NotebookNode) -> None:
    """Keep figures as small as they can be read."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                drawn = base64.b64decode(output["data"]["image/png"])
                small = base64.b64encode(_shrunk(drawn)).decode()
                output["data"]["image/png"] = small


def _shrunk(png: bytes) -> bytes:
    result = png
    for width, colours in ((760, 160), (640, 128), (560, 128), (460, 64)):
        image = PIL.Image.open(io.BytesIO(png)).convert("RGB")
        image.thumbnail((width, 10 * width), PIL.Image.Resampling.LANCZOS)
        file = io.BytesIO()
        # Colours of few pixels, such as the ends of a colour bar, are kept too.
        few = image.quantize(
            colours, PIL.Image.Quantize.MAXCOVERAGE, dither=PIL.Image.Dither.NONE
        )
        few.save(file, "PNG", optimize=True)
        result = file.getvalue()
        if len(result) <= LARGEST:
            break
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    parser.add_argument("names", nargs="*", default=every)
    for name in parser.parse_args().names:
        path = FOLDER / f"{name}.ipynb"
        notebook = execute(path)
        shrink_figures(notebook)
        notebook.metadata.pop("language_info", None)
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
