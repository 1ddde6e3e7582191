#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Breaks the code of a directory of src/ in one place at a time, and lists the mutants that no test detects.

mutate.py --tree DIRECTORY --room ROOM [--count N] [--seed SEED]: DIRECTORY is a copy of the project with a
build in build/. The program changes and restores it. Mutants of src/ROOM are chosen at random; the same
seed chooses the same ones. A mutant that is equivalent to the code counts as survived: the program cannot
recognise it. Exit status: 0, or 1 if a mutant survived."""

import argparse
import glob
import os
import random
import re
import resource
import subprocess
import sys

TEST_SECONDS, MAKE_SECONDS = 120, 300
MEMORY = 4 << 30

# Patterns in code, and their replacements.
KINDS = [
    ("a comparison", r" == ", " != "), ("a comparison", r" != ", " == "),
    ("a bound", r" < ", " <= "), ("a bound", r" <= ", " < "),
    ("a bound", r" > ", " >= "), ("a bound", r" >= ", " > "),
    ("a direction", r" < ", " > "), ("a direction", r" > ", " < "),
    ("a connective", r" && ", " || "), ("a connective", r" \|\| ", " && "),
    ("a condition", r"\bif \((?!!)", "if (!("), ("a negation", r"(?<=[(\s])!(?=[a-z])", ""),
    ("a sum", r" \+ 1\b", ""), ("a difference", r" - 1\b", ""),
    ("a sum", r" \+= ", " = "), ("a step", r"\+\+(?=[;)\]])", ""),
    ("a truth", r"\btrue\b", "false"), ("a truth", r"\bfalse\b", "true"),
    ("a result", r"\breturn 0;", "return -1;"), ("a result", r"\breturn r;", "return 0;"),
    ("a mask", r" & ", " | "), ("a mask", r" \| ", " & "),
    ("a statement", r"^(\s+)(?!return|break|continue|goto|case|default|\}|[A-Z_a-z ]+\*? \*?\w+( =|;|,))[a-z_>.\-*(]+.*;$",
     r"\1;"),
]

# The tests that are run in addition to the unit tests of the room.
ALSO = {
    "audit": ["tests/daemon/alerts.py", "tests/daemon/flapping.py", "tests/daemon/storage.py"],
    "bpf": ["tests/net/test-kernel_events", "tests/net/test-kernel_callers"],
    "bus": ["tests/bus/server.py", "tests/bus/odd.py", "tests/bus/system.py"],
    "collect": ["tests/net/test-sources", "tests/net/test-handles", "tests/net/test-kernel_events", "tests/net/against-ss.py",
                "tests/net/forwards.py"],
    "ctl": ["tests/cli/usage.py", "tests/daemon/verbs.py"],
    "daemon": ["tests/daemon/alerts.py", "tests/daemon/limits.py", "tests/daemon/reload.py", "tests/daemon/verbs.py",
               "tests/daemon/storage.py", "tests/daemon/journal.py", "tests/daemon/begin.py", "tests/daemon/holders.py",
               "tests/daemon/run.py", "tests/daemon/allow.py"],
    "model": ["tests/unit/test-collect", "tests/unit/test-owner", "tests/unit/test-audit", "tests/unit/test-report",
              "tests/unit/test-policy"],
    "owner": ["tests/net/test-kernel_callers", "tests/cli/holders.py", "tests/cli/identity.py", "tests/daemon/holders.py"],
    "policy": ["tests/unit/test-advice", "tests/unit/test-default-policy"],
}


class Mutant:
    def __init__(self, path, number, line, kind, changed):
        self.path, self.number, self.line, self.kind, self.changed = path, number, line, kind, changed

    def __str__(self):
        return f"{self.path}:{self.number}: {self.kind}\n    - {self.line.strip()}\n    + {self.changed.strip()}"


def lines_of_code(text):
    """Returns the lines, with their numbers, that are neither comments nor preprocessor directives."""
    in_comment = False
    for number, line in enumerate(text.split("\n"), 1):
        begins, stripped = in_comment, line.strip()
        in_comment = "/*" in stripped and "*/" not in stripped if not in_comment else "*/" not in stripped
        if not begins and stripped and not stripped.startswith(("/*", "#", "_Static_assert")):
            yield number, line


def close_condition(line):
    """Closes the additional parenthesis of `if (!(` where the condition ends, if that is on the same line."""
    depth, begin = 0, line.index("if (!(") + 3
    for at in range(begin, len(line)):
        depth += {"(": 1, ")": -1}.get(line[at], 0)
        if line[at] == ")" and depth == 1:
            return line[:at] + ")" + line[at:]
    return None


def mutants_of(path, text):
    for number, line in lines_of_code(text):
        code = line.split(" /*")[0]
        for kind, pattern, replacement in KINDS:
            for match in re.finditer(pattern, code):
                if code[:match.start()].count('"') % 2 == 1:
                    continue
                changed = code[:match.start()] + match.expand(replacement) + code[match.end():]
                if kind == "a condition":
                    changed = close_condition(changed)
                if changed and changed != code:
                    yield Mutant(path, number, line, kind, changed)


def limited():
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(words, seconds, **how):
    """Returns whether the command succeeds within the time. Its child processes are killed at the end."""
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=limited, **how) as process:
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, 9)
            except ProcessLookupError:
                pass


class Project:
    def __init__(self, tree, room):
        self.tree, self.build = tree, tree + "/build"
        unit = f"tests/unit/test-{room}"
        has_unit = os.path.isdir(f"{tree}/tests/unit/{room}")
        self.tests = ([unit] if has_unit else []) + ALSO.get(room, [])
        self.env = dict(os.environ, BUILD=self.build, srcdir=tree, top_builddir=self.build)
        self.env.pop("CI", None)

    def make(self):
        return run(["make", "-s", "-j2", "all", "check", "TESTS="], MAKE_SECONDS, cwd=self.build)

    def passes(self, test):
        name = (self.build if os.path.exists(f"{self.build}/{test}") else self.tree) + "/" + test
        return run([name], TEST_SECONDS, cwd=self.build, env=self.env)

    def noticed_by(self):
        return next((test for test in self.tests if not self.passes(test)), None)

    def judge(self, mutant):
        """Returns the test that detects the mutant, "" if none does, or None if it does not compile."""
        path = f"{self.tree}/{mutant.path}"
        with open(path, encoding="utf-8") as file:
            before = file.read()
        lines = before.split("\n")
        lines[mutant.number - 1] = mutant.changed
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))
            return None if not self.make() else self.noticed_by() or ""
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(before)


def choose(tree, room, seed):
    """Returns the mutants of the room in random order, at most one for each line."""
    found = []
    for path in sorted(glob.glob(f"{tree}/src/{room}/**/*.c", recursive=True)):
        with open(path, encoding="utf-8") as file:
            found += mutants_of(os.path.relpath(path, tree), file.read())
    random.Random(seed).shuffle(found)
    seen = set()
    for mutant in found:
        if (mutant.path, mutant.number) not in seen:
            seen.add((mutant.path, mutant.number))
            yield mutant


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    project = Project(os.path.abspath(given.tree), given.room)
    if not project.make():
        sys.exit("the project does not build as it is")
    if test := project.noticed_by():
        sys.exit(f"{test} fails as it is")
    noticed, survived = 0, []
    for mutant in choose(project.tree, given.room, given.seed):
        if noticed + len(survived) == given.count:
            break
        by = project.judge(mutant)
        if by is None:
            continue
        noticed += by != ""
        if by == "":
            survived.append(mutant)
        print(f"{'noticed by ' + by if by else 'SURVIVED'}: {mutant}", flush=True)
    project.make()
    total = noticed + len(survived)
    print(f"\n{given.room}: {noticed} of {total} mutants were noticed ({100 * noticed // max(total, 1)} %), seed {given.seed}")
    sys.exit(1 if survived or total == 0 else 0)


if __name__ == "__main__":
    main()
