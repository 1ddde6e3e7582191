# SPDX-License-Identifier: GPL-2.0-or-later
# Where the system bus and polkit look: configure asks pkg-config (SOCKAUDIT_DIR).
dist_dbuspolicy_DATA = dbus/org.sockaudit1.conf
dist_dbusservices_DATA = dbus/org.sockaudit1.service
dist_polkitactions_DATA = polkit/org.sockaudit1.policy
