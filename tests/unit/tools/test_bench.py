"""tools/bench's tables, and what becomes of parts that fail. No machine is started."""

import contextlib
import io
import json
import unittest
from unittest import mock

import tools_support  # noqa: F401  (finds the tools)

from redoubt_host import bench, bench_machines
from redoubt_host.bench_parts import PARTS
from redoubt_host.bench_session import Session
from redoubt_host.bench_tables import Row, Table
from redoubt_host.progress import ToolError


def example(**ours: int) -> Table:
    table = Table("example", "instructions", ["ours", "KVM", "NOVA*"], {
        "out": Row("port OUT", {"NOVA*": "429–477"}, 700, 400, "with a note"),
        "extra": Row("only for comparison"),
    }, ["said below"])
    table.set("ours", ours)
    table.set("KVM", {"out": 3458, "unknown": 1})
    return table


class TableTest(unittest.TestCase):
    def test_columns_are_aligned_and_numbers_grouped(self):
        title, headings, out, extra, *_ = example(out=1234).text().splitlines()
        self.assertEqual(title, "example: instructions")
        self.assertEqual(out.split(), ["port", "OUT", "[1]", "1,234", "3,458", "429–477", "700", "400", "OVER"])
        self.assertEqual(headings.index("KVM") + len("KVM"), out.index("3,458") + len("3,458"))
        self.assertEqual(extra.split(), ["only", "for", "comparison", *["–"] * 5])

    def test_notes_and_quoted_columns_are_explained_below(self):
        text = example().text()
        self.assertIn("[1] with a note", text)
        self.assertIn("* published figures, not measured here", text)
        self.assertIn("said below", text)

    def test_the_verdict_is_by_budget_and_goal(self):
        for ours, verdict in ((400, "goal met"), (401, "in budget"), (700, "in budget"), (701, "OVER")):
            self.assertEqual(example(out=ours).rows["out"].verdict(), verdict)
        self.assertEqual(example().rows["out"].verdict(), "")

    def test_rows_with_a_budget_are_missed(self):
        self.assertEqual(example().missing(), ["port OUT"])
        self.assertEqual(example(out=1).missing(), [])

    def test_json_has_every_cell(self):
        row = json.loads(json.dumps(example(out=5).json()))["rows"]["out"]
        self.assertEqual((row["ours"], row["KVM"], row["NOVA*"], row["budget"], row["goal"]), (5, 3458, "429–477", 700, 400))


class MainTest(unittest.TestCase):
    def run_main(self, *arguments: str, parts: dict = {}) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with (mock.patch("sys.argv", ["tools/bench", *arguments]), mock.patch.dict(PARTS["x86_64"], parts, clear=bool(parts)),
              mock.patch.object(bench.build, "system"), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)):
            try:
                status = bench.main()
            except SystemExit as end:
                status = end.code
        return status, out.getvalue(), err.getvalue()

    def test_an_unknown_part_is_named(self):
        status, _, err = self.run_main("exitz")
        self.assertEqual(status, 2)
        self.assertIn("no such part: exitz", err)

    def test_each_architecture_has_parts_of_its_own(self):
        for arch, part in (("riscv64", "faults"), ("x86_64", "exitz")):
            with mock.patch.object(bench, "select"):
                status, _, err = self.run_main("--arch", arch, part)
            self.assertEqual(status, 2)
            self.assertIn(f"no such part: {part}; there are exits, ", err)

    def test_a_part_that_fails_is_told_and_the_others_run(self):
        def fails(session: Session) -> Table:
            def measuring(_):
                raise ToolError("the machine ended early")
            table = example()
            table.set("ours", session.attempt("what fails", measuring).get("exits", {}))
            return table

        status, out, err = self.run_main("--json", parts={"bad": fails, "good": lambda session: example(out=7)})
        self.assertEqual(status, 1)
        self.assertIn("what fails: the machine ended early", err)
        self.assertIn("nothing measured for: port OUT", err)
        self.assertEqual(json.loads(out)["example"]["rows"]["out"]["ours"], 7)

    def test_each_machine_is_measured_once(self):
        session = Session(["exits"], quick=False)
        figures = {"exits": {"out": 1}}
        with (mock.patch.object(bench_machines, "redoubt"), mock.patch.object(bench_machines, "linux_with_kvm") as linux,
              mock.patch.object(bench_machines, "measure", return_value=figures) as measure):
            for _ in range(2):
                self.assertEqual(session.ours("exits"), figures)
                session.linux(True)
                session.linux(False)
        self.assertEqual(measure.call_count, 3)
        self.assertEqual(linux.call_count, 2)


if __name__ == "__main__":
    unittest.main()
