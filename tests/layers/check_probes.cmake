# cmake -D LIBRARY=<libshmsem.so> -D COMPILER=<c++> -D README=<file> -P check_probes.cmake
# The library has every static probe that the README lists, and no other; and each is one nop.

cmake_minimum_required(VERSION 3.22)

execute_process(COMMAND ${COMPILER} -E -x c++ -include sys/sdt.h /dev/null RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
if(NOT status EQUAL 0)
  message("[SKIPPED] built without <sys/sdt.h> (on Debian: systemtap-sdt-dev), so there are no probes")
  return()
endif()

file(STRINGS ${README} rows REGEX "^\\| `shmsem:[a-z]+`")
set(listed "")
foreach(row IN LISTS rows)
  string(REGEX REPLACE "^\\| `shmsem:([a-z]+)`.*" "\\1" name "${row}")
  list(APPEND listed ${name})
endforeach()
list(SORT listed)

execute_process(COMMAND readelf -n ${LIBRARY} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "Provider: shmsem\n *Name: [a-z]+\n *Location: 0x[0-9a-f]+" found "${notes}")
set(present "")
foreach(note IN LISTS found)
  string(REGEX REPLACE ".*Name: ([a-z]+).*" "\\1" name "${note}")
  string(REGEX REPLACE ".*Location: 0x0*([0-9a-f]+).*" "\\1" place "${note}")
  list(APPEND present ${name})
  math(EXPR end "0x${place} + 1")
  execute_process(COMMAND objdump -d --no-show-raw-insn --start-address=0x${place} --stop-address=${end} ${LIBRARY}
    OUTPUT_VARIABLE code COMMAND_ERROR_IS_FATAL ANY)
  if(NOT code MATCHES "[ \t]${place}:[ \t]+nop")
    message(SEND_ERROR "the probe ${name} at 0x${place} is no nop:\n${code}")
  endif()
endforeach()
list(REMOVE_DUPLICATES present)
list(SORT present)
if(NOT present STREQUAL listed)
  message(SEND_ERROR "README.md lists the probes ${listed}, the library has ${present}")
endif()
message("probes: ${present}")
