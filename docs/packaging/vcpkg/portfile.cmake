# SPDX-License-Identifier: MIT
#
# A vcpkg port, written for an overlay (--overlay-ports). Not run by this project.
# SOURCE_PATH is where the sources are: set CONCURRENT_FUTURES_SOURCE to a checkout, or put vcpkg_from_git here.
set(VCPKG_BUILD_TYPE release)  # header-only
set(SOURCE_PATH "$ENV{CONCURRENT_FUTURES_SOURCE}")
if(NOT EXISTS "${SOURCE_PATH}/include/concurrent/futures.hpp")
  message(FATAL_ERROR "CONCURRENT_FUTURES_SOURCE must name a checkout of concurrent_futures")
endif()

vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DCONCURRENT_FUTURES_TESTS=OFF -DCONCURRENT_FUTURES_EXAMPLES=OFF -DCONCURRENT_FUTURES_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/concurrent_futures)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
