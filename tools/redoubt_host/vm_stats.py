"""vmmctl stats: what a virtual machine's processors have done and where their time went, as a table."""

from .text import duration_text, show, size_text, table

TIMES = ("guest", "kernel", "monitor", "waiting", "paused")


def by_count(counts: dict[str, int]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def total(counts: list[dict[str, int]]) -> dict[str, int]:
    result: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            result[name] = result.get(name, 0) + count
    return result


def vcpu_rows(vcpus: list[dict]) -> list[list[str]]:
    """A column for each vCPU, and one for all if there are several."""
    several = len(vcpus) > 1

    def row(title: str, numbers: list, text) -> list[str]:
        return [title] + [text(number) for number in numbers] + ([text(sum(numbers))] if several else [])

    def count(title: str, numbers: list[int]) -> list[str]:
        return row(title, numbers, lambda number: f"{number:,}")

    rows = [["time (s)"] + [f"cpu{vcpu['vcpu']}" for vcpu in vcpus] + (["all"] if several else [])]
    for use in TIMES:
        rows.append(row("  " + use, [vcpu["time_ns"][use] for vcpu in vcpus], lambda number: f"{number / 1e9:,.3f}"))
    for title, key in (("exits to the monitor", "exits"), ("interrupts injected", "interrupts")):
        rows.append(count(title, [sum(vcpu[key].values()) for vcpu in vcpus]))
        for name in by_count(total([vcpu[key] for vcpu in vcpus])):
            rows.append(count("  " + name.replace("_", " "), [vcpu[key].get(name, 0) for vcpu in vcpus]))
    for title, key in (("NMIs injected", "nmis"), ("exceptions raised", "exceptions"),
                       ("exits in the kernel", "exits_in_kernel")):
        rows.append(count(title, [vcpu[key] for vcpu in vcpus]))
    return rows


def memory_line(memory: dict) -> str:
    kernel = f"kernel {size_text(memory['kernel'])} ({size_text(memory['kernel_used'])} used)"
    monitor = f"monitor {size_text(memory['monitor'])} ({size_text(memory['monitor_heap'])} heap)"
    return f"memory: guest {size_text(memory['guest'])}, {kernel}, {monitor}"


def stats_text(stats: dict) -> str:
    lines = [f"run time: {duration_text(stats['run_time_ms'])}"]
    if stats.get("vcpus"):
        lines += [memory_line(stats["memory"]), table(vcpu_rows(stats["vcpus"]))]
    return "\n".join(lines)


def do_stats(client, options) -> None:
    stats = client.execute("vm-stats", name=options.name)
    show(options, stats, stats_text(stats))
