"""Builds the connector in the current folder: `python -m muster_connector [OUTPUT]`.

`connector.py` defines it: `connector = Newsletter()`. The component contains all modules that are
imported during the build; a decision cannot import others.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

SDK = Path(__file__).resolve().parent.parent

ENTRY = """from muster_connector.component import lifecycle
from connector import connector

Lifecycle = lifecycle(connector, {manifest!r})
"""


def fail(text: str) -> NoReturn:
    sys.exit(f"muster_connector: {text}")


def manifest() -> dict:
    try:
        return json.loads(Path("manifest.json").read_text())
    except (OSError, ValueError) as error:
        fail(f"manifest.json: {error}")


def wit() -> Path:
    """The interface: next to this package, or two folders above as in projects and in muster's
    repository."""
    for folder in (SDK / "wit", SDK.parent.parent / "wit"):
        if (folder / "world.wit").exists():
            return folder
    fail("the interface is missing: there is no folder `wit` in the project")


def main() -> None:
    described = manifest()
    if not Path("connector.py").exists():
        fail("this folder has no connector.py, which defines the connector")
    tool = Path(sys.executable).with_name("componentize-py")
    if not tool.exists():
        fail("componentize-py is not installed; run: pip install -r requirements.txt")
    build = Path("build")
    build.mkdir(exist_ok=True)
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    (build / "component.py").write_text(ENTRY.format(manifest=text))
    output = sys.argv[1] if len(sys.argv) > 1 else f"{described.get('name', 'connector')}.wasm"
    command = [tool, "-q", "-d", wit(), "-w", "connector", "componentize", "component"]
    command += ["-p", build, "-p", ".", "-p", SDK, "-o", output]
    # componentize-py finds the project's packages by the name of its environment.
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    if subprocess.run(command, env=environment).returncode != 0:
        sys.exit(1)
    print(f"{output}  {Path(output).stat().st_size / 2**20:.1f} MiB")


main()
