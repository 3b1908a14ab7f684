"""Rates from two readings of a virtual machine's statistics."""

from dataclasses import dataclass, field

from .vm_stats import TIMES, total


@dataclass
class Rates:
    """Of one vCPU, or of all of a VM added up; per second, times as a share of one processor."""
    exits: float = 0
    kinds: dict[str, float] = field(default_factory=dict)
    exits_in_kernel: float = 0
    injections: float = 0
    shares: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TIMES, 0.0))

    @property
    def busy(self) -> float:
        return self.shares["guest"] + self.shares["kernel"] + self.shares["monitor"]

    def to_json(self) -> dict:
        return {"exits": round(self.exits, 1), "kinds": {kind: round(rate, 1) for kind, rate in self.kinds.items()},
                "exits_in_kernel": round(self.exits_in_kernel, 1), "injections": round(self.injections, 1),
                "shares": {use: round(share, 4) for use, share in self.shares.items()}}


def injections(vcpu: dict) -> int:
    return sum(vcpu["interrupts"].values()) + vcpu["nmis"] + vcpu["exceptions"]


def vcpu_rates(before: dict | None, now: dict) -> Rates:
    """Since `before`; since its start if there is none, or if the VM was started anew meanwhile."""
    elapsed = sum(now["time_ns"].values())
    if before is not None and sum(before["time_ns"].values()) > elapsed:
        before = None
    if before is not None:
        elapsed -= sum(before["time_ns"].values())
    if elapsed <= 0:
        return Rates()

    def grown(value) -> float:
        # What is read while it changes may seem to have shrunk a little.
        return max(value(now) - (value(before) if before is not None else 0), 0)

    seconds = elapsed / 1e9
    kinds = {kind: grown(lambda vcpu: vcpu["exits"].get(kind, 0)) / seconds for kind in now["exits"]}
    return Rates(exits=sum(kinds.values()), kinds={kind: rate for kind, rate in kinds.items() if rate},
                 exits_in_kernel=grown(lambda vcpu: vcpu["exits_in_kernel"]) / seconds,
                 injections=grown(injections) / seconds,
                 shares={use: grown(lambda vcpu: vcpu["time_ns"][use]) / elapsed for use in TIMES})


def sum_of(parts: list[Rates]) -> Rates:
    return Rates(exits=sum(part.exits for part in parts), kinds=total([part.kinds for part in parts]),
                 exits_in_kernel=sum(part.exits_in_kernel for part in parts),
                 injections=sum(part.injections for part in parts),
                 shares=total([part.shares for part in parts]) or Rates().shares)
