# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/collect/attributes.h \
	src/collect/collect.c \
	src/collect/collect.h \
	src/collect/diag_parse.c \
	src/collect/diag_parse.h \
	src/collect/diag_request.c \
	src/collect/diag_request.h \
	src/collect/forward.c \
	src/collect/forward.h \
	src/collect/forwards.c \
	src/collect/forwards.h \
	src/collect/link_builder.c \
	src/collect/link_kind.c \
	src/collect/link_kind.h \
	src/collect/link_parse.c \
	src/collect/link_parse.h \
	src/collect/links.c \
	src/collect/links.h \
	src/collect/messages.c \
	src/collect/messages.h \
	src/collect/netlink.c \
	src/collect/netlink.h \
	src/collect/netns.c \
	src/collect/netns.h \
	src/collect/nft_elements.c \
	src/collect/nft_elements.h \
	src/collect/nft_rule.c \
	src/collect/nft_rule.h \
	src/collect/nft_xt.c \
	src/collect/nft_xt.h \
	src/collect/protocols.c \
	src/collect/protocols.h \
	src/collect/sockdiag.c \
	src/collect/sockdiag.h
