// SPDX-License-Identifier: MIT
//
// codecs.hpp: the Encoder, the Decoder and every codec of the library.
//
// The codecs are partial specialisations that must all be seen before one is chosen, so
// machinery that encodes or decodes includes this header, never a single one of them.
#pragma once

#include <concurrent/futures/detail/serialization/aggregate_codec.hpp>
#include <concurrent/futures/detail/serialization/container_codec.hpp>
#include <concurrent/futures/detail/serialization/decoder.hpp>
#include <concurrent/futures/detail/serialization/encoder.hpp>
#include <concurrent/futures/detail/serialization/exception_codec.hpp>
#include <concurrent/futures/detail/serialization/member_codec.hpp>
#include <concurrent/futures/detail/serialization/pointer_codec.hpp>
#include <concurrent/futures/detail/serialization/range_codec.hpp>
#include <concurrent/futures/detail/serialization/scalar_codec.hpp>
#include <concurrent/futures/detail/serialization/vocabulary_codec.hpp>
