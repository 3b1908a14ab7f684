"""Tables of figures beside those of peers, their budgets and goals: as aligned text and as JSON."""

from dataclasses import dataclass, field

Cell = int | str | None  # measured, quoted (a range, say), or there is none


@dataclass
class Row:
    """`cells` is by column; `note` says what the peer does where it is not just the same."""

    label: str
    cells: dict[str, Cell] = field(default_factory=dict)
    budget: int | None = None
    goal: int | None = None
    note: str = ""

    def verdict(self) -> str:
        ours = self.cells.get("ours")
        if not isinstance(ours, int) or self.budget is None:
            return ""
        if self.goal is not None and ours <= self.goal:
            return "goal met"
        return "in budget" if ours <= self.budget else "OVER"


@dataclass
class Table:
    """One part's result. Columns are named by their headings; one that ends in * is quoted, not measured."""

    name: str
    title: str
    columns: list[str]
    rows: dict[str, Row]
    notes: list[str] = field(default_factory=list)

    def set(self, column: str, figures: dict[str, int]) -> None:
        """Enters what was measured; figures of rows that the table has not are left out."""
        for name, value in figures.items():
            if name in self.rows:
                self.rows[name].cells[column] = value

    def missing(self) -> list[str]:
        """What ought to have been measured and was not."""
        return [row.label for row in self.rows.values() if row.budget is not None and row.cells.get("ours") is None]

    def text(self) -> str:
        headings = ["", *self.columns, "budget", "goal", ""]
        lines = [[row.label + (f" [{note}]" if note else ""), *(shown(row.cells.get(c)) for c in self.columns),
                  shown(row.budget), shown(row.goal), row.verdict()] for row, note in self._numbered()]
        widths = [max(len(line[i]) for line in [headings, *lines]) for i in range(len(headings))]

        def aligned(line: list[str]) -> str:
            first, *others, last = (cell.ljust(width) if i in (0, len(widths) - 1) else cell.rjust(width)
                                    for i, (cell, width) in enumerate(zip(line, widths)))
            return "  ".join([first, *others, last]).rstrip()

        notes = [f"  [{note}] {row.note}" for row, note in self._numbered() if note]
        if any(column.endswith("*") for column in self.columns):
            notes.append("  * published figures, not measured here")
        notes += [f"  {note}" for note in self.notes]
        return "\n".join([f"{self.name}: {self.title}", aligned(headings), *map(aligned, lines), *notes])

    def _numbered(self) -> list[tuple[Row, int]]:
        """Rows with the numbers of their notes, 0 for none."""
        numbered, count = [], 0
        for row in self.rows.values():
            count += 1 if row.note else 0
            numbered.append((row, count if row.note else 0))
        return numbered

    def json(self) -> dict:
        return {"title": self.title, "notes": self.notes, "rows": {
            name: {"label": row.label, **{c: row.cells.get(c) for c in self.columns}, "budget": row.budget,
                   "goal": row.goal, **({"note": row.note} if row.note else {})} for name, row in self.rows.items()}}


def shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:,}" if isinstance(cell, int) else cell
