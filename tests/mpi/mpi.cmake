# SPDX-License-Identifier: MIT
#
# Tests under mpirun, with each MPI that is here: Debian installs Open MPI and MPICH side by side. The contract suite
# and the tests of this folder are one executable per MPI, compiled as one file, since most of that is the library.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
  message(STATUS "tests: MPI skipped: the MPI libraries are not compiled for ThreadSanitizer")
  return()
endif()
set(mpis openmpi mpich)
set(mpi_environment "")
if(sanitized)
  # By hand, since it takes seven minutes: -DCONCURRENT_FUTURES_SANITIZE_ALL=ON. The libraries themselves leak.
  if(NOT CONCURRENT_FUTURES_SANITIZE_ALL)
    message(STATUS "tests: MPI skipped: under AddressSanitizer only with -DCONCURRENT_FUTURES_SANITIZE_ALL=ON")
    return()
  endif()
  set(mpis openmpi)
  set(mpi_environment ";ASAN_OPTIONS=detect_leaks=0")
endif()

file(GLOB mpi_sources CONFIGURE_DEPENDS mpi/*.test.cpp contract/*.test.cpp)
list(FILTER mpi_sources EXCLUDE REGEX "/contract/control\\.test\\.cpp$")  # of pools of one machine
set(mpi_mergeable "")
set(mpi_unmerged "")
foreach(source IN LISTS mpi_sources)
  can_be_merged("${source}" mergeable_alone)
  if(mergeable_alone)
    list(APPEND mpi_mergeable "${source}")
  else()
    list(APPEND mpi_unmerged "${source}")
  endif()
endforeach()
set(mpi_merged "${CMAKE_CURRENT_BINARY_DIR}/merged/mpi.cpp")
merge_files(test "${mpi_merged}" "${mpi_mergeable}")

set(mpi_found "")
foreach(mpi IN LISTS mpis)
  find_program(CONCURRENT_FUTURES_MPICXX_${mpi} mpicxx.${mpi})
  find_program(CONCURRENT_FUTURES_MPIRUN_${mpi} mpirun.${mpi})
  mark_as_advanced(CONCURRENT_FUTURES_MPICXX_${mpi} CONCURRENT_FUTURES_MPIRUN_${mpi})
  set(wrapper "${CONCURRENT_FUTURES_MPICXX_${mpi}}")
  set(launcher "${CONCURRENT_FUTURES_MPIRUN_${mpi}}")
  if(NOT wrapper OR NOT launcher)
    message(STATUS "tests: MPI skipped: mpicxx.${mpi} or mpirun.${mpi} is not here (Debian: lib${mpi}-dev)")
    continue()
  endif()
  list(APPEND mpi_found ${mpi})
  execute_process(COMMAND "${wrapper}" -show OUTPUT_VARIABLE line)
  separate_arguments(words UNIX_COMMAND "${line}")
  add_library(test_${mpi} INTERFACE)
  foreach(word IN LISTS words)
    if(word MATCHES "^-I(.+)")
      target_include_directories(test_${mpi} SYSTEM INTERFACE "${CMAKE_MATCH_1}")
    elseif(word MATCHES "^-[Ll]")
      target_link_options(test_${mpi} INTERFACE "${word}")
    endif()
  endforeach()

  add_executable(mpi_tests.${mpi} mpi/main.cpp "${mpi_merged}" ${mpi_unmerged})
  target_include_directories(mpi_tests.${mpi} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/contract")
  target_precompile_headers(mpi_tests.${mpi} REUSE_FROM test_support)
  target_compile_definitions(mpi_tests.${mpi} PRIVATE CONTRACT_MPI)
  target_link_libraries(mpi_tests.${mpi} PRIVATE test_support test_${mpi})
  # How programs start and end, once; the same objects linked again are another build.
  add_library(mpi_cases_object.${mpi} OBJECT mpi/cases.cpp)
  target_link_libraries(mpi_cases_object.${mpi} PRIVATE concurrent::futures test_${mpi})
  foreach(build IN ITEMS one another)
    add_executable(mpi_cases_${build}.${mpi} $<TARGET_OBJECTS:mpi_cases_object.${mpi}>)
    target_link_libraries(mpi_cases_${build}.${mpi} PRIVATE concurrent::futures test_${mpi})
  endforeach()
  target_link_options(mpi_cases_one.${mpi} PRIVATE LINKER:--build-id=0x00112233445566778899)
  target_link_options(mpi_cases_another.${mpi} PRIVATE LINKER:--build-id=0x99887766554433221100)
  add_test(NAME "mpi: how programs start and end with ${mpi}"
           COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/mpi/run_cases.py" "${launcher}"
                   $<TARGET_FILE:mpi_cases_one.${mpi}> $<TARGET_FILE:mpi_cases_another.${mpi}>)
  set(mpi_tests "mpi: how programs start and end with ${mpi}")
  foreach(ranks IN ITEMS 1 2 4)
    set(name "mpi: the contract and more on ${ranks} ranks of ${mpi}")
    add_test(NAME "${name}" COMMAND "${launcher}" -n ${ranks} $<TARGET_FILE:mpi_tests.${mpi}>)
    list(APPEND mpi_tests "${name}")
  endforeach()
  # Over two hosts, made of namespaces; the ranks sleep most of the time.
  set(name "mpi: some of it over two hosts with ${mpi}")
  add_test(NAME "${name}"
           COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/mpi/hosts.py" "${launcher}"
                   $<TARGET_FILE:mpi_tests.${mpi}> $<TARGET_FILE:mpi_cases_one.${mpi}>
                   $<TARGET_FILE:mpi_cases_another.${mpi}>)
  set_tests_properties("${name}" PROPERTIES TIMEOUT 500 LABELS mpi PROCESSORS 2 RESOURCE_LOCK namespaces
      SKIP_REGULAR_EXPRESSION "^skipped: ")
  if(mpi_environment)
    set_tests_properties("${name}" PROPERTIES ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0")
  endif()
  foreach(name IN LISTS mpi_tests)
    # Serial: ranks that wait keep their processors busy.
    set_tests_properties("${name}" PROPERTIES TIMEOUT 600 LABELS mpi RUN_SERIAL TRUE
        ENVIRONMENT "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_hwloc_base_binding_policy=none;OMPI_MCA_mpi_yield_when_idle=1${mpi_environment}")
  endforeach()
endforeach()
