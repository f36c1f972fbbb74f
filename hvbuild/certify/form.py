"""The outer form of a certificate: its files in a build folder, its verdicts and the statuses of its rows."""

CERTIFICATE = "certificate.json"
ENVELOPE = "certificate.dsse.json"
TIMINGS = "timings.json"
REPORT = "report.html"

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:hvbuild:certificate:1"
FORMAT = "hvbuild-certificate/1"

CERTIFIED = "certified"
WAIVED = "certified-with-waivers"
REFUSED = "refused"
# The verdict of a shard; of a whole certificate it is none.
PARTIAL = "partial"
ACCEPTED = (CERTIFIED, WAIVED)

STATUSES = ("proved", "exhausted", "sampled", "refused", "not-applicable")
