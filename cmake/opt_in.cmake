# SPDX-License-Identifier: MIT
#
# A target for each opt-in header that needs a library: it links concurrent::futures and brings the library. Used by
# this project and by its installed package.
#
#     target                       header                                              Debian package
#     concurrent::futures_asio        concurrent/futures/asio.hpp                      libasio-dev
#     concurrent::futures_boost_asio  the same, over Boost.Asio                        libboost-dev
#     concurrent::futures_stdexec     concurrent/futures/execution.hpp                 none; github.com/NVIDIA/stdexec
#     concurrent::futures_beman_execution  the same, over beman.execution              none; github.com/bemanproject/execution
#     concurrent::futures_cereal      concurrent/futures/serialization/cereal.hpp     libcereal-dev
#     concurrent::futures_mpi         concurrent/futures/mpi_pool_executor.hpp        libopenmpi-dev, libmpich-dev
#
# MPI is looked for only where it is asked for, with CONCURRENT_FUTURES_MPI=ON or the component mpi.
#
# Where the library is not found there is no target. concurrent_futures_<name>_FOUND says whether there is one, as
# find_package(concurrent_futures COMPONENTS <name>) wants it.
macro(concurrent_futures_add_opt_in name library_header)
  find_path(CONCURRENT_FUTURES_${name}_INCLUDE_DIR "${library_header}")
  mark_as_advanced(CONCURRENT_FUTURES_${name}_INCLUDE_DIR)
  set(concurrent_futures_${name}_FOUND FALSE)
  if(CONCURRENT_FUTURES_${name}_INCLUDE_DIR)
    set(concurrent_futures_${name}_FOUND TRUE)
    if(NOT TARGET concurrent::futures_${name})
      add_library(concurrent::futures_${name} INTERFACE IMPORTED ${concurrent_futures_opt_in_scope})
      target_link_libraries(concurrent::futures_${name} INTERFACE concurrent::futures)
      target_include_directories(concurrent::futures_${name} SYSTEM INTERFACE
          "${CONCURRENT_FUTURES_${name}_INCLUDE_DIR}")
      target_compile_definitions(concurrent::futures_${name} INTERFACE ${ARGN})
    endif()
  endif()
endmacro()

concurrent_futures_add_opt_in(asio asio/execution.hpp)
concurrent_futures_add_opt_in(boost_asio boost/asio/execution.hpp CONCURRENT_FUTURES_BOOST_ASIO)
concurrent_futures_add_opt_in(stdexec stdexec/execution.hpp CONCURRENT_FUTURES_STDEXEC)
concurrent_futures_add_opt_in(beman_execution beman/execution/execution.hpp CONCURRENT_FUTURES_BEMAN_EXECUTION)
if(TARGET concurrent::futures_beman_execution)
  target_compile_features(concurrent::futures_beman_execution INTERFACE cxx_std_23)
endif()
concurrent_futures_add_opt_in(cereal cereal/cereal.hpp)

# concurrent::futures_compiled: the library as one compiled file beside the headers, which then only declare it
# (impl/src.hpp). It is compiled in the project that links it, with that project's options. Only where it is asked for,
# with CONCURRENT_FUTURES_COMPILED=ON or the component compiled.
set(concurrent_futures_compiled_FOUND TRUE)
if((CONCURRENT_FUTURES_COMPILED OR "compiled" IN_LIST concurrent_futures_FIND_COMPONENTS)
   AND NOT TARGET concurrent::futures_compiled)
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/concurrent_futures_compiled.cpp"
       CONTENT "#include <concurrent/futures/impl/src.hpp>\n")
  add_library(concurrent_futures_compiled STATIC EXCLUDE_FROM_ALL
      "${CMAKE_CURRENT_BINARY_DIR}/concurrent_futures_compiled.cpp")
  add_library(concurrent::futures_compiled ALIAS concurrent_futures_compiled)
  target_compile_definitions(concurrent_futures_compiled PUBLIC CONCURRENT_FUTURES_SEPARATE_COMPILATION)
  target_link_libraries(concurrent_futures_compiled PUBLIC concurrent::futures)
  set_target_properties(concurrent_futures_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()

set(concurrent_futures_mpi_FOUND FALSE)
if(CONCURRENT_FUTURES_MPI OR "mpi" IN_LIST concurrent_futures_FIND_COMPONENTS)
  find_package(MPI QUIET COMPONENTS CXX)
  set(concurrent_futures_mpi_FOUND ${MPI_CXX_FOUND})
  if(MPI_CXX_FOUND AND NOT TARGET concurrent::futures_mpi)
    add_library(concurrent::futures_mpi INTERFACE IMPORTED ${concurrent_futures_opt_in_scope})
    target_link_libraries(concurrent::futures_mpi INTERFACE concurrent::futures MPI::MPI_CXX)
  endif()
endif()
