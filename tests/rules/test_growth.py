"""What checking costs as systems grow: counted in calls, which no clock disturbs."""

import cProfile
import pstats

from builders import (
    a_system,
    a_vm,
    device,
    devices,
    launch,
    passed,
    region,
    service,
    vcpu,
    vdev,
    window,
)

from hvbuild.model.system import System
from hvbuild.rules.catalog import ALL_RULES
from hvbuild.rules.rule import run_rules

LIBRARIES = ("virtio-blk", "virtio-net", "pl011")
FILES = frozenset(
    {"/sbin/qvm", "/lib/devnp-vdevpeer-net.so", *(f"/lib/vdev-{name}.so" for name in LIBRARIES)}
)


def a_large_system(guests: int) -> System:
    """A clean system with 20 devices, 4 vCPUs, a passed device and a service for each guest."""
    numbers = range(guests)
    vms = [
        a_vm(
            f"g{i}",
            vdevs=(
                *(
                    vdev(
                        "virtio-blk",
                        0x1C00_0000 + k * 0x10000,
                        40 + k,
                        name=f"d{k}",
                        hostdev=f"/dev/d{i}_{k}",
                    )
                    for k in range(18)
                ),
                vdev("virtio-net", 0x1D00_0000, 80, name="net", peer=f"/dev/vdevpeers/vp{i}"),
                vdev("pl011", 0x1D10_0000, 81),
            ),
            vcpus=tuple(vcpu("10r", [4, 5, 6, 7]) for _ in range(4)),
            passes=(
                passed(
                    window(0x2000_0000, 0x1000, "rwn", 0x10_0000_0000 + i * 0x1000),
                    lines=[(100, 200 + i)],
                    device=f"dev{i}",
                ),
            ),
        )
        for i in numbers
    ]
    return a_system(
        *vms,
        services=tuple(
            service(
                f"s{i}",
                command=f"vpctl vp{i} peer=/dev/qvm/g{i}/net bind=/dev/vdevpeers/vp{i}",
                provides=tuple(f"/dev/d{i}_{k}" for k in range(18)),
                priority=20,
            )
            for i in numbers
        ),
        devices=devices(
            *(device(f"dev{i}", 0x10_0000_0000 + i * 0x1000, interrupts=(200 + i,)) for i in numbers)
        ),
        launches={f"g{i}": launch(f"g{i}", "10", position=guests) for i in numbers},
        banks=(region("ram", 0x1_0000_0000, 1 << 40),),
        image_files=FILES,
        complete=True,
    )


def calls(guests: int) -> int:
    system = a_large_system(guests)
    profile = cProfile.Profile()

    profile.enable()
    said = run_rules(system, ALL_RULES)
    profile.disable()

    assert said == ()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def test_cost_grows_with_the_number_of_guests_and_not_with_its_square() -> None:
    few, many = calls(8), calls(64)

    assert many < 8 * few * 1.1
