# SPDX-License-Identifier: GPL-2.0-or-later
# Real tools under the daemon: `./dev field` runs all of them, `make check` those of ci.toml.
dist_check_SCRIPTS += tests/field/ci
TESTS += tests/field/ci
EXTRA_DIST += tests/field/ci.toml tests/field/field.py tests/field/root tests/field/tools \
	tests/field/services tests/field/services-root tests/field/services.d
