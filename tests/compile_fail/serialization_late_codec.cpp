// expect-error: specialization of .*after instantiation
// SPDX-License-Identifier: MIT
//
// A Codec that comes after the type was used without it.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

struct Point {
    int x, y;
};

static_assert(cf::Serializable<Point>);

template <>
struct concurrent::futures::Codec<Point> {
    static void encode(Encoder& encoder, const Point& point) { encoder(point.x, point.y); }
    static Point decode(Decoder& decoder) { return {decoder.decode<int>(), 0}; }
};
