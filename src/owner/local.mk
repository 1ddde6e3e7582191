# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/owner/btf.c \
	src/owner/btf.h \
	src/owner/cgroup_path.c \
	src/owner/cgroup_path.h \
	src/owner/cgroups.c \
	src/owner/cgroups.h \
	src/owner/conclude.c \
	src/owner/container_path.c \
	src/owner/container_path.h \
	src/owner/exe.c \
	src/owner/fd_iterator.c \
	src/owner/fd_iterator.h \
	src/owner/fds.c \
	src/owner/file_identity.c \
	src/owner/file_identity.h \
	src/owner/forwarder.c \
	src/owner/forwarder.h \
	src/owner/iterate.c \
	src/owner/newcomers.c \
	src/owner/owners.h \
	src/owner/proc_parse.c \
	src/owner/proc_parse.h \
	src/owner/process.c \
	src/owner/process.h \
	src/owner/process_internal.h \
	src/owner/recheck.c \
	src/owner/recheck.h \
	src/owner/search.c \
	src/owner/search.h \
	src/owner/slow_read.c \
	src/owner/sources.c \
	src/owner/threads.c \
	src/owner/visit.c \
	src/owner/witness.c \
	src/owner/witness.h
