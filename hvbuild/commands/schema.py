"""hvbuild schema: the shipped JSON Schemas."""

import click

from hvbuild.commands.answer import answering
from hvbuild.report.outcome import Outcome


@answering("schema")
@click.argument("name", required=False)
def command(name: str | None) -> Outcome:
    """Print a schema for an editor.

    Without NAME, the names of all.
    """
    import json

    from hvbuild.shipped import shipped_schemas

    paths = shipped_schemas()
    if name is None:
        return Outcome(text="\n".join(paths), data={"format": "hvbuild-schemas/1", "schemas": list(paths)})
    if name not in paths:
        raise click.UsageError(f"no schema {name!r}; there are {', '.join(paths)}.")
    text = paths[name].read_text("utf-8")
    return Outcome(text=text, data={"format": "hvbuild-schema/1", "name": name, "schema": json.loads(text)})
