// A client's connection that carries plain bytes: a console, for one.
#pragma once

namespace redoubt::vmmd {

class ByteStream {
  public:
    virtual ~ByteStream() = default;
    /// Closes when what there was to send so far is sent.
    virtual void close_when_flushed() = 0;
    virtual void close() = 0;
};

}  // namespace redoubt::vmmd
