"""What `explain` says of a code."""

import pytest

from hvbuild.diagnostics import Code, Severity
from hvbuild.report.explain import (
    Example,
    Examples,
    code_text,
    explained,
    find_code,
    read_examples,
    unknown_code,
)

HARD = Code(
    code="HV2003",
    name="vdev-inside-ram",
    severity=Severity.ERROR,
    meaning="A virtual device's window lies inside the guest's RAM.",
    source="QNX Hypervisor 7.1, Virtual machines",
)
SOFT = Code(
    code="HV4007",
    name="one-pcpu",
    severity=Severity.WARNING,
    meaning="First.\n\nSecond.",
    source="s",
)
OWN = Code(
    code="HV3101",
    name="interrupt-twice",
    severity=Severity.ERROR,
    meaning="m",
    source="s",
    policy="an error although qvm accepts it",
)
CODES = (HARD, SOFT, OWN)
EXAMPLES = {
    "HV2003": Examples(
        failing=Example(
            case="cases/fail/HV2003-x", files={"stack.yaml": "a:\n\n  b\n"}, said="error[HV2003]: m\n"
        ),
        passing=Example(case="cases/pass/HV2003-y", files={"stack.yaml": "c\n"}),
    )
}


def test_a_code_with_examples() -> None:
    outcome = explained("HV2003", CODES, EXAMPLES)
    assert outcome is not None

    assert outcome.text == (
        "error[HV2003]: vdev-inside-ram\n"
        "\n"
        "A virtual device's window lies inside the guest's RAM.\n"
        "\n"
        "severity: an error: the rule is documented\n"
        "source: QNX Hypervisor 7.1, Virtual machines\n"
        "\n"
        "fails: cases/fail/HV2003-x\n"
        "\n"
        "  stack.yaml\n"
        "  | a:\n"
        "  |\n"
        "  |   b\n"
        "\n"
        "  hvbuild says\n"
        "  | error[HV2003]: m\n"
        "\n"
        "passes: cases/pass/HV2003-y\n"
        "\n"
        "  stack.yaml\n"
        "  | c\n"
    )
    assert outcome.data == {
        "format": "hvbuild-code/1",
        "code": "HV2003",
        "name": "vdev-inside-ram",
        "severity": "error",
        "severity_reason": "an error: the rule is documented",
        "meaning": "A virtual device's window lies inside the guest's RAM.",
        "source": "QNX Hypervisor 7.1, Virtual machines",
        "examples": {
            "failing": {
                "case": "cases/fail/HV2003-x",
                "files": {"stack.yaml": "a:\n\n  b\n"},
                "said": "error[HV2003]: m\n",
            },
            "passing": {"case": "cases/pass/HV2003-y", "files": {"stack.yaml": "c\n"}, "said": ""},
        },
    }


def test_severity_says_its_reason() -> None:
    assert "severity: a warning: the rule is inferred" in code_text(SOFT)
    assert "severity: an error although qvm accepts it\n" in code_text(OWN)


@pytest.mark.parametrize("topic", ["HV2003", "hv2003", "vdev-inside-ram", "VDEV-inside-RAM"])
def test_a_code_is_found_by_code_or_name(topic: str) -> None:
    assert find_code(topic, CODES) is HARD


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("vdev-in-ram", "no code 'vdev-in-ram'; did you mean vdev-inside-ram?"),
        ("HV203", "no code 'HV203'; did you mean HV2003?"),
        ("shares-given", "no code 'shares-given'; did you mean shares-are-given?"),
        ("HC9999", "no code 'HC9999'; did you mean HC4003?"),
        ("zzz", "no code 'zzz'"),
    ],
)
def test_near_misses_are_offered(topic: str, said: str) -> None:
    assert find_code(topic, CODES) is None
    assert explained(topic, CODES, EXAMPLES) is None
    assert said == str(unknown_code(topic, CODES, ["HC4003", "shares-are-given"]))


def test_examples_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown format"):
        read_examples('{"format": "hvbuild-examples/9", "codes": {}}')
