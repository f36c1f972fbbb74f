"""What commands take: the types of arguments, and the arguments and options that several commands share.

Conversions import what they need when they run, so that help and completion stay cheap.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from hvbuild.units import Nanoseconds, Size

Function = TypeVar("Function", bound=Callable[..., Any])


class PathType(click.ParamType["Path"]):
    """A file or folder; whether it can be opened is found out when it is."""

    name = "path"

    def __init__(self, completed_as: str = "file") -> None:
        self._completed_as = completed_as

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Path":
        """`value` as a Path; an empty text or one with a NUL names nothing."""
        from pathlib import Path

        if not str(value) or "\0" in str(value):
            self.fail(f"{value!r} is not a path.", param, ctx)
        return Path(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Let the shell complete file names."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type=self._completed_as)]


class DurationType(click.ParamType["Nanoseconds"]):
    """A time with its unit."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Nanoseconds":
        """`value` in nanoseconds."""
        from hvbuild.units import read_duration

        duration = read_duration(str(value))
        if duration is None:
            self.fail(f"{value!r} is not a time like 10ms, 2.5us or 1s.", param, ctx)
        return duration


class SizeType(click.ParamType["Size"]):
    """An amount of memory."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Size":
        """`value` in bytes."""
        from hvbuild.units import read_size

        size = read_size(str(value))
        if size is None:
            self.fail(f"{value!r} is not a size like 64MiB or 0x1000.", param, ctx)
        return size


class EndType(click.ParamType["tuple[str, Nanoseconds, str]"]):
    """A guest that ends, when and how: `la@500ms` or `la@500ms=reset`."""

    name = "end"
    hows = ("off", "reset", "vdev", "quit", "unsupported", "vdev-error")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[str, Nanoseconds, str]":
        """`value` taken apart; `off` where it does not say how."""
        if isinstance(value, tuple):
            return value
        guest, _, rest = str(value).rpartition("@")
        time, _, how = rest.partition("=")
        duration = DURATION.convert(time, param, ctx)
        if not guest or (how or "off") not in self.hows:
            known = ", ".join(self.hows)
            said = f"{value!r} is no guest, time and way to end like la@500ms=reset; there are {known}."
            self.fail(said, param, ctx)
        return guest, duration, how or "off"


class ShardType(click.ParamType["tuple[int, int]"]):
    """One part of several: `2/8`."""

    name = "shard"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """`value` as (index, count), 1 ≤ index ≤ count."""
        part, slash, count = str(value).partition("/")
        if not (slash and part.isascii() and count.isascii() and part.isdigit() and count.isdigit()):
            self.fail(f"{value!r} is not a part like 2/8.", param, ctx)
        if not 1 <= int(part) <= int(count):
            self.fail(f"{value!r}: parts count from 1 to {int(count)}.", param, ctx)
        return int(part), int(count)


class LineType(click.ParamType["tuple[Path, int]"]):
    """A line of a file: `guests/la.qvmconf:5`."""

    name = "file:line"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[Path, int]":
        """`value` as (file, line from 1)."""
        from pathlib import Path

        path, _, line = str(value).rpartition(":")
        if not path or not line.isascii() or not line.isdigit() or int(line) < 1:
            self.fail(f"{value!r} is not FILE:LINE, the line counting from 1.", param, ctx)
        return Path(path), int(line)


class TargetType(click.ParamType[str]):
    """A release that hvbuild writes for, by its name in schemas/targets.json."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """`value`, which is a known target."""
        names = _target_names()
        if value not in names:
            self.fail(f"{value!r} is not one of {', '.join(names)}.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """The targets that begin so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _target_names() if name.startswith(incomplete)]


def _target_names() -> list[str]:
    from hvbuild.shipped import shipped_rows

    return [row["name"] for row in shipped_rows("targets")["targets"]]


PATH = PathType()
FOLDER = PathType("dir")
DURATION = DurationType()
END = EndType()
SIZE = SizeType()
SHARD = ShardType()
LINE = LineType()
TARGET = TargetType()

stack_argument = click.argument("stack", type=PATH)
variant_option = click.option("--variant", metavar="V", default="base", help="Variant, `a+b` for two.")
folder_option = click.option(
    "-o", "--output", type=FOLDER, metavar="DIR", help="In place of build/<stack>/<variant>."
)
markdown_option = click.option(
    "--markdown", is_flag=True, default=False, help="Text as Markdown, for a merge request."
)
target_option = click.option("--target", type=TARGET, metavar="T", help="Release, like qnx-7.1.")


def board_option(required: bool = True) -> Callable[[Function], Function]:
    """`--board BOARD`, by name."""
    return click.option("--board", required=required, metavar="BOARD", help="Board, by name.")
