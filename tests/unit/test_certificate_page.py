"""report.html: whole, escaped, nothing fetched, and honest about what it is not."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import certify_subjects as make
import pytest
from builders import vcpu

from hvbuild.certify.certificate import CertificateResult, certify
from hvbuild.certify.ground import ground_of
from hvbuild.certify.subject import Subject
from hvbuild.pages.certificate import interference, report_html, report_view
from hvbuild.pages.drawings import guest_drawing, host_drawing, timeline_drawing
from hvbuild.render.environment import Templates
from hvbuild.shipped import shipped_folder

VOID = {"meta", "br", "link", "img", "rect", "line"}


class Checker(HTMLParser):
    """Every element is closed, in order; links and fetched things are collected."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.fetched += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def templates() -> Templates:
    return Templates((shipped_folder("templates"),), "", ("any",))


def judged(subject: Subject) -> tuple[CertificateResult, str]:
    result = certify(subject)
    rendered = report_html(subject, result.statement, templates())

    assert rendered.fault is None
    return result, rendered.text


@pytest.fixture(scope="module")
def refused() -> tuple[CertificateResult, str]:
    vms = (make.qnx_vm(vcpus=(vcpu("10r", [1]),)), make.linux_vm(vcpus=(vcpu("20r", [1]),)))
    demands = {"qnx": (make.demand(2, 10, 10),), "linux": (make.BUSY,)}
    return judged(make.a_subject(declared=vms, demands=demands, services=()))


def test_the_page_is_whole_and_fetches_nothing(refused: tuple[CertificateResult, str]) -> None:
    _, text = refused
    checker = Checker()
    checker.feed(text)

    assert checker.open == []
    assert checker.fetched == []
    assert not re.search(r"<script|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)
    assert all(link.startswith("../../../") for link in checker.links)


def test_the_page_says_verdict_guarantees_story_and_line(refused: tuple[CertificateResult, str]) -> None:
    result, text = refused

    assert all(row["id"] in text for row in result.statement["predicate"]["properties"])
    assert '<div class="verdict refused">' in text
    assert "The line to change" in text
    assert "It is not a tool qualification" in text
    assert result.statement["predicate"]["digest"] in text


def test_the_page_is_the_same_each_time() -> None:
    vms = (make.qnx_vm(), make.linux_vm())
    subject = make.a_subject(declared=vms, examples=3)
    result = certify(subject)
    first, second = (report_html(subject, result.statement, templates()).text for _ in range(2))

    assert first == second


def test_what_people_wrote_is_escaped() -> None:
    subject = make.a_subject(examples=2)
    stack = replace(subject.plan.stack, name="<b>&")
    result = certify(replace(subject, plan=replace(subject.plan, stack=stack)))
    text = report_html(subject, result.statement, templates()).text

    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text


def test_the_matrix_has_a_row_for_each_guest_that_misbehaves(refused: tuple[CertificateResult, str]) -> None:
    result, _ = refused
    victims, rows = interference(result.statement["predicate"])
    cells = dict(rows)

    assert victims == ("qnx", "linux")
    assert list(cells) == ["nobody", "linux", "qnx"]
    assert cells["linux"][0].level == "over"
    assert cells["qnx"][0].text == "itself"


def test_drawings_name_every_owner() -> None:
    ground = ground_of(make.a_subject())
    host = host_drawing(ground)

    assert "qnx: main" in host
    assert "linux: main" in host
    assert "free" in host
    assert "vdev uart" in guest_drawing(ground.memory.guests[0])
    assert "linux/1" in timeline_drawing(ground)


def test_the_view_holds_every_place_as_a_link(refused: tuple[CertificateResult, str]) -> None:
    result, _ = refused
    subject = make.a_subject()
    view = report_view(subject, result.statement, root="")
    places = [found.place for row in view.rows for found in row.findings]

    assert places
    assert all(
        place.href == f"{Path(place.text).name.split(':')[0]}#L{place.text.split(':')[1]}" for place in places
    )
