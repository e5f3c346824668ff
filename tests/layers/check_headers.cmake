# cmake -D ROOT=<tree> -D COMPILER=<c++> -D SCRATCH=<directory> -P check_headers.cmake
# Compiles each public header by itself, twice included, with strict warnings; and looks through everything it reaches for Boost.

cmake_minimum_required(VERSION 3.22)

file(GLOB headers RELATIVE ${ROOT}/include ${ROOT}/include/shmsem/*.hpp)
if(NOT headers)
  message(FATAL_ERROR "no public header in ${ROOT}/include/shmsem")
endif()
foreach(header IN LISTS headers)
  set(source ${SCRATCH}/alone.cpp)
  file(WRITE ${source} "#include <${header}>\n#include <${header}>\nint main() {}\n")
  execute_process(
    COMMAND ${COMPILER} -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I ${ROOT}/include
      -MD -MF ${SCRATCH}/alone.d -fsyntax-only ${source}
    RESULT_VARIABLE status ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    message(SEND_ERROR "${header} does not compile by itself:\n${errors}")
    continue()
  endif()
  file(READ ${SCRATCH}/alone.d reached)
  if(reached MATCHES "[^ \n]*/boost/[^ \n]*" AND NOT header STREQUAL "shmsem/boost.hpp")
    message(SEND_ERROR "${header} reaches ${CMAKE_MATCH_0}")
  endif()
endforeach()
