// SPDX-License-Identifier: MIT
//
// version.hpp: the version of the library, for the preprocessor.
//
//     #if CONCURRENT_FUTURES_VERSION >= 200    // 0.2.0 or later
//
// CMakeLists.txt reads the project's version from here. What a version changed: CHANGELOG.md.
#pragma once

#define CONCURRENT_FUTURES_VERSION_MAJOR 0
#define CONCURRENT_FUTURES_VERSION_MINOR 1
#define CONCURRENT_FUTURES_VERSION_PATCH 0

/// major * 10000 + minor * 100 + patch
#define CONCURRENT_FUTURES_VERSION                                                    \
    (CONCURRENT_FUTURES_VERSION_MAJOR * 10000 + CONCURRENT_FUTURES_VERSION_MINOR * 100 + \
     CONCURRENT_FUTURES_VERSION_PATCH)
