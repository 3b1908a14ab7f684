// What a vCPU does after an exit.
#pragma once

namespace redoubt::vmmd {

enum class ExitNext {
    Run,   ///< enter the guest again
    Halt,  ///< the guest waits for an interrupt
    Off,   ///< it waits until another vCPU starts it
    Stop,  ///< the guest cannot go on
};

/// What a vCPU does between exits.
enum class Activity { Running, Halted, WaitingForStartup };

}  // namespace redoubt::vmmd
