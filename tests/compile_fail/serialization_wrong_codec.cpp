// expect-error: Codec<T> needs exactly .static void encode
// SPDX-License-Identifier: MIT
//
// A codec whose decode gives another type.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

class Money {
  public:
    explicit Money(long cents) : cents_(cents) {}
    long cents() const { return cents_; }

  private:
    long cents_;
};

template <>
struct concurrent::futures::Codec<Money> {
    static void encode(Encoder& encoder, const Money& money) { encoder.encode(money.cents()); }
    static long decode(Decoder& decoder) { return decoder.decode<long>(); }
};

Money decode(cf::Decoder& decoder) { return decoder.decode<Money>(); }
