# `cpack -G DEB` in the build directory makes shmsem_<version>-1_<architecture>.deb: library, headers, packages for CMake and
# pkg-config, tools with their man pages and completions.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME shmsem)
set(CPACK_PACKAGE_VENDOR shmsem)
set(SHMSEM_PACKAGE_CONTACT "shmsem maintainers <maintainers@shmsem.invalid>" CACHE STRING
  "Maintainer of the Debian package: a name and an address in angle brackets")
set(CPACK_PACKAGE_CONTACT ${SHMSEM_PACKAGE_CONTACT})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "leased, first-come-first-served semaphores for the processes of a host")
set(CPACK_PACKAGE_DESCRIPTION
"Counting semaphores for cooperating processes, in shared memory. A permit is
held on a lease, waiters are served first come, first served, and a holder
that crashes, hangs or is killed gives its permit back. There is no server.
.
This package has the C++20 library with its headers, and the tools semtop
(who holds and who waits), semctl (create, change, examine, remove) and
semrun (run a command while holding a permit).")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CHECKSUM SHA256)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# What a package that links the library depends on, and a trigger, so that programs find it. CPACK_DEBIAN_PACKAGE_SHLIBDEPS and
# _GENERATE_SHLIBS would bring scripts in place of the trigger, for whose sake dpkg remembers a package that was removed: so
# debian/tree.cmake calls dpkg-shlibdeps.
file(WRITE ${PROJECT_BINARY_DIR}/debian/shlibs "libshmsem ${PROJECT_VERSION_MAJOR} shmsem (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/triggers ${PROJECT_BINARY_DIR}/debian/shlibs)
# For the static library, and for <shmsem/boost.hpp>.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
  "libboost-thread${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}-dev, bash-completion, man-db")

set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian/tree.cmake)
set(CPACK_SHMSEM_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
include(CPack)
