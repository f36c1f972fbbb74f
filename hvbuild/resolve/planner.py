"""`resolve`: a declared stack to a plan, in passes whose order is part of the result."""

from hvbuild.catalog import Catalog
from hvbuild.diagnostics import Diagnostics
from hvbuild.model.plan import Plan
from hvbuild.model.stack import Stack
from hvbuild.resolve.facts import system_of
from hvbuild.resolve.guests import plan_guest
from hvbuild.resolve.host import plan_host
from hvbuild.resolve.ledger import Ledger
from hvbuild.resolve.memory import place_regions


def resolve(stack: Stack, catalog: Catalog, faults: Diagnostics) -> Plan:
    """The plan of `stack`: the same for the same stack, pinned values never moved.

    Passes: host memory regions, then each guest in order (memory, pass-through, vdevs, command line), then
    the host.
    """
    ledger = Ledger()
    regions = place_regions(stack, ledger, faults)
    guests = tuple(plan_guest(stack, guest, catalog, ledger, faults) for guest in stack.guests)
    host = plan_host(stack, guests, regions, catalog)
    return Plan(
        stack=stack,
        system=system_of(stack, guests, regions, host),
        guests=guests,
        regions=regions,
        host=host,
        decisions=ledger.decisions,
    )
