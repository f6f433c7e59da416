"""Runs the tutorial from top to bottom and saves its outputs in it, without data of this machine."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

TUTORIAL = Path(__file__).with_name("tutorial.ipynb")


def main() -> None:
    """Run the tutorial in its own folder, as a reader would."""
    notebook = nbformat.read(TUTORIAL, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=1800,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": TUTORIAL.parent}},
    )
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # Pillow writes each picture in two formats.
            output.get("data", {}).pop("image/jpeg", None)
    # The kernel adds the version of Python.
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, TUTORIAL)


if __name__ == "__main__":
    main()
