# cmake -D MODEL=<file> -D SCRATCH=<directory> -D SPIN=<program> -D CC=<program> -D DEFINITIONS="A B=1" -D EXPECTED=holds|fails -P
# Has spin search the whole model, and fails unless the result is what was expected and the search was not cut short.

cmake_minimum_required(VERSION 3.22)

if(NOT EXISTS "${SPIN}" OR NOT EXISTS "${CC}")
  message("spin is not installed, or no C compiler: skipped. tools/setup installs both.")
  return()
endif()

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${SCRATCH} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(status ${status} PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH})
separate_arguments(words UNIX_COMMAND "${DEFINITIONS}")
list(TRANSFORM words PREPEND -D)

run(${SPIN} -a ${words} ${MODEL})
if(status OR NOT EXISTS ${SCRATCH}/pan.c)
  message(FATAL_ERROR "spin -a failed:\n${output}")
endif()
# Optimizing takes longer than the search of all but the large ones. NOREDUCE: every step is of shared memory, so there is nothing to
# reduce. COLLAPSE stores states compressed, and loses none. Memory: at most so many MB.
set(optimize -O0)
if(SCRATCH MATCHES "large")
  set(optimize -Og)
endif()
run(${CC} ${optimize} -w -DSAFETY -DNOREDUCE -DCOLLAPSE -DMEMLIM=8000 -o pan pan.c)
if(status)
  message(FATAL_ERROR "the search did not compile:\n${output}")
endif()
# -E: where a thread may stay for ever is checked by the model itself.
run(./pan -E -m100000)
message("${output}")
foreach(sign "max search depth too small" "out of memory" "search was not completed" "VECTORSZ" "aborted")
  if(output MATCHES "${sign}" AND EXPECTED STREQUAL "holds")
    message(FATAL_ERROR "The search was cut short: ${sign}")
  endif()
endforeach()
if(EXPECTED STREQUAL "holds" AND NOT output MATCHES "errors: 0")
  message(FATAL_ERROR "An error was found. To read the trail: cd ${SCRATCH} && ${SPIN} -t -p -k semaphore.pml.trail ${words} ${MODEL}")
elseif(EXPECTED STREQUAL "fails" AND NOT (output MATCHES "assertion violated" AND output MATCHES "errors: [1-9]"))
  message(FATAL_ERROR "No error was found, though one is there")
endif()
file(REMOVE ${SCRATCH}/pan)
