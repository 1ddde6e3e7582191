# SPDX-License-Identifier: GPL-2.0-or-later
# Tests on other kernels than the running one: `./dev kernels`. A test that belongs there is added to
# this list. It is a program that writes TAP, or a script of tests/daemon/harness.py.
KERNEL_TESTS = tests/kernels/events.py
if TESTS_ENABLED
KERNEL_TESTS += tests/net/facts tests/net/test-hints tests/net/test-sources \
	tests/net/test-handles tests/net/test-kernel_events tests/net/test-kernel_callers \
	tests/net/against-ss.py tests/net/forwards.py \
	tests/unit/test-owner tests/daemon/service.py
endif
EXTRA_DIST += tests/kernels/events.py tests/kernels/init tests/kernels/initramfs \
	tests/kernels/inside.py tests/kernels/kernel tests/kernels/run

kernel-tests:
	@echo $(KERNEL_TESTS)
.PHONY: kernel-tests
