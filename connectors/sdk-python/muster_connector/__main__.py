"""Builds the connector in the current folder: `python -m muster_connector [OUTPUT]`.

`connector.py` names it: `connector = Newsletter()`. All that it imports, and they import, becomes
part of the component, so that nothing can be imported later on.
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
    """Beside this package in a project, and in muster's own repository."""
    for folder in (SDK / "wit", SDK.parent.parent / "wit"):
        if (folder / "world.wit").exists():
            return folder
    fail("the interface (a folder `wit`) is not where it belongs")


def main() -> None:
    described = manifest()
    if not Path("connector.py").exists():
        fail("connector.py, which names the connector, is not in this folder")
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
    # What the project has installed beside is found through the environment's name.
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    if subprocess.run(command, env=environment).returncode != 0:
        sys.exit(1)
    print(f"{output}  {Path(output).stat().st_size / 2**20:.1f} MiB")


main()
