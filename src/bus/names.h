/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon is called on D-Bus: a contract, see org.sockaudit1(5). */
#pragma once

#define BUS_NAME      "org.sockaudit1"
#define BUS_PATH      "/org/sockaudit1"
#define BUS_INTERFACE "org.sockaudit1.Manager"

/* The action of polkit that stands before reload, allow and snooze. */
#define BUS_POLKIT_ACTION "org.sockaudit1.manage"

/* Errors, besides D-Bus's own (AccessDenied, InvalidArgs, …). */
#define BUS_ERROR_NO_LISTENER "org.sockaudit1.Error.NoSuchListener"
#define BUS_ERROR_BAD_POLICY  "org.sockaudit1.Error.BadPolicy" /* message: the diagnostics */
#define BUS_ERROR_QUOTA       "org.sockaudit1.Error.Quota"
#define BUS_ERROR_FAILED      "org.sockaudit1.Error.Failed"

/* The peer-to-peer socket, below the runtime directory. */
#define BUS_SOCKET_NAME         "bus"
#define BUS_RUNTIME_DIR_DEFAULT "/run/sockaudit"
