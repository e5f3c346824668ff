# semrun stands before every command, so what counts is how soon it runs: half of a start with shared libraries is their loading.
# Where the toolchain can do it, and nothing in the build needs shared libraries, it is linked statically.

if(TARGET semrun AND NOT SHMSEM_SANITIZE)
  include(CheckCXXSourceCompiles)
  find_library(SHMSEM_STATIC_BOOST_THREAD libboost_thread.a HINTS ${Boost_LIBRARY_DIRS})
  set(CMAKE_REQUIRED_FLAGS -fPIE)
  set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie)
  check_cxx_source_compiles("#include <iostream>\nint main() { std::cout << 1; }" SHMSEM_CAN_LINK_STATICALLY)
  unset(CMAKE_REQUIRED_FLAGS)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  if(SHMSEM_STATIC_BOOST_THREAD AND SHMSEM_CAN_LINK_STATICALLY)
    # Everything that it consists of has to be position-independent then.
    set_target_properties(semrun semrun_parts report_parts PROPERTIES POSITION_INDEPENDENT_CODE ON)
    # Instead of what shmsem_static brings along, which names the shared Boost.Thread.
    set_target_properties(semrun PROPERTIES LINK_LIBRARIES
      "shmsem_dev;semrun_parts;report_parts;$<TARGET_FILE:shmsem_static>;${SHMSEM_STATIC_BOOST_THREAD};Threads::Threads")
    add_dependencies(semrun shmsem_static)
    target_include_directories(semrun PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_link_options(semrun PRIVATE -static-pie)
  endif()
endif()
