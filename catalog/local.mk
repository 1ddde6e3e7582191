# SPDX-License-Identifier: GPL-2.0-or-later
dist_catalog_DATA = catalog/sockaudit.catalog
