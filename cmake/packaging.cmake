# SPDX-License-Identifier: MIT
#
# A Debian package of the headers, by CPack:
#
#     cmake -S . -B build/package -DCONCURRENT_FUTURES_TESTS=OFF -DCONCURRENT_FUTURES_EXAMPLES=OFF
#     (cd build/package && cpack -G DEB)
set(CPACK_PACKAGE_NAME libconcurrent-futures-dev)
set(CPACK_PACKAGE_VENDOR "the concurrent_futures authors")
set(CPACK_PACKAGE_CONTACT "the concurrent_futures authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libasio-dev, libboost-dev, libcereal-dev, libopenmpi-dev | libmpich-dev")
include(CPack)
