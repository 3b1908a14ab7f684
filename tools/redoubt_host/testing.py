"""tools/test: every test of the project, one summary line at the end.

Groups, in order: unit (host, GoogleTest and Python), sanitized (the same C++ under ASan and UBSan),
fuzz (each libFuzzer target for a short while), system (real guests in QEMU, on each architecture).
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from . import build, machine, progress
from .architecture import ARCHITECTURES, current
from .paths import BUILD, REPOSITORY
from .progress import ToolError

GROUPS = ["unit", "sanitized", "fuzz", "system"]


class Tally:
    """Counts of single tests, and what to show about the failed ones."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def record(self, ok: bool, name: str, seconds: float, details: str = "", show: bool = False) -> None:
        if ok:
            self.passed += 1
            if show:
                print(f"  ok      {name} ({seconds:.1f} s)", flush=True)
        else:
            self.failed += 1
            print(f"  FAILED  {name} ({seconds:.1f} s)\n{details}", flush=True)


def run_googletests(directory: Path, tally: Tally, label: str) -> None:
    """Runs every GoogleTest program below directory/tests/unit."""
    programs = sorted(path for path in (directory / "tests/unit").rglob("*_test")
                      if path.is_file() and os.access(path, os.X_OK))
    if not programs:
        tally.record(False, f"{label}: no test programs in {directory}", 0)
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
    for program in programs:
        with tempfile.NamedTemporaryFile(suffix=".xml") as report:
            started = time.monotonic()
            name = f"{label}: {program.relative_to(directory / 'tests/unit')}"
            try:
                result = subprocess.run([str(program), f"--gtest_output=xml:{report.name}", "--gtest_brief=1"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace", env=environment, timeout=600, cwd=program.parent)
                output, status = result.stdout, result.returncode
            except subprocess.TimeoutExpired as error:
                output, status = f"no end after 600 s\n{error.stdout}", -1
            seconds = time.monotonic() - started
            try:
                root = ElementTree.parse(report.name).getroot()
                total, failures = int(root.get("tests")), int(root.get("failures")) + int(root.get("errors"))
            except (ElementTree.ParseError, TypeError, OSError):
                total, failures = 0, 0
            tally.passed += total - failures
            if failures or status or not total:
                tally.failed += max(failures, 1)
                print(f"  FAILED  {name}\n{output[-6000:]}", flush=True)
            else:
                print(f"  ok      {name}: {total} tests ({seconds:.1f} s)", flush=True)


class _Result(unittest.TestResult):
    """Prints each Python test as it ends."""

    def __init__(self, tally: Tally):
        super().__init__()
        self._tally = tally
        self._started = time.monotonic()  # a class or module can fail before its first test

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def _end(self, test, ok: bool, details: str = ""):
        self._tally.record(ok, test.id(), time.monotonic() - self._started, details, show=True)

    def addSuccess(self, test):
        self._end(test, True)

    def addFailure(self, test, err):
        self._end(test, False, "\n".join([self._exc_info_to_string(err, test), *map(_remains, machine.started)]))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._end(subtest, False, self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        self._end(test, False, f"skipped, and nothing may be: {reason}")


def _remains(system: machine.Machine) -> str:
    """What a machine that a failed test leaves running tells about it."""
    state = "runs" if system.running() else f"has ended with status {system.process.returncode}"
    return f"The machine {state}.\n{system.log_tail(40)}"


def runs_here(test: unittest.TestCase) -> bool:
    """By the marks of the test or its class (architecture.on)."""
    method = getattr(test, test.id().rsplit(".", 1)[1], test)
    return current().name in getattr(method, "architectures", getattr(test, "architectures", ["x86_64"]))


def run_python_tests(folder: Path, tally: Tally, pattern: str | None, prepare=lambda: None) -> None:
    """`prepare` is called if there is something to run."""
    sys.path.insert(0, str(REPOSITORY))
    suite = unittest.defaultTestLoader.discover(str(folder), pattern="test_*.py", top_level_dir=str(folder))

    def flatten(tests):
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                yield from flatten(test)
            else:
                yield test

    chosen = unittest.TestSuite(test for test in flatten(suite) if (pattern is None or pattern in test.id()) and runs_here(test))
    if chosen.countTestCases():
        prepare()
    chosen.run(_Result(tally))


def run_fuzzers(directory: Path, tally: Tally, seconds: int, pattern: str | None) -> None:
    """Runs each libFuzzer target for `seconds`; a finding is kept in build/fuzz-findings."""
    findings = BUILD / "fuzz-findings"
    findings.mkdir(parents=True, exist_ok=True)
    for program in sorted((directory / "tests/fuzz").glob("*_fuzz")):
        if pattern and pattern not in program.name:
            continue
        corpus = BUILD / "fuzz-corpus" / program.name
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = REPOSITORY / "tests/fuzz/seeds" / program.name
        started = time.monotonic()
        result = subprocess.run(
            [str(program), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-close_fd_mask=3",
             f"-artifact_prefix={findings}/{program.name}-", str(corpus), *([str(seeds)] if seeds.is_dir() else [])],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        tally.record(result.returncode == 0, f"fuzz: {program.name}", time.monotonic() - started,
                     result.stdout[-4000:], show=True)


def run_system_tests(architecture: str, tally: Tally, pattern: str | None) -> None:
    """In a process of its own: modules look at the architecture when they are loaded."""
    child = subprocess.Popen([sys.executable, "-m", "redoubt_host.testing", "--child", *(["-k", pattern] if pattern else [])],
                             env=dict(os.environ, REDOUBT_ARCH=architecture), stdout=subprocess.PIPE, text=True, errors="replace")
    counts = None
    for line in child.stdout:
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed\n", line)
        if not counts:
            print(line, end="", flush=True)
    if child.wait() > 1 or not counts:
        return tally.record(False, f"the system tests on {architecture}", 0)
    tally.passed += int(counts[1])
    tally.failed += int(counts[2])


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("-k", dest="pattern", metavar="TEXT", help="only Python, system and fuzz tests whose name contains TEXT")
    parser.add_argument("--fuzz-seconds", type=int, default=5, metavar="N", help="time for each fuzz target (default: 5)")
    parser.add_argument("--arch", choices=ARCHITECTURES, action="append",
                        help="only system tests on that architecture (default: all)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = set(arguments.group) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    groups = arguments.group or (["system"] if arguments.arch else GROUPS)
    tally = Tally()
    try:
        if arguments.child:
            groups = []
            run_python_tests(REPOSITORY / "tests/system", tally, arguments.pattern, build.system)
        if "unit" in groups:
            directory = build.system(arch="x86_64")
            run_googletests(directory, tally, "unit")
            run_python_tests(REPOSITORY / "tests/unit/tools", tally, arguments.pattern)
        if "sanitized" in groups:
            run_googletests(build.sanitized(), tally, "sanitized")
        if "fuzz" in groups:
            run_fuzzers(build.fuzzers(), tally, arguments.fuzz_seconds, arguments.pattern)
        if "system" in groups:
            for architecture in arguments.arch or ARCHITECTURES:
                progress.say(f"system tests on {architecture}")
                run_system_tests(architecture, tally, arguments.pattern)
    except ToolError as error:
        print(f"tools/test: {error}", flush=True)
        tally.failed += 1
    if not arguments.child:
        progress.say("done")
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
