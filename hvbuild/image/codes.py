"""Codes of making images: what is missing, what a tool said, what came out otherwise."""

from hvbuild.diagnostics import error_code

SDP_MISSING = error_code(
    "HV5501",
    "sdp-missing",
    "No QNX SDP is set up here, or a tool of it that the image needs is not there.",
    "QNX SDP: QNX_TARGET and QNX_HOST say where it is; mkifs needs QNX_TARGET",
)
HOST_FILE_MISSING = error_code(
    "HV5502",
    "host-file-missing",
    "A file that goes into the host image is found neither in the SDP, a staging folder nor the project.",
    "mkifs reference: host names are looked up along MKIFS_PATH",
)
TOOL_FAILED = error_code(
    "HV5503",
    "tool-failed",
    "A tool that makes an image ended with a fault, or made nothing.",
    "what the tool itself said",
)
IMAGE_OTHERWISE = error_code(
    "HV5504",
    "image-otherwise",
    "The finished image does not hold what the manifest lists.",
    "dumpifs of the SDP, held against the entries of the buildfile",
)
IMAGE_TOO_LARGE = error_code(
    "HV5505",
    "image-too-large",
    "A finished image is larger than the stack or the board allows.",
    "`host.image.max_size` of the stack; `loader.flash` and `max_size` of disk steps of the board",
)
NOT_CERTIFIED = error_code(
    "HV5506",
    "image-not-certified",
    "An image is asked for without a certificate that accepts these very artifacts.",
    "hvbuild: an image is made of certified files only, or marked as an engineering one",
)
NOT_CURRENT = error_code(
    "HV5507",
    "build-not-current",
    "The build folder does not hold what the stack says now.",
    "hvbuild: the certificate speaks of the artifacts; they must be those of the stack as it stands",
)
NOTHING_TO_MAKE = error_code(
    "HV5508",
    "no-host-image",
    "The stack has no host image of its own: its host is foreign, or its board has no startup.",
    "hvbuild: foreign hosts are read and checked, never written",
)
CODES = (
    SDP_MISSING,
    HOST_FILE_MISSING,
    TOOL_FAILED,
    IMAGE_OTHERWISE,
    IMAGE_TOO_LARGE,
    NOT_CERTIFIED,
    NOT_CURRENT,
    NOTHING_TO_MAKE,
)
