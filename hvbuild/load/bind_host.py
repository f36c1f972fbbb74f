"""The checked tree of the host domain to a `Host`."""

from hvbuild.load.bind_board import read_range
from hvbuild.load.bind_demand import bind_demand
from hvbuild.load.fields import Fields
from hvbuild.model.host import Cluster, Host, HostFile, HostImage, Partition, Service, Smmuman, VendorScript
from hvbuild.units import Nanoseconds


def bind_host(fields: Fields | None) -> Host:
    """The host that a checked tree describes; a plain one of ours where the stack says nothing."""
    if fields is None:
        return Host()
    smmuman = fields.inner("smmuman")
    return Host(
        foreign=fields.flag("foreign"),
        reads=tuple((leaf.text, leaf.origin) for leaf in fields.node.scalars("reads")),
        safety=fields.flag("safety"),
        files_path=fields.text("files_path", "/guests"),
        clusters=tuple(
            Cluster(name=item.text("name"), cpus=item.cpus("cpus") or frozenset(), origin=item.node.origin)
            for item in fields.each("clusters")
        ),
        partitions=tuple(_partition(item) for item in fields.each("partitions")),
        services=tuple(_service(item) for item in fields.each("services")),
        files=tuple(_file(item) for item in fields.each("files")),
        external=fields.texts("external"),
        image=_image(fields.inner("image")),
        smmuman=_smmuman(smmuman) if smmuman else None,
        reserve=tuple(
            (window, item.text("name"), item.node.origin)
            for item in fields.each("reserve")
            if (window := read_range(item)) is not None
        ),
        memory=fields.size("memory"),
        vm_overhead=fields.size("vm_overhead"),
        housekeeping=fields.cpus("housekeeping") or frozenset(),
        origin=fields.node.origin,
    )


def _partition(item: Fields) -> Partition:
    return Partition(
        name=item.text("name"),
        budget=item.node.integer("budget") or 0,
        critical=item.duration("critical") or Nanoseconds(0),
        parent=item.text("parent", "System"),
        origin=item.node.origin,
    )


def _service(item: Fields) -> Service:
    node, load = item.node, item.inner("load")
    return Service(
        name=item.text("name"),
        command=item.text("command"),
        foreground=item.flag("foreground"),
        provides=item.texts("provides"),
        wait_for=item.texts("wait_for"),
        wait=item.duration("wait"),
        drives=item.texts("drives"),
        backs=item.texts("backs"),
        sched=item.sched("sched"),
        cpus=item.cpus("cpus"),
        cluster=node.text("cluster"),
        partition=node.text("partition"),
        demand=bind_demand(load) if load else None,
        origin=node.origin,
    )


def _file(item: Fields) -> HostFile:
    node = item.node
    return HostFile(
        path=item.text("name"),
        source=item.text("source"),
        content=node.text("content"),
        link=item.text("link"),
        mode=item.text("mode"),
        user=node.integer("user"),
        group=node.integer("group"),
        raw=item.flag("raw"),
        optional=item.flag("optional"),
        origin=node.origin,
    )


def _smmuman(item: Fields) -> Smmuman:
    return Smmuman(driver=item.text("driver"), options=item.texts("options"), origin=item.node.origin)


def _vendor(item: Fields) -> VendorScript:
    return VendorScript(
        run=item.text("run"),
        arguments=item.texts("arguments"),
        outputs=item.texts("outputs"),
        origin=item.node.origin,
    )


def _image(item: Fields | None) -> HostImage:
    default = HostImage()
    if item is None:
        return default
    vendor = item.inner("vendor_script")
    return HostImage(
        startup=item.text("startup"),
        startup_arguments=item.texts("startup_arguments"),
        kernel=item.text("kernel"),
        kernel_arguments=item.texts("kernel_arguments"),
        modules=item.texts("modules"),
        path=item.text("path", default.path),
        library_path=item.text("library_path", default.library_path),
        max_size=item.size("max_size"),
        base=item.text("base"),
        vendor=_vendor(vendor) if vendor else None,
        origin=item.node.origin,
        base_origin=item.node.origin_of("base"),
    )
