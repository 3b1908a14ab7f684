// Tries every row of the rights table with every set of rights and every wrong capability.
#pragma once

#include "tests/rights/table.hpp"

namespace redoubt::rights {

inline constexpr unsigned kRightsSets = static_cast<unsigned>(Rights::All) + 1;

struct Finding {
    const Row& row;
    Sample with;
    Rights rights;
    Error expected;
    Error got;
    bool changed = false;  ///< it was refused, and yet something is different
};

/// `fingerprint()` tells about the state that a refused operation must not change;
/// `found(Finding)` is called for whatever is not as the table says. The result is the number of
/// operations tried.
template <class Fingerprint, class Found>
class Checker {
  public:
    Checker(World& world, Fingerprint fingerprint, Found found)
        : world_{world}, fingerprint_{fingerprint}, found_{found} {}

    unsigned run() {
        for (const Row& row : kRows) {
            if (row.sample == Sample::Any) {
                for_each_sample([&](Sample sample) { try_rights(row, sample); });
                try_nothing(row);
            } else if (world_.has(row.sample) && world_.has(needed_for(row))) {
                try_rights(row, row.sample);
                for_each_sample([&](Sample sample) { try_wrong(row, sample); });
                try_nothing(row);
            }
        }
        return tried_;
    }

  private:
    template <class Function>
    void for_each_sample(Function function) {
        for (unsigned i = 0; i < kSampleCount; ++i) {
            if (world_.has(static_cast<Sample>(i))) function(static_cast<Sample>(i));
        }
    }

    /// Rows about what is sent along to hv: need hv:, too.
    static Sample needed_for(const Row& row) {
        const bool carried = row.sample == Sample::Untyped || row.sample == Sample::Notification ||
                             row.sample == Sample::Frame;
        return row.call == abi::SyscallNumber::Call && carried ? Sample::Hv : row.sample;
    }

    void try_one(const Row& row, Sample sample, Rights rights, Error expected) {
        const Error made = native::copy(world_.sample(sample), rights, world_.tested());
        if (made != Error::Ok) return report({row, sample, rights, Error::Ok, made});
        try_tested(row, sample, rights, expected);
        native::delete_capability(world_.tested());
    }

    void try_tested(const Row& row, Sample sample, Rights rights, Error expected) {
        ++tried_;
        const bool refused = expected != row.allowed;
        const auto before = refused ? fingerprint_() : 0;
        const Error got = row.perform(world_, world_.tested());
        if (got != expected) report({row, sample, rights, expected, got});
        if (refused && fingerprint_() != before) {
            report({row, sample, rights, expected, got, true});
        }
    }

    void try_rights(const Row& row, Sample sample) {
        for (unsigned set = 0; set < kRightsSets; ++set) {
            const auto rights = static_cast<Rights>(set);
            const bool allowed = abi::includes(rights, row.needed);
            try_one(row, sample, rights, allowed ? row.allowed : Error::MissingRight);
        }
    }

    /// All the rights there are, to something else.
    void try_wrong(const Row& row, Sample sample) {
        const ObjectType type = type_of(sample);
        const bool takes = (row.also_takes >> static_cast<unsigned>(type) & 1) != 0;
        const bool same =
            sample == row.sample || (type == type_of(row.sample) && type != ObjectType::Irq);
        if (!takes && !same) try_one(row, sample, Rights::All, Error::InvalidCapability);
    }

    /// An empty slot.
    void try_nothing(const Row& row) {
        try_tested(row, Sample::Any, Rights::None, Error::InvalidCapability);
    }

    void report(const Finding& finding) { found_(finding); }

    World& world_;
    Fingerprint fingerprint_;
    Found found_;
    unsigned tried_ = 0;
};

}  // namespace redoubt::rights
