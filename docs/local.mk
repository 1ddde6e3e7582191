# SPDX-License-Identifier: GPL-2.0-or-later
dist_doc_DATA = README.md CHANGELOG.md
EXTRA_DIST += CONTRIBUTING.md COPYING docs/ADVICE-SOURCES.md docs/ARCHITECTURE.md \
	docs/DEPENDENCIES.md docs/KERNEL.md docs/KERNEL-FACTS.md docs/PERFORMANCE.md docs/SECURITY.md docs/SERVICE.md
