"""The statement of a certificate: from subject, answers and chunks of drawn runs to plain data."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hvbuild.certify.canonical import Json
from hvbuild.certify.chunk import Chunk, worst_of
from hvbuild.certify.form import CERTIFIED, FORMAT, PREDICATE, REFUSED, STATEMENT, WAIVED
from hvbuild.certify.ground import Ground
from hvbuild.certify.outcome import Answer, NotApplicable, Proved, Refused, status_of
from hvbuild.certify.outcome import Exhausted as ExhaustedAnswer
from hvbuild.certify.outcome import Sampled as SampledAnswer
from hvbuild.certify.places import finding_json, place_json
from hvbuild.certify.property import Property
from hvbuild.certify.replay import read_counterexample
from hvbuild.certify.subject import Subject
from hvbuild.machine.exchange import CONVENTIONS
from hvbuild.version import judging_versions


def base_of(ground: Ground, answers: Mapping[str, Answer], rows: Sequence[Property]) -> Json:
    """Everything that does not depend on drawn runs: what all shards of one subject have in common."""
    subject = ground.subject
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subject.artifacts.items())
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "format": FORMAT,
            "digest": "",
            "stack": subject.plan.stack.name,
            "variant": subject.plan.stack.variant,
            "board": subject.plan.stack.board.name,
            "inputs": [{"name": name, "sha256": digest} for name, digest in sorted(subject.inputs)],
            "versions": versions_of(subject),
            "parameters": parameters_of(ground),
            "rules": {"ran": subject.rules_ran},
            "properties": [property_json(ground, row, answers.get(row.code)) for row in rows],
            "guests": guests_of(ground),
            "loads": loads_of(ground),
            "assumptions": assumptions_of(ground),
            "waivers": waivers_of(subject),
            "unreadable": [
                name for name, text in subject.counterexamples if read_counterexample(text) is None
            ],
        },
    }


def versions_of(subject: Subject) -> Json:
    """Versions that the result depends on."""
    return {**dict(judging_versions()), "target": subject.target}


def parameters_of(ground: Ground) -> Json:
    """Profile, seed, examples, date of judgement, costs and limits with their sources."""
    subject = ground.subject
    return {
        "profile": ground.profile.name,
        "profile_title": ground.profile.title,
        "seed": str(subject.seed),
        "examples": subject.examples,
        "date": subject.date,
        "cost_class": subject.plan.stack.board.cost_class,
        "costs": [
            {"name": row.name, "value": str(row.value), "unit": row.unit, "source": row.source}
            for row in ground.terms.rows
        ],
    }


def property_json(ground: Ground, row: Property, answer: Answer | None) -> Json:
    """One guarantee with its answer; without one it waits for its drawn runs."""
    subject = ground.subject
    result: Json = {
        "id": row.code,
        "name": row.name,
        "title": row.title,
        "statement": row.statement,
        "family": str(row.family),
        "method": str(row.method),
        "profiles": list(row.profiles),
        "requirements": requirements_of(subject, row),
        "status": status_of(answer) if answer is not None else "",
        "examples": cases_of(answer),
        "seed": str(subject.seed),
        "counterexample": None,
    }
    match answer:
        case Refused(findings=findings):
            result["findings"] = [finding_json(finding, subject.inputs) for finding in findings]
            result["counterexample"] = result["findings"][0]
        case NotApplicable(reason=reason):
            result["reason"] = reason
        case Proved(note=note) | ExhaustedAnswer(note=note) | SampledAnswer(note=note):
            result["note"] = note
        case None:
            pass
    return result


def cases_of(answer: Answer | None) -> int:
    """How many cases or runs `answer` rests on."""
    match answer:
        case Proved(cases=cases) | ExhaustedAnswer(cases=cases):
            return cases
        case SampledAnswer(examples=examples) | Refused(examples=examples):
            return examples
        case _:
            return 0


def requirements_of(subject: Subject, row: Property) -> list[str]:
    """The user's requirement ids that this guarantee serves."""
    named = subject.plan.stack.certificate.requirements
    return [one for name, ids in named if name in (row.code, row.name) for one in ids]


def guests_of(ground: Ground) -> list[Json]:
    """Each guest with its integrity level and the user's requirement ids."""
    rows = []
    for index, vm in enumerate(ground.system.vms):
        planned = ground.planned(index)
        rows.append(
            {
                "name": vm.label,
                "system": vm.system,
                "asil": planned.guest.asil if planned is not None else "",
                "requirements": list(planned.guest.requirements) if planned is not None else [],
                "place": place_json(ground.guest_line(index), ground.subject.inputs),
            }
        )
    return rows


def loads_of(ground: Ground) -> list[Json]:
    """What each thread was taken to ask for, under each workload, and where that is written."""
    rows = []
    for workload, threads in ground.workloads:
        for thread in threads:
            demand = thread.demand
            row: dict[str, Any] = {
                "workload": workload,
                "thread": thread.name,
                "sched": type(thread.sched).__name__,
                "priority": thread.priority,
                "cpus": sorted(thread.cpus),
                "partition": thread.partition,
                "pattern": demand.pattern if demand is not None else "unknown",
                "place": place_json(thread.load_origin, ground.subject.inputs),
            }
            if demand is not None:
                times = (("period", demand.period), ("work", demand.work), ("bound", demand.bound))
                row |= {name: str(int(ns)) for name, ns in times if ns is not None}
                row |= {"burst": demand.burst, "accesses": demand.accesses, "assumed": demand.assumed}
                if demand.exits:
                    row["exits"] = dict(demand.exits)
                if demand.uses:
                    row["operations"] = {use.spelled: use.count for use in demand.uses}
                    row["back_end"] = str(int(demand.back_end or 0))
                if demand.awaits:
                    row["awaits"] = list(demand.awaits)
                if thread.serves:
                    row["asked"] = [
                        {"requests": row.count, "period": str(row.period), "through": list(row.through)}
                        for row in thread.asked
                    ]
            rows.append(row)
    return rows


def assumptions_of(ground: Ground) -> list[Json]:
    """Everything taken for granted: the profile's rules, loads without figures, what the model leaves out."""
    rows = [
        {"name": row.name, "value": row.value, "source": row.provenance} for row in ground.profile.assumptions
    ]
    routing = ground.system.host.routing
    rows.append({"name": "interrupts", "value": f"taken by CPU {routing.cpu}", "source": routing.source})
    for thread in ground.threads:
        if thread.demand is None and not thread.is_vcpu:
            source = "the stack says nothing of its load"
            rows.append({"name": f"load of {thread.name}", "value": "none", "source": source})
        elif thread.serves:
            value, source = "as much as is asked of it, as listed", "declared as served"
            rows.append({"name": f"load of {thread.name}", "value": value, "source": source})
        elif thread.demand is not None and thread.demand.assumed:
            rows.append(
                {"name": f"load of {thread.name}", "value": "as listed", "source": thread.demand.assumed}
            )
    if any(thread.errands for thread in ground.threads):
        rows += [
            {"name": f"exchange: {row.name}", "value": row.value, "source": row.source} for row in CONVENTIONS
        ]
    for guest in ground.memory.guests:
        for remark in guest.remarks:
            rows.append(
                {"name": f"{remark.vm}: {remark.subject}", "value": remark.text, "source": "left open"}
            )
    return rows


def waivers_of(subject: Subject) -> list[Json]:
    """Every waiver with whether it counts on the day of judgement."""
    return [
        {
            "property": row.property,
            "reason": row.reason,
            "owner": row.owner,
            "expires": row.expires,
            "in_force": in_force(row.expires, subject.date),
            "place": place_json(row.origin, subject.inputs),
        }
        for row in subject.plan.stack.certificate.waivers
    ]


def in_force(expires: str, day: str) -> bool:
    """True when a waiver that expires on `expires` still counts on `day`; never without a day."""
    return bool(day) and day <= expires


# --- from base and chunks to the statement -----------------------------------------------------------------


def assembled(base: Json, chunks: Iterable[Chunk]) -> Json:
    """The whole statement without its digest: the same for the same base and chunks, however these came."""
    ordered = sorted(chunks, key=lambda chunk: chunk.key)
    predicate = dict(base["predicate"])
    families = _by_family(ordered)
    rows = [_with_runs(row, families.get(row["family"], ())) for row in predicate["properties"]]
    waivers = predicate["waivers"]
    rows = [_with_waiver(row, waivers) for row in rows]
    predicate["properties"] = rows
    predicate["verdict"], predicate["reasons"] = verdict_of(
        rows, predicate["rules"]["ran"], predicate["unreadable"]
    )
    predicate["families"] = [_family_json(name, held) for name, held in families.items()]
    return {**base, "predicate": predicate}


def _by_family(chunks: Sequence[Chunk]) -> dict[str, tuple[Chunk, ...]]:
    found: dict[str, tuple[Chunk, ...]] = {}
    for chunk in chunks:
        found[chunk.family] = (*found.get(chunk.family, ()), chunk)
    return found


def _family_json(name: str, chunks: tuple[Chunk, ...]) -> Json:
    return {
        "family": name,
        "examples": sum(chunk.examples for chunk in chunks),
        "exhausted": any(chunk.exhausted for chunk in chunks),
        "chunks": [
            {"index": chunk.index, "examples": chunk.examples, "stream": chunk.stream} for chunk in chunks
        ],
        "worst": {label: str(value) for label, value in worst_of(chunks).items()},
    }


def _with_runs(row: Json, chunks: tuple[Chunk, ...]) -> Json:
    """A guarantee that waited for drawn runs, with what they say."""
    if row["status"]:
        return row
    code = row["id"]
    judged = sum(dict(chunk.judged).get(code, 0) for chunk in chunks)
    failure = next((found for chunk in chunks for name, found in chunk.failures if name == code), None)
    if failure is not None:
        status = "refused"
    elif any(chunk.exhausted for chunk in chunks):
        status = "exhausted"
    else:
        status = "sampled" if judged else ""
    result = {**row, "status": status, "examples": judged, "counterexample": failure}
    if failure is not None:
        result["findings"] = [{key: failure[key] for key in failure if key not in ("run", "scenario")}]
    return result


def _with_waiver(row: Json, waivers: Sequence[Json]) -> Json:
    if row["status"] != "refused":
        return row
    for waiver in waivers:
        if waiver["in_force"] and waiver["property"] in (row["id"], row["name"]):
            return {**row, "waiver": {key: waiver[key] for key in ("reason", "owner", "expires")}}
    return row


def verdict_of(rows: Sequence[Json], rules: int, unreadable: Sequence[str]) -> tuple[str, list[str]]:
    """The verdict and, where it is not plain `certified`, why: guarantees refused, waived or never run.

    `unreadable` are stored counterexamples that could not be replayed: what they hold against the system is
    not known, so they refuse.
    """
    reasons = [f"stored counterexample `{name}` cannot be read" for name in unreadable]
    if not rules:
        reasons.append("no rule was run")
    if not rows:
        reasons.append("no guarantee was judged")
    for row in rows:
        if not row["status"]:
            reasons.append(f"{row['id']} {row['name']}: not run")
        elif row["status"] == "refused" and "waiver" not in row:
            reasons.append(f"{row['id']} {row['name']}: {row['findings'][0]['what']}")
    if reasons:
        return REFUSED, reasons
    waived = [
        f"{row['id']} {row['name']}: accepted by {row['waiver']['owner']}" for row in rows if "waiver" in row
    ]
    return (WAIVED, waived) if waived else (CERTIFIED, [])
