# SPDX-License-Identifier: MIT
#
# Builds and runs tests/consumer/main.cpp the way a user would, each in an empty folder of its own. -Dway is
#
#     find_package      an installed tree that was moved, by CMake and by pkg-config
#     components        an installed tree, with a program for each component whose library is here, one of them compiled once
#     debian_package    what CPack packs, unpacked, by CMake and by pkg-config
#     add_subdirectory, fetch_content, meson_subproject
#     copied_headers    one compile line
#     single_header     what scripts/amalgamate.py writes, one compile line
function(run)
  execute_process(COMMAND ${ARGV} WORKING_DIRECTORY "${work}" COMMAND_ECHO STDOUT
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")
set(here "${source}/tests/consumer/${way}")
if(way STREQUAL "debian_package")
  set(here "${source}/tests/consumer/find_package")
endif()
set(configure ${CMAKE_COMMAND} -G "${generator}" "-DCMAKE_CXX_COMPILER=${compiler}"
              -S "${here}" -B "${work}")

if(way STREQUAL "debian_package")
  find_program(DPKG_DEB dpkg-deb)
  if(NOT DPKG_DEB)
    message("skipped: dpkg-deb is not here")
    return()
  endif()
  cmake_path(REPLACE_FILENAME CMAKE_COMMAND cpack OUTPUT_VARIABLE CPACK)
endif()
find_program(PKG_CONFIG pkg-config)

if(way STREQUAL "components")
  run(${CMAKE_COMMAND} -G "${generator}" "-DCMAKE_CXX_COMPILER=${compiler}"
      -DCONCURRENT_FUTURES_TESTS=OFF -DCONCURRENT_FUTURES_EXAMPLES=OFF
      -S "${source}" -B "${work}/package")
  run(${CMAKE_COMMAND} --install "${work}/package" --prefix "${work}/prefix")
  run(${configure} "-DCMAKE_PREFIX_PATH=${work}/prefix")
  run(${CMAKE_COMMAND} -E env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
      ${CMAKE_COMMAND} --build "${work}")
  # A component that nobody knows is refused, and named.
  file(WRITE "${work}/unknown/CMakeLists.txt" "cmake_minimum_required(VERSION 3.25)\nproject(unknown LANGUAGES CXX)\n"
       "find_package(concurrent_futures REQUIRED COMPONENTS no_such_component)\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -G "${generator}" "-DCMAKE_CXX_COMPILER=${compiler}"
                          "-DCMAKE_PREFIX_PATH=${work}/prefix" -S "${work}/unknown" -B "${work}/unknown/build"
                  ERROR_VARIABLE errors OUTPUT_QUIET RESULT_VARIABLE result)
  if(result EQUAL 0 OR NOT errors MATCHES "component 'no_such_component' is unknown")
    message(FATAL_ERROR "an unknown component was not refused: ${result} ${errors}")
  endif()
  return()
elseif(way MATCHES "^(find_package|debian_package)$")
  # The package is made by a configure of its own: what is tested is what a packager gets.
  run(${CMAKE_COMMAND} -G "${generator}" "-DCMAKE_CXX_COMPILER=${compiler}"
      -DCONCURRENT_FUTURES_TESTS=OFF -DCONCURRENT_FUTURES_EXAMPLES=OFF
      -S "${source}" -B "${work}/package")
  if(way STREQUAL "find_package")
    run(${CMAKE_COMMAND} --install "${work}/package" --prefix "${work}/first")
    file(RENAME "${work}/first" "${work}/prefix")  # nothing in the tree may hold the place it was installed to
    set(prefix "${work}/prefix")
  else()
    execute_process(COMMAND "${CPACK}" -G DEB WORKING_DIRECTORY "${work}/package" COMMAND_ERROR_IS_FATAL ANY)
    file(GLOB package "${work}/package/libconcurrent-futures-dev_*_all.deb")
    run(dpkg-deb --info "${package}")
    run(dpkg-deb --extract "${package}" "${work}/unpacked")
    set(prefix "${work}/unpacked/usr")
  endif()
  run(${configure} "-DCMAKE_PREFIX_PATH=${prefix}")
  run(${CMAKE_COMMAND} --build "${work}")
  if(PKG_CONFIG)
    # Only that the flags lead to the headers: that they compile was seen above.
    execute_process(COMMAND ${CMAKE_COMMAND} -E env "PKG_CONFIG_PATH=${prefix}/share/pkgconfig"
                            "${PKG_CONFIG}" --cflags --libs "concurrent_futures >= 0.1"
                    OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY COMMAND_ECHO STDOUT)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    file(WRITE "${work}/version.cpp" "#include <concurrent/futures/version.hpp>\nint main() { return CONCURRENT_FUTURES_VERSION == 0; }\n")
    run("${compiler}" "${work}/version.cpp" ${flags} -o "${work}/version")
    run("${work}/version")
  else()
    message("pkg-config is not here: its part is left out")
  endif()
elseif(way STREQUAL "meson_subproject")
  find_program(MESON meson)
  if(NOT MESON)
    message("skipped: meson is not here")
    return()
  endif()
  file(COPY "${here}/meson.build" "${source}/tests/consumer/main.cpp" DESTINATION "${work}/project")
  file(MAKE_DIRECTORY "${work}/project/subprojects")
  file(CREATE_LINK "${source}" "${work}/project/subprojects/concurrent_futures" SYMBOLIC)
  run(${CMAKE_COMMAND} -E env "CXX=${compiler}" "${MESON}" setup "${work}/build" "${work}/project" --buildtype=debug)
  run("${MESON}" compile -C "${work}/build")
  file(COPY "${work}/build/consumer" DESTINATION "${work}")
elseif(way STREQUAL "single_header")
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  file(MAKE_DIRECTORY "${work}/include/concurrent")
  run(${Python3_EXECUTABLE} "${source}/scripts/amalgamate.py" "${work}/include/concurrent/futures.hpp")
  run("${compiler}" -std=c++20 -pthread -Iinclude "${source}/tests/consumer/main.cpp" -o consumer)
elseif(way STREQUAL "add_subdirectory")
  run(${configure} "-Dsource=${source}")
  run(${CMAKE_COMMAND} --build "${work}")
elseif(way STREQUAL "fetch_content")
  # A project that installs itself installs nothing of ours, unless it asks for it.
  foreach(wanted IN ITEMS OFF ON)
    if(wanted)
      run(${configure} "-Dsource=${source}" -DCONCURRENT_FUTURES_INSTALL=ON)
    else()
      run(${configure} "-Dsource=${source}")
    endif()
    run(${CMAKE_COMMAND} --build "${work}")
    run(${CMAKE_COMMAND} --install "${work}" --prefix "${work}/prefix_${wanted}")
    file(GLOB_RECURSE installed RELATIVE "${work}/prefix_${wanted}" "${work}/prefix_${wanted}/*")
    list(REMOVE_ITEM installed bin/consumer)
    list(LENGTH installed of_ours)
    if((wanted AND of_ours LESS 100) OR (NOT wanted AND of_ours GREATER 0))
      message(FATAL_ERROR "CONCURRENT_FUTURES_INSTALL=${wanted}: ${of_ours} files of ours are installed: ${installed}")
    endif()
  endforeach()
else()
  run("${here}/build.sh" "${compiler}" "${source}")
endif()

execute_process(COMMAND "${work}/consumer" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL "12 squared is 144\n")
  message(FATAL_ERROR "the consumer printed '${output}'")
endif()
