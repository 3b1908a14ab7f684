// The H-extension's backend: its sibling files under one name.
#pragma once

#include "kernel/hv/backend.hpp"
#include "kernel/hv/hext/detect.hpp"
#include "kernel/hv/hext/stage2.hpp"
#include "kernel/hv/hext/vcpu.hpp"
#include "kernel/hv/run_loop.hpp"

namespace redoubt::kernel::hext {

struct Hext {
    static constexpr unsigned kRootPages = hext::kRootPages;
    static constexpr unsigned kDoorbellSpaces = 0;
    static constexpr auto detect = hext::detect;
    static constexpr auto enable_processor = hext::enable_processor;
    static constexpr auto table_levels = hext::table_levels;
    static constexpr auto map = hext::map;
    static constexpr auto unmap = hext::unmap;
    static constexpr auto protect = hext::protect;
    static constexpr auto create_vcpu = hext::create_vcpu;
    static constexpr auto act_upon = hext::act_upon;
    static constexpr auto enter = hext::enter;
    static constexpr auto is_spurious = hext::is_spurious;
    // The page holds everything between two world switches, which load its `inject` too.
    static void load(Vcpu&) {}
    static bool take_event(Vcpu&) { return true; }
    static void store(Vcpu&) {}
    static void store_groups(Vcpu&, std::uint32_t) {}
    static bool ring_doorbell(Vcpu&) { return false; }
};
static_assert(hv::HypervisorBackend<Hext>);

}  // namespace redoubt::kernel::hext

namespace redoubt::kernel::hv {
// hext/vcpu.cpp
extern template class Run<hext::Hext, Processors::One>;
extern template class Run<hext::Hext, Processors::Several>;
}  // namespace redoubt::kernel::hv
