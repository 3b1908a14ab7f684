// What a connection becomes when a command has made it a stream that is not the monitor's own
// console: an open one to somewhere else.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>

#include "vmmd/console/byte_stream.hpp"

namespace redoubt::vmmd {

class StreamSource {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    virtual ~StreamSource() = default;
    /// Takes the client's socket over. `first_output` goes out before anything else; `first_input`
    /// is what the client sent after its request. `closed` is called once, at the end.
    virtual std::shared_ptr<ByteStream> start(Socket client, std::string first_output,
                                              std::string first_input,
                                              std::function<void()> closed) = 0;
};

}  // namespace redoubt::vmmd
