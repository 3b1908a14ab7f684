// Zydis's decoder for a mode of the processor. Only for files that may include Zydis.
#pragma once

#include <Zydis/Zydis.h>

#include "vmmd/arch/x86_64/isa/instruction.hpp"

namespace redoubt::vmmd::isa {

inline ZydisDecoder make_decoder(CodeMode mode) {
    ZydisDecoder decoder;
    switch (mode) {
        case CodeMode::Real16:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16);
            break;
        case CodeMode::Protected16:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
            break;
        case CodeMode::Protected32:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
            break;
        case CodeMode::Long64:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
            break;
    }
    return decoder;
}

}  // namespace redoubt::vmmd::isa
