"""The vendor's own image script, run in the vendor tree where our artifacts lie; never replaced."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from hvbuild.checking import Checked
from hvbuild.deploying import compare, difference_diagnostics, tree_root
from hvbuild.diagnostics import Diagnostic
from hvbuild.image.codes import SDP_MISSING
from hvbuild.image.making import Made, beyond_limits, workshop
from hvbuild.image.record import RECORD, Making, image_name, image_record
from hvbuild.image.running import Command, failure, run_tool
from hvbuild.image.sdp import Tool, find_sdp
from hvbuild.model.host import VendorScript
from hvbuild.resolve.imagesteps import IMAGE_FOLDER, image_limits
from hvbuild.source import SourceFile
from hvbuild.store import file_digest


def run_vendor(
    checked: Checked,
    artifacts: Mapping[str, bytes],
    folder: Path,
    environment: Mapping[str, str],
    *,
    certificate: str = "",
) -> Made:
    """Run the vendor's script and take its images into `folder`/image; nothing is left there when it fails.

    The tree must hold these very artifacts: what differs is told as `deploy --check` tells it.
    """
    found = compare(checked, environment)
    faults = (*found.diagnostics, *difference_diagnostics(found))
    if faults:
        return Made(faults=faults)
    with workshop(folder) as work:
        return _run(checked, folder, work, environment, certificate)


def _run(
    checked: Checked, folder: Path, work: Path, environment: Mapping[str, str], certificate: str
) -> Made:
    vendor = checked.plan.stack.host.image.vendor
    assert vendor is not None
    tree = tree_root(checked, environment)
    script = (tree / vendor.run).absolute()
    if not script.is_file():
        text = f"there is no `{vendor.run}` in the vendor tree `{tree}`"
        return Made(faults=(SDP_MISSING.at(vendor.origin, text),), unable=True)
    tool = Tool(name=vendor.run, path=script, digest=file_digest(script) or "")
    shell = Tool(name="sh", path=Path("/bin/sh"), digest="")
    if os.access(script, os.X_OK):
        command = run_tool(tool, vendor.arguments, script.parent, environment)
    else:
        command = run_tool(shell, (str(script), *vendor.arguments), script.parent, environment)
    command = Command(
        tool=tool, arguments=tuple(vendor.arguments), status=command.status, message=command.message
    )
    source = SourceFile(script.as_posix(), script.read_text(encoding="utf-8", errors="replace"))
    if command.status != 0:
        return Made(faults=(failure(command, "image", source),), commands=(command,))
    absent = tuple(_absent(vendor, tree, command, source))
    if absent:
        return Made(faults=absent, commands=(command,))
    images = [
        Path(shutil.copyfile(tree / name, work / image_name(Path(name).name, marked=not certificate)))
        for name in vendor.outputs
    ]
    beyond = tuple(beyond_limits(vendor.outputs[0], images[0], image_limits(checked.plan.stack)))
    if beyond:
        return Made(faults=beyond, commands=(command,))
    making = Making(
        stack=checked.plan.stack,
        certificate=certificate,
        release=find_sdp(environment).release,
        tools=(tool,),
        commands=(command.words,),
    )
    (work / RECORD).write_bytes(image_record(making, [(path.name, path) for path in images]))
    work.rename(folder / IMAGE_FOLDER)
    return Made(images=tuple(folder / IMAGE_FOLDER / path.name for path in images), commands=(command,))


def _absent(vendor: VendorScript, tree: Path, command: Command, source: SourceFile) -> Iterator[Diagnostic]:
    for name in vendor.outputs:
        if not (tree / name).is_file():
            yield failure(command, name, source)
