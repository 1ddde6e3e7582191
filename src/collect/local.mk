# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/collect/collect.c \
	src/collect/collect.h \
	src/collect/netns.c \
	src/collect/netns.h \
	src/collect/forwards/forward.c \
	src/collect/forwards/forward.h \
	src/collect/forwards/forwards.c \
	src/collect/forwards/forwards.h \
	src/collect/forwards/nft_attributes.h \
	src/collect/forwards/nft_dump.c \
	src/collect/forwards/nft_dump.h \
	src/collect/forwards/nft_elements.c \
	src/collect/forwards/nft_elements.h \
	src/collect/forwards/nft_rule.c \
	src/collect/forwards/nft_rule.h \
	src/collect/forwards/nft_xt.c \
	src/collect/forwards/nft_xt.h \
	src/collect/links/link_builder.c \
	src/collect/links/link_kind.c \
	src/collect/links/link_kind.h \
	src/collect/links/link_parse.c \
	src/collect/links/link_parse.h \
	src/collect/links/links.c \
	src/collect/links/links.h \
	src/collect/netlink/attributes.h \
	src/collect/netlink/handles.c \
	src/collect/netlink/handles.h \
	src/collect/netlink/messages.c \
	src/collect/netlink/messages.h \
	src/collect/netlink/netlink.c \
	src/collect/netlink/netlink.h \
	src/collect/sockdiag/diag_parse.c \
	src/collect/sockdiag/diag_parse.h \
	src/collect/sockdiag/diag_request.c \
	src/collect/sockdiag/diag_request.h \
	src/collect/sockdiag/protocols.c \
	src/collect/sockdiag/protocols.h \
	src/collect/sockdiag/sockdiag.c \
	src/collect/sockdiag/sockdiag.h
# The event sources.
libsockaudit_a_SOURCES += \
	src/collect/events/destroy.c \
	src/collect/events/destroy.h \
	src/collect/netlink/group_socket.c \
	src/collect/netlink/group_socket.h \
	src/collect/events/kernel_event.c \
	src/collect/events/kernel_event.h \
	src/collect/events/link_events.c \
	src/collect/events/link_events.h \
	src/collect/events/ring.c \
	src/collect/events/ring.h \
	src/collect/events/ruleset_events.c \
	src/collect/events/ruleset_events.h \
	src/collect/sockdiag/lookup.c \
	src/collect/sockdiag/lookup.h \
	src/collect/small_file.c \
	src/collect/small_file.h \
	src/collect/events/source_status.c \
	src/collect/events/source_status.h \
	src/collect/events/sources.c \
	src/collect/events/sources.h
