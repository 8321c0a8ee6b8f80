"""The report of a replay as one HTML file: what is printed, and the picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from verif.commands.files import write_text
from verif.replay.report import print_report

PICTURE = "<!-- picture -->"
PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Replay</title>
<style>
body {{{{ font-family: sans-serif; margin: 2em; }}}}
pre {{{{ overflow-x: auto; font-size: 13px; }}}}
svg {{{{ max-width: 100%; height: auto; }}}}
</style>
</head>
<body>
{PICTURE}
<pre>{{code}}</pre>
</body>
</html>
"""


def write_page(summary: dict[str, Any], picture: Path, path: Path) -> None:
    """Write the page, whole or not at all, with an SVG picture in it."""
    console = Console(record=True, file=io.StringIO(), width=180)
    print_report(summary, console)
    text = console.export_html(inline_styles=True, code_format=PAGE)
    drawing = picture.read_text(encoding="utf-8")
    write_text(path, text.replace(PICTURE, drawing[drawing.index("<svg") :]))
