"""Times as stories and reports spell them."""

from hvbuild.units import milliseconds

ms = milliseconds
