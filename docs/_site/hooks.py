"""Hooks of MkDocs: pages of the reference and of notebooks, and equations as MathML."""

import ast
import pathlib
import re
import runpy
from html import unescape

import latex2mathml.converter
import nbconvert
import nbformat
from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2]
draw_layers = runpy.run_path(str(ROOT / "docs/_site/draw.py"))["draw_layers"]
#: Equations as `pymdownx.arithmatex` marks them.
MARKED = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL
)
#: Names of functions in MathML whose argument is not in brackets.
FUNCTION = re.compile(r"<mi>(?:log|cos|sin)</mi>(?!<mo)")
#: Links to notebooks, relative to a page in docs.
NOTEBOOK = re.compile(r"\(\.\./((?:\.\./)*notebooks/\w+)\.ipynb\)")


def on_config(config):
    """Name the pages that are made of the package and of the notebooks."""
    for entry in config.nav:
        if "Notebooks" in entry:
            entry["Notebooks"] = [
                {title(p): f"notebooks/{p.stem}.md"} for p in notebooks()
            ]
        if "Reference" in entry:
            pages = [{f"jaxload.{name}": f"reference/{name}.md"} for name in packages()]
            entry["Reference"] = ["reference/index.md", *pages]
    return config


def on_files(files, config):
    """Add a page for each package and each notebook, and the notebooks' figures."""
    for name in packages():
        add(files, config, f"reference/{name}.md", reference_page(name))
    add(files, config, "reference/index.md", reference_index())
    # As jaxload/README.md has the layers now.
    files.remove(files.get_file_from_path("layers.svg"))
    add(files, config, "layers.svg", draw_layers())
    for path in notebooks():
        text, figures = notebook_page(path)
        add(files, config, f"notebooks/{path.stem}.md", text)
        for name, content in figures.items():
            add(files, config, f"notebooks/{name}", content)
    return files


def on_page_markdown(markdown, **_):
    """Turn links to notebooks into links to their pages."""
    return NOTEBOOK.sub(r"(\1.md)", markdown)


def on_page_content(html, **_):
    """Write equations as MathML, which browsers draw by themselves."""
    return MARKED.sub(as_mathml, html)


def as_mathml(match):
    display = "block" if match[1] == "div" else "inline"
    latex = unescape(match[2]).strip()
    # Between a function and its argument the converter leaves no space.
    return FUNCTION.sub(
        r'\g<0><mspace width="0.17em"/>',
        latex2mathml.converter.convert(latex, display=display),
    )


def add(files, config, path, content):
    files.append(File.generated(config, path, content=content))


def packages():
    """List the public sub-packages, without importing any."""
    return literal(ROOT / "jaxload/__init__.py", "PACKAGES")


def literal(path, name):
    """Evaluate the literal that a module assigns to a name."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise ValueError(f"{path} assigns nothing to {name}")


def source(name):
    folder = ROOT / "jaxload" / name
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def first_line(path):
    return ast.get_docstring(ast.parse(path.read_text())).split("\n")[0]


def reference_index():
    rows = [
        f"| [`jaxload.{name}`]({name}.md) | {first_line(source(name))} |"
        for name in packages()
    ]
    return "\n".join(
        [
            "# Reference\n",
            "Every public name of every public package, from its docstring. Names that",
            "are not listed may change without notice.\n",
            "| package | holds |",
            "|---|---|",
            *rows,
        ]
    )


def reference_page(name):
    members = sorted(literal(source(name), "__all__"))
    options = "".join(f"        - {member}\n" for member in members)
    head = f"# jaxload.{name}\n\n::: jaxload.{name}\n"
    return f"{head}    options:\n      members:\n{options}"


def notebooks():
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def title(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    return re.search(r"^# (.*)", first, re.M)[1]


def notebook_page(path):
    """Convert a notebook as it is kept, with its outputs; nothing is run."""
    exporter = nbconvert.MarkdownExporter()
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.language_info = {"name": "python"}  # colours code
    text, resources = exporter.from_notebook_node(notebook)
    figures = {}
    for name, content in resources["outputs"].items():
        figures[f"{path.stem}_{name}"] = content
        text = text.replace(f"({name})", f"({path.stem}_{name})")
    kept = f"*`notebooks/{path.name}`, shown as it was last run.*\n\n"
    heading, rest = text.lstrip().split("\n", 1)
    return f"{heading}\n\n{kept}{rest}", figures
