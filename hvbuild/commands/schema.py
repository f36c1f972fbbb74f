"""hvbuild schema: the shipped JSON Schemas."""

import click

from hvbuild.commands.answer import answering
from hvbuild.report.outcome import Outcome

_ENDING = ".schema.json"


@answering("schema")
@click.argument("name", required=False)
def command(name: str | None) -> Outcome:
    """Print a schema for an editor.

    Without NAME, the names of all.
    """
    import json

    from hvbuild.shipped import shipped_folder

    paths = {
        path.name.removesuffix(_ENDING): path
        for path in sorted(shipped_folder("schemas").glob(f"*{_ENDING}"))
    }
    if name is None:
        return Outcome(text="\n".join(paths), data={"format": "hvbuild-schemas/1", "schemas": list(paths)})
    if name not in paths:
        raise click.UsageError(f"no schema {name!r}; there are {', '.join(paths)}.")
    text = paths[name].read_text("utf-8")
    return Outcome(text=text, data={"format": "hvbuild-schema/1", "name": name, "schema": json.loads(text)})
