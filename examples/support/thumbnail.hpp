// SPDX-License-Identifier: MIT
//
// thumbnail.hpp: the work of image_pipeline: shrink, then soften.
//
//     Image small = softened(shrunk(photo, 96));   // at most 96 pixels wide and high
//
// Integers only, so every machine gives the same pixels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "image.hpp"

/// The average of the pixels that fall into each pixel of a copy with a longest side of `side`.
inline Image shrunk(const Image& image, std::size_t side) {
    const std::size_t longest = std::max(image.width, image.height);
    if (longest <= side) return image;
    const auto scaled = [&](std::size_t length) {
        return std::max<std::size_t>(1, (length * side + longest / 2) / longest);
    };
    Image small{scaled(image.width), scaled(image.height), {}};
    for (std::size_t y = 0; y < small.height; ++y)
        for (std::size_t x = 0; x < small.width; ++x)
            for (std::size_t channel = 0; channel < 3; ++channel) {
                std::size_t sum = 0, count = 0;
                for (std::size_t row = y * image.height / small.height;
                     row < (y + 1) * image.height / small.height; ++row)
                    for (std::size_t column = x * image.width / small.width;
                         column < (x + 1) * image.width / small.width; ++column, ++count)
                        sum += image.rgb[(row * image.width + column) * 3 + channel];
                small.rgb.push_back(static_cast<std::uint8_t>((sum + count / 2) / count));
            }
    return small;
}

/// Each pixel with its eight neighbours, weighted 1 2 1, 2 4 2, 1 2 1; edges repeat.
inline Image softened(const Image& image) {
    constexpr std::size_t weights[] = {1, 2, 1};
    Image soft{image.width, image.height, {}};
    for (std::size_t y = 0; y < image.height; ++y)
        for (std::size_t x = 0; x < image.width; ++x)
            for (std::size_t channel = 0; channel < 3; ++channel) {
                std::size_t sum = 0;
                for (std::size_t down = 0; down < 3; ++down)
                    for (std::size_t right = 0; right < 3; ++right) {
                        const auto row = std::clamp(y + down, std::size_t{1}, image.height) - 1;
                        const auto column = std::clamp(x + right, std::size_t{1}, image.width) - 1;
                        sum += weights[down] * weights[right] *
                               image.rgb[(row * image.width + column) * 3 + channel];
                    }
                soft.rgb.push_back(static_cast<std::uint8_t>((sum + 8) / 16));
            }
    return soft;
}
