# cmake -D README= -D SCRATCH= -D COMPILER= -D INCLUDE= -D LIBRARY= -P first_program.cmake
# Cuts the first ```cpp block out of README.md, counts its lines (at most 25), compiles it and runs it.

cmake_minimum_required(VERSION 3.22)

if(NOT EXISTS ${README})
  message(FATAL_ERROR "${README} does not exist, so it has no first program")
endif()
file(READ ${README} text)
set(text "\n${text}")
string(FIND "${text}" "\n```cpp\n" begin)
if(begin EQUAL -1)
  message(FATAL_ERROR "README.md has no ```cpp block: its first program is missing")
endif()
math(EXPR begin "${begin} + 8")
string(SUBSTRING "${text}" ${begin} -1 program)
string(FIND "${program}" "\n```" end)
if(end EQUAL -1)
  message(FATAL_ERROR "the first ```cpp block of README.md is never closed")
endif()
string(SUBSTRING "${program}" 0 ${end} program)

string(REGEX REPLACE "[^\n]" "" newlines "${program}")
string(LENGTH "${newlines}" lines)
math(EXPR lines "${lines} + 1")
if(lines GREATER 25)
  message(FATAL_ERROR "the first program of README.md has ${lines} lines, 25 are allowed")
endif()
if(NOT program MATCHES "int main\\(")
  message(FATAL_ERROR "the first ```cpp block of README.md is not a whole program:\n${program}")
endif()

file(WRITE ${SCRATCH}/first_program.cpp "${program}\n")
cmake_path(GET LIBRARY PARENT_PATH library_dir)
execute_process(
  COMMAND ${COMPILER} -std=c++20 -Wall -Wextra -I ${INCLUDE} ${SCRATCH}/first_program.cpp -o ${SCRATCH}/first_program
    ${LIBRARY} -Wl,-rpath,${library_dir}
  RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the first program of README.md does not compile:\n${errors}")
endif()

# In a /dev/shm of its own where the system allows that: the program's segment has a fixed name, and nothing that another
# run or another version left there shall decide this test.
execute_process(COMMAND id -u OUTPUT_VARIABLE uid OUTPUT_STRIP_TRAILING_WHITESPACE)
set(private unshare --mount)
if(NOT uid EQUAL 0)
  set(private unshare --map-root-user --mount)
endif()
set(script "mount -t tmpfs tmpfs /dev/shm && exec \"$@\"")
execute_process(COMMAND ${private} sh -c "${script}" sh true RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
if(status EQUAL 0)
  set(launcher ${private} sh -c "${script}" sh)
else()
  set(launcher "")
endif()
execute_process(COMMAND ${launcher} ${SCRATCH}/first_program TIMEOUT 60
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the first program of README.md ended with ${status}:\n${output}")
endif()
message(STATUS "${lines} lines; it printed:\n${output}")
