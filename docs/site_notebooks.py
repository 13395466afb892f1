"""Makes a page of each notebook, for MkDocs (`hooks` in mkdocs.yml); nothing is executed.

What a notebook holds is Markdown, code and what the code said, so a page is little work, and the
tools that convert notebooks in general are many times the size of all else the site needs.
"""

import json

from mkdocs.structure.files import File


def on_files(files, config):
    """Put a page in the place of each notebook; the notebook itself is kept, to be downloaded."""
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            page = file.src_uri.removesuffix(".ipynb") + ".md"
            text = markdown(json.loads(file.content_string), file.src_uri.rpartition("/")[2])
            files.append(File.generated(config, page, content=text))
    return files


def markdown(notebook, name):
    """A notebook as Markdown: cells in their order, and below each what it said."""
    first, *rest = [_cell(cell) for cell in notebook["cells"]]
    note = f"*This page is a notebook: [{name}]({name}).*"
    return "\n\n".join([first, note, *rest]) + "\n"


def _cell(cell):
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    return "\n\n".join([f"```python\n{source}\n```", *map(_output, cell["outputs"])])


def _output(output):
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    picture = "".join(output["data"]["image/png"]).replace("\n", "")
    return f"![what the code draws](data:image/png;base64,{picture})"
