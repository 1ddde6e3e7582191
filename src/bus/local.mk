# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/bus/access.c \
	src/bus/access.h \
	src/bus/client.c \
	src/bus/client.h \
	src/bus/client_internal.h \
	src/bus/dict.h \
	src/bus/dict_read.c \
	src/bus/dict_write.c \
	src/bus/frame.c \
	src/bus/frame.h \
	src/bus/listener.h \
	src/bus/marshal.c \
	src/bus/marshal.h \
	src/bus/methods.c \
	src/bus/names.h \
	src/bus/peer.c \
	src/bus/peer.h \
	src/bus/peers.c \
	src/bus/properties.c \
	src/bus/queue.c \
	src/bus/request.c \
	src/bus/server.c \
	src/bus/server.h \
	src/bus/server_internal.h \
	src/bus/sink.c \
	src/bus/system_bus.c \
	src/bus/unmarshal.c \
	src/bus/unmarshal.h \
	src/bus/watch.c \
	src/bus/wire.c \
	src/bus/wire.h
