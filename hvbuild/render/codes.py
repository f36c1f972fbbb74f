"""Codes of the rendering room: what a template, a renderer or a hostile word can get wrong."""

from hvbuild.diagnostics import Code, Severity

UNSPELLABLE = Code(
    code="HV6001",
    name="unspellable",
    severity=Severity.ERROR,
    meaning="A word of the stack cannot be written so that the reader of the output reads the same word.",
    source="mkifs tokenizer; QNX Hypervisor, VM configuration file syntax",
)
TEMPLATE_SYNTAX = Code(
    code="HV6002",
    name="template-syntax",
    severity=Severity.ERROR,
    meaning="A template cannot be read: its Jinja2 syntax is broken, or it asks for what is not allowed.",
    source="Jinja2 template designer documentation",
)
TEMPLATE_UNDEFINED = Code(
    code="HV6003",
    name="template-undefined",
    severity=Severity.ERROR,
    meaning="A template uses a name that its view does not have, or fails while it is rendered.",
    source="hvbuild: undefined names are fatal, a view says everything a template may place",
)
NOT_READABLE = Code(
    code="HV6010",
    name="output-not-readable",
    severity=Severity.ERROR,
    meaning="A rendered artifact cannot be read back in its own language.",
    source="hvbuild: every artifact is read back and compared before it is written",
)
SAYS_OTHERWISE = Code(
    code="HV6011",
    name="output-says-otherwise",
    severity=Severity.ERROR,
    meaning="A rendered artifact reads back with another meaning than the plan has.",
    source="hvbuild: every artifact is read back and compared before it is written",
)
LACKS = Code(
    code="HV6012",
    name="output-lacks",
    severity=Severity.ERROR,
    meaning="A buildfile lacks something the plan needs: a file, a boot option, a script step or a launch.",
    source="QNX Hypervisor 7.1 and 8.0, Building the hypervisor host",
)
CONTRADICTS = Code(
    code="HV6013",
    name="output-contradicts",
    severity=Severity.ERROR,
    meaning="A buildfile does what the plan excludes, such as starting the driver of a device a guest owns.",
    source="QNX Hypervisor, Building the host: remove drivers of passed-through devices",
)
ANCHOR = Code(
    code="HV6014",
    name="anchor-misplaced",
    severity=Severity.ERROR,
    meaning="An anchor (`# hvbuild: script`) of a base buildfile stands where its part cannot go.",
    source="hvbuild: anchors say where our parts are put into a buildfile that others keep",
)
UNKNOWN_SIZE = Code(
    code="HV6015",
    name="reserved-size-unknown",
    severity=Severity.ERROR,
    meaning="A guest's tree is to reserve memory for data whose size is not known.",
    source="Devicetree Specification, reserved-memory: a static node says where and how much",
)
CODES = (
    UNSPELLABLE,
    TEMPLATE_SYNTAX,
    TEMPLATE_UNDEFINED,
    NOT_READABLE,
    SAYS_OTHERWISE,
    LACKS,
    CONTRADICTS,
    ANCHOR,
    UNKNOWN_SIZE,
)
