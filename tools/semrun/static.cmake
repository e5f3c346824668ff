# semrun stands before every command, so what counts is how soon it runs: half of a start with shared libraries is their loading.
# Where the toolchain can do it, and no sanitizer needs shared libraries, it is linked statically; otherwise as any other tool.

if(TARGET semrun AND NOT SHMSEM_SANITIZE)
  # The one beside the shared library that was found: another version of Boost may be installed, too.
  get_target_property(semrun_boost Boost::thread IMPORTED_LOCATION_RELEASE)
  if(NOT semrun_boost)
    get_target_property(semrun_boost Boost::thread IMPORTED_LOCATION)
  endif()
  cmake_path(GET semrun_boost PARENT_PATH semrun_boost_directory)
  find_library(SHMSEM_STATIC_BOOST_THREAD libboost_thread.a PATHS ${semrun_boost_directory} NO_DEFAULT_PATH)
  if(SHMSEM_STATIC_BOOST_THREAD)
    include(CheckCXXSourceCompiles)
    set(CMAKE_REQUIRED_FLAGS -fPIE)
    set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie)
    set(CMAKE_REQUIRED_INCLUDES ${Boost_INCLUDE_DIRS})
    set(CMAKE_REQUIRED_LIBRARIES ${SHMSEM_STATIC_BOOST_THREAD} Threads::Threads)
    check_cxx_source_compiles("#include <boost/thread/thread.hpp>
      int main() { boost::thread([] {}).join(); }" SHMSEM_CAN_LINK_SEMRUN_STATICALLY)
    unset(CMAKE_REQUIRED_FLAGS)
    unset(CMAKE_REQUIRED_LINK_OPTIONS)
    unset(CMAKE_REQUIRED_INCLUDES)
    unset(CMAKE_REQUIRED_LIBRARIES)
  endif()
  if(SHMSEM_CAN_LINK_SEMRUN_STATICALLY)
    # Everything that it consists of has to be position-independent then.
    set_target_properties(semrun semrun_parts report_parts PROPERTIES POSITION_INDEPENDENT_CODE ON)
    # Instead of what shmsem_static brings along, which is the shared Boost.Thread.
    set_target_properties(semrun PROPERTIES LINK_LIBRARIES
      "shmsem_dev;semrun_parts;report_parts;$<TARGET_FILE:shmsem_static>;${SHMSEM_STATIC_BOOST_THREAD};Threads::Threads")
    add_dependencies(semrun shmsem_static)
    target_include_directories(semrun PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_link_options(semrun PRIVATE -static-pie)
  endif()
endif()
