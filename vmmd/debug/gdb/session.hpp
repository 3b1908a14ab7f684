// One gdb's conversation, without the socket: bytes in, bytes out (gdb's manual, appendix E).
//
// All vCPUs run, or all stand still: gdb's all-stop mode. vCPU n is thread n + 1.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vmmd/debug/gdb/packet_reader.hpp"
#include "vmmd/debug/gdb/target.hpp"

namespace redoubt::vmmd::gdb {

class Session {
  public:
    using Send = std::function<void(std::string_view)>;

    /// Of a target that stands still, as `stop` says. The target outlives the session.
    Session(Target& target, const Stop& stop, Send send);

    /// Takes what gdb sent, up to the end of the next packet; the rest stays in `bytes`. False: the
    /// session is over.
    bool receive(std::string_view& bytes);
    /// The target stands still.
    void stopped(const Stop& stop);
    /// There is no machine any more. The session is over.
    void ended();

  private:
    void answer(std::string_view data);
    void handle(std::string_view packet);
    void stop_reply();

    std::string general_query(std::string_view packet);
    std::string set_query(std::string_view packet);
    std::string verbose(std::string_view packet);
    std::string threads() const;
    std::string features(std::string_view arguments) const;
    std::string thread_extra_info(std::string_view arguments);
    std::string monitor(std::string_view arguments);
    std::string choose_thread(std::string_view arguments);
    std::string read_registers();
    std::string write_registers(std::string_view arguments);
    std::string read_register(std::string_view arguments);
    std::string write_register(std::string_view arguments);
    std::string read_memory(std::string_view arguments, bool binary);
    std::string write_memory(std::string_view arguments, bool binary);
    std::string breakpoint(std::string_view packet);
    /// Empty if the target runs now: the answer is the stop.
    std::string go_on(std::string_view packet);
    std::string vcont(std::string_view actions);
    void run(const std::vector<Motion>& motions);

    /// The vCPU of a thread's number: 0 and -1 mean any. Nothing if there is none.
    std::optional<unsigned> take_thread(std::string_view& text, bool& all) const;

    enum class Answer { Now, AtStop, AtReset };

    Target& target_;
    Send send_;
    PacketReader reader_;
    Stop stop_;
    std::string last_;          ///< for sending again
    unsigned thread_ = 0;       ///< the vCPU that g, m and the like are about
    unsigned step_thread_ = 0;  ///< … and that s is about
    Answer answer_ = Answer::Now;
    bool acknowledge_ = true;
    bool over_ = false;
};

}  // namespace redoubt::vmmd::gdb
