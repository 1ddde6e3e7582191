# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/bpf/kernel_program.c \
	src/bpf/kernel_program.h \
	src/bpf/record.h
EXTRA_DIST += src/bpf/kernel.h src/bpf/task.h src/bpf/process.h \
	src/bpf/events.bpf.c src/bpf/fds.bpf.c src/bpf/processes.bpf.c

if BPF
# Compiled for the kernel, by clang alone: nothing of CFLAGS, which a distribution may fill with
# what only processors know. No path of the build gets into the object.
BPF_OBJECTS = src/bpf/events.bpf.o src/bpf/fds.bpf.o src/bpf/processes.bpf.o
BPF_FLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -ffreestanding \
	-ffile-prefix-map=$(srcdir)/= -fdebug-compilation-dir=. -I$(srcdir)/src $(BPF_CPPFLAGS)

$(BPF_OBJECTS): src/bpf/%.bpf.o: src/bpf/%.bpf.c src/bpf/kernel.h src/bpf/task.h src/bpf/process.h \
		src/bpf/record.h
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(BPF_CLANG) $(BPF_FLAGS) -c $< -o $@ && $(BPF_STRIP) -g $@

src/bpf/kernel_program.$(OBJEXT): $(BPF_OBJECTS)
CLEANFILES += $(BPF_OBJECTS)
endif
