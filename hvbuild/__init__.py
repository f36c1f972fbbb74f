"""hvbuild: declarative infrastructure-as-code for QNX hypervisor systems."""
