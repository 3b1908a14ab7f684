// Host tests of the portable kernel: a processor that virtualizes, with guests that exit at once or
// are fake::guest. Second-level tables are real ones.
#include <new>

#include "arch/fpu.hpp"
#include "fake_arch/fake.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/page_rights.hpp"
#include "kernel/hv/svm/stage2.hpp"

namespace redoubt::kernel {

std::size_t fpu_state_size() { return 512; }
std::uint32_t fpu_component_mask = 0;
void fpu_flush(void*) {}

namespace hv {

namespace {

Result<void> map(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame, std::uint64_t bytes,
                 PageFlags flags) {
    REDOUBT_TRY((svm::Stage2::Mapper{vm.root, vm.pool}.map(address, frame, bytes, flags))).ignore();
    return {};
}

void unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes) {
    PageRights<svm::NptFormat>::forget(vm, address, bytes);
    const auto flush = svm::Stage2::Mapper{vm.root, vm.pool}.unmap(address, bytes);
    if (!flush.ok()) throw fake::Panic{"what is unmapped must have been mapped"};
}

Vcpu* create_vcpu(PhysicalAddress memory, Vm& vm, unsigned index) {
    return new (direct_map<void>(memory)) Vcpu{memory, vm, index};
}

void resume(Thread& thread) {
    if (fake::guest) return fake::guest(thread);
    Vcpu& vcpu = *thread.vcpu;
    vcpu.state().exit = abi::Exit{};
    vcpu.state().exit.kind = abi::ExitKind::Interrupted;
    ++vcpu.state().exits_total;
    vcpu.runner = nullptr;
    thread_end_run(thread, abi::Error::Ok);
}

constexpr Backend kModel{
    .root_pages = 1,
    .doorbell_spaces = 1U << static_cast<unsigned>(abi::hv::StoreSpace::Port),
    .detect = [](Capabilities&) { return true; },
    .enable_processor = [] {},
    .table_levels = svm::table_levels,
    .map = map,
    .unmap = unmap,
    .protect = PageRights<svm::NptFormat>::protect,
    .create_vcpu = create_vcpu,
    .resume = resume,
    .resume_alone = resume,
    .store = [](Vcpu&) {},
    .store_groups = [](Vcpu&, std::uint32_t) {},
};

Capabilities model_capabilities;

}  // namespace

const Backend* backend = &kModel;
const Capabilities& capabilities() { return model_capabilities; }
bool available() { return true; }

}  // namespace hv
}  // namespace redoubt::kernel
