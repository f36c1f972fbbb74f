"""The catalogue: well formed, cited, complete, and its releases fall back as they should."""

from pathlib import Path

import pytest

from hvbuild.catalog import Catalog, shipped_catalog
from hvbuild.catalog_rows import OptionRow, Row, VdevRow
from hvbuild.shipped import shipped_rows

CATALOG = shipped_catalog()


def rows(catalog: Catalog) -> list[Row]:
    groups = (
        catalog.options,
        *catalog.sub_options.values(),
        catalog.blobs,
        catalog.interrupt_attributes,
        catalog.log_destinations,
        catalog.variables,
        *catalog.vdev_options.values(),
    )
    held: list[Row] = [row for group in groups for each in group.values() for row in each]
    return [*held, *catalog.vdevs.values(), *catalog.flags.values()]


def test_every_row_is_cited_and_says_how_sure_it_is() -> None:
    known = {row.release for row in CATALOG.targets.values()}

    for row in rows(CATALOG):
        assert row.source, row.name
        assert row.evidence in {"D", "Dx", "R", "A", "I"}, row.name
        assert set(row.releases) <= known, row.name
        assert row.architecture in {"", "arm", "x86"}, row.name


def test_every_word_of_the_data_is_read() -> None:
    """A key that the reader does not know would be data that nobody sees."""
    data = shipped_rows("qvmconf")
    option = {"name", "forms", "repeat", "opens", "prefix", "releases", "absence", "evidence", "source"}
    option |= {"values", "range", "default", "unit", "needs", "deprecated", "count"}
    device = {"name", "architecture", "implicit", "controller", "lines", "location", "interrupt", "space"}
    device |= {
        "windows",
        "options",
        "exits",
        "exits_evidence",
        "evidence",
        "source",
        "required",
        "shares_line",
    }
    device |= {"required_evidence", "addon", "most", "open", "limits", "limits_evidence", "shutdown"}
    window = {"option", "same", "bytes", "version", "per_vcpu", "default", "evidence", "default_evidence"}
    found = [*data["options"], *(row for group in data["sub_options"].values() for row in group)]

    for row in (*found, *(row for vdev in data["vdevs"] for row in vdev.get("options", ()))):
        assert set(row) <= option, row["name"]
    for vdev in data["vdevs"]:
        assert set(vdev) <= device, vdev["name"]
        assert all(set(row) <= window for row in vdev.get("windows", ())), vdev["name"]


@pytest.mark.parametrize(
    ("target", "chain"),
    [
        (None, ()),
        ("qnx-9.9", ()),
        ("qnx-7.0", ("7.0",)),
        ("qnx-7.1", ("7.1", "7.0")),
        ("qnx-8.0", ("8.0",)),
        ("qnx-8.0.4", ("8.0.4", "8.0")),
    ],
)
def test_releases_fall_back_to_their_parents(target: str | None, chain: tuple[str, ...]) -> None:
    assert chain == CATALOG.releases(target)


@pytest.mark.parametrize(
    ("target", "values"),
    [("qnx-7.1", ("2", "3")), ("qnx-8.0", ("3",)), ("qnx-8.0.4", ("2", "3"))],
)
def test_the_nearest_release_has_the_word(target: str, values: tuple[str, ...]) -> None:
    row = CATALOG.vdev_option("gic", "version", target)

    assert row is not None
    assert values == row.values


def test_limits_and_features_are_inherited() -> None:
    assert CATALOG.limit("qnx-8.0.4", "gicv2_vcpus") == 8
    assert CATALOG.limit("qnx-7.1", "nothing") is None
    assert CATALOG.feature("qnx-8.0.4", "gic_versions") == [2, 3]
    assert CATALOG.feature("qnx-8.0", "gic_versions") == [3]
    assert CATALOG.feature("qnx-7.1", "host_module") == "qvm"
    assert CATALOG.target_chain("qnx-8.0.4") == ("qnx-8.0.4", "qnx-8.0")


def test_a_certified_variant_has_the_row_of_its_plain_form() -> None:
    assert CATALOG.vdev("pl011-safety") is CATALOG.vdev("pl011")


def test_a_project_adds_devices_without_touching_the_shipped_catalogue() -> None:
    npu = VdevRow(name="npu", options=(OptionRow(name="mode", forms=("text",)),))
    own = CATALOG.with_vdevs([npu])
    row = own.vdev_option("npu", "mode")

    assert row is not None
    assert row.forms == ("text",)
    assert own.vdev("npu") == npu
    assert CATALOG.vdev("npu") is None
    assert own.vdev("pl011") is CATALOG.vdev("pl011")


def test_the_shipped_catalogue_is_read_once() -> None:
    assert shipped_catalog() is shipped_catalog()


def test_nothing_of_the_reference_digest_is_missing(shared: Path) -> None:
    ruamel = pytest.importorskip("ruamel.yaml")
    digest = ruamel.YAML(typ="safe").load(shared / "reference" / "qvmconf-catalog.yaml")

    assert set(digest["options"]) <= set(CATALOG.options)
    assert set(digest["blob_types"]) == set(CATALOG.blobs)
    assert set(digest["cpu_options"]) == set(CATALOG.sub_options["cpu"])
    assert set(digest["pass_flags"]) - {"+", "-"} == set(CATALOG.flags)
    assert set(digest["set_vars"]) == set(CATALOG.variables)
    assert set(digest["vdev_common"]) == set(CATALOG.sub_options["vdev"])
    for name, said in digest["options"].items():
        assert {said["args"]} == {len(row.forms) for row in CATALOG.options[name]}, name
    for name, said in digest["vdevs"].items():
        vdev = CATALOG.vdevs[name]
        assert said.get("arch", "") == vdev.architecture, name
        assert set(said["opts"]) == {row.name for row in vdev.options} - {"intr"}, name
        for option, count in said["opts"].items():
            assert {count} == {len(row.forms) for row in CATALOG.vdev_options[name][option]}, option
        added = {row.name for row in vdev.options if row.repeat == "adds"}
        assert set(digest["accumulate"].get(name, ())) <= added, name
