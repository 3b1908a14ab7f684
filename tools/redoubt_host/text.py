"""How vmmctl's output looks: sizes, times, tables, or JSON instead."""

import json


def size_text(count: int) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift:
            return f"{count / (1 << shift):.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"


def duration_text(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {seconds % 60} s"
    return f"{milliseconds / 1000:.1f} s"


def table(rows: list[list[str]]) -> str:
    """Columns padded to their widest cell; numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def cell(text: str, width: int) -> str:
        number = text.removesuffix(" %").replace(",", "").replace(".", "", 1).isdigit()
        return text.rjust(width) if number else text.ljust(width)

    return "\n".join("  ".join(cell(text, width) for text, width in zip(row, widths)).rstrip() for row in rows)


def show(options, value, text: str) -> None:
    print(json.dumps(value, indent=2) if options.json else text)
