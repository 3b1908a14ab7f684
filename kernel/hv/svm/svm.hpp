// The SVM backend: its sibling files under one name.
#pragma once

#include "kernel/hv/backend.hpp"
#include "kernel/hv/run_loop.hpp"
#include "kernel/hv/svm/detect.hpp"
#include "kernel/hv/svm/stage2.hpp"
#include "kernel/hv/svm/vcpu.hpp"

namespace redoubt::kernel::svm {

struct Svm {
    static constexpr unsigned kRootPages = 1;
    static constexpr unsigned kDoorbellSpaces = 1U
                                                << static_cast<unsigned>(abi::hv::StoreSpace::Port);
    static constexpr auto detect = svm::detect;
    static constexpr auto enable_processor = svm::enable_processor;
    static constexpr auto table_levels = svm::table_levels;
    static constexpr auto map = Stage2::map;
    static constexpr auto unmap = Stage2::unmap;
    static Result<void> protect(Vm&, GuestPhysicalAddress, PageFlags, std::uint64_t) {
        return abi::Error::NotSupported;
    }
    static constexpr auto create_vcpu = svm::create_vcpu;
    static constexpr auto load = svm::load;
    static constexpr auto act_upon = svm::act_upon;
    static constexpr auto take_event = svm::take_event;
    static constexpr auto enter = svm::enter;
    static constexpr auto is_spurious = svm::is_spurious;
    static constexpr auto ring_doorbell = svm::ring_doorbell;
    static constexpr auto store = svm::store;
    static constexpr auto store_groups = svm::store_groups;
};
static_assert(hv::HypervisorBackend<Svm>);

}  // namespace redoubt::kernel::svm

namespace redoubt::kernel::hv {
// svm/vcpu.cpp
extern template class Run<svm::Svm, Processors::One>;
extern template class Run<svm::Svm, Processors::Several>;
}  // namespace redoubt::kernel::hv
