"""What is made of the settings' code: the table of docs/SETTINGS.md, and .env.example.

``make docs`` writes both.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Final

from streamer.config.reading import Setting
from streamer.config.settings import SETTINGS

_ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = _ROOT / "docs" / "SETTINGS.md"
ENV_EXAMPLE: Final = _ROOT / ".env.example"
_BEGIN: Final = "<!-- settings: begin; written by make docs -->\n"
_END: Final = "<!-- settings: end -->"
_HEAD: Final = """\
# Every setting of Streamer, with its default; written by make docs.
#
# Copy it to .env, take the "#" away before what you set, and give it to what starts
# Streamer: EnvironmentFile= of systemd, env_file: of compose, --env-file of docker run,
# or a shell: set -a; . ./.env. Streamer itself reads the environment alone. What is
# secret is better kept in a file of its own: STREAMER_..._FILE is the whole path of one.
"""


def with_current_table(text: str) -> str:
    """`text` of the document, with the table of the code between its two marks."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin, "the document has lost the mark where its table of settings begins"
    assert end, "the document has lost the mark where its table of settings ends"
    rows = [
        f"| `{setting.variable}`{', `…_FILE`' if setting.is_secret else ''} "
        f"| {f'`{setting.default}`' if setting.default else ''} | {setting.help} |"
        for setting in SETTINGS.values()
    ]
    table = "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])
    return f"{before}{begin}{table}\n{end}{after}"


def env_example() -> str:
    """What .env.example has: each setting below its help, as a comment."""
    return "\n".join([_HEAD, *map(_example, SETTINGS.values())])


def _example(setting: Setting) -> str:
    said = f"{setting.help} Allowed: {setting.allowed}."
    lines = [
        fill(said, 92, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False),
        f"#{setting.variable}={setting.default}",
    ]
    if setting.is_secret:
        lines.append(f"#{setting.file_variable}=/run/secrets/{setting.name}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    DOCUMENT.write_text(with_current_table(DOCUMENT.read_text("utf-8")), "utf-8")
    ENV_EXAMPLE.write_text(env_example(), "utf-8")
