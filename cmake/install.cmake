# Headers, both libraries, the CMake package, shmsem.pc, the tools with their man pages and completions, and the licence.

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/shmsem DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(TARGETS shmsem_shared shmsem_headers EXPORT shmsem-shared-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS shmsem_static EXPORT shmsem-static-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Two export sets, because only the static library makes its user find Boost.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/shmsem)
install(EXPORT shmsem-shared-targets NAMESPACE shmsem:: DESTINATION ${package_dir})
install(EXPORT shmsem-static-targets NAMESPACE shmsem:: DESTINATION ${package_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/shmsem-config.cmake.in
  ${PROJECT_BINARY_DIR}/shmsem-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/shmsem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/shmsem-config.cmake ${PROJECT_BINARY_DIR}/shmsem-config-version.cmake
  DESTINATION ${package_dir})

# The .pc file follows the prefix it lies in, so that `cmake --install --prefix` and a moved tree both work.
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR absolute_libdir)
if(absolute_libdir)
  set(shmsem_pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  set(pc_dir "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  set(pc_root "/prefix")
  cmake_path(RELATIVE_PATH pc_root BASE_DIRECTORY "${pc_dir}" OUTPUT_VARIABLE up)
  set(shmsem_pc_prefix "\${pcfiledir}/${up}")
endif()
cmake_path(APPEND shmsem_pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND shmsem_pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/shmsem.pc.in ${PROJECT_BINARY_DIR}/shmsem.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/shmsem.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

get_property(installed_tools GLOBAL PROPERTY SHMSEM_TOOLS)
list(REMOVE_ITEM installed_tools shmsem_demo)
if(installed_tools)
  install(TARGETS ${installed_tools} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Of the programs that are built. bash finds the completion of a command in a file of the command's name; zsh looks into
# site-functions of its own prefix and of /usr/local.
foreach(tool IN LISTS installed_tools)
  set(man ${PROJECT_SOURCE_DIR}/tools/man/${tool}.1)
  set(bash ${PROJECT_SOURCE_DIR}/tools/completions/${tool}.bash)
  set(zsh ${PROJECT_SOURCE_DIR}/tools/completions/_${tool})
  if(EXISTS ${man})
    install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endif()
  if(EXISTS ${bash})
    install(FILES ${bash} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${tool})
  endif()
  if(EXISTS ${zsh})
    install(FILES ${zsh} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  endif()
endforeach()

if(PROJECT_IS_TOP_LEVEL)
  include(${CMAKE_CURRENT_LIST_DIR}/package.cmake)
endif()
