# SPDX-License-Identifier: MIT
#
# Builds and runs tests/consumer/main.cpp the way a user would: -Dway=find_package,
# add_subdirectory, fetch_content or copied_headers, each in an empty folder of its own.
function(run)
  execute_process(COMMAND ${ARGV} WORKING_DIRECTORY "${work}" COMMAND_ECHO STDOUT
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")
set(here "${source}/tests/consumer/${way}")
set(configure ${CMAKE_COMMAND} -G "${generator}" "-DCMAKE_CXX_COMPILER=${compiler}"
              -S "${here}" -B "${work}")

if(way STREQUAL "find_package")
  # The package is made by a configure of its own: what is tested is what a packager gets.
  run(${CMAKE_COMMAND} -G "${generator}" "-DCMAKE_CXX_COMPILER=${compiler}"
      -DCONCURRENT_FUTURES_TESTS=OFF -DCONCURRENT_FUTURES_EXAMPLES=OFF
      -S "${source}" -B "${work}/package")
  run(${CMAKE_COMMAND} --install "${work}/package" --prefix "${work}/prefix")
  run(${configure} "-DCMAKE_PREFIX_PATH=${work}/prefix")
  run(${CMAKE_COMMAND} --build "${work}")
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
