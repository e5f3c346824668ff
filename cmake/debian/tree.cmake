# Run by CPack between the installation into a directory of its own and the making of the package: what Debian wants otherwise
# than a prefix does, and what the package depends on.

set(usr ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(doc ${usr}/share/doc/${CPACK_PACKAGE_NAME})

# What is measured with stays out: the libraries of its peers would become dependencies of the package.
file(REMOVE ${usr}/bin/semabench)

# zsh of Debian looks for what packages bring in a place of its own.
if(EXISTS ${usr}/share/zsh/site-functions)
  file(RENAME ${usr}/share/zsh/site-functions ${usr}/share/zsh/vendor-completions)
endif()

file(READ ${CPACK_SHMSEM_LICENSE} license)
string(STRIP "${license}" license)
string(REGEX REPLACE "\n\n" "\n.\n" license "${license}")
string(REGEX REPLACE "\n" "\n " license "${license}")
file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ${CPACK_PACKAGE_NAME}

Files: *
Copyright: 2026 the contributors to ${CPACK_PACKAGE_NAME}
License: BSL-1.0

License: BSL-1.0
 ${license}
")
file(REMOVE ${doc}/LICENSE)

# SOURCE_DATE_EPOCH, if it is set, makes it the same each time.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian
"${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")

# -n: without time and name, so that the same contents give the same bytes.
file(GLOB pages ${usr}/share/man/man1/*.1)
execute_process(COMMAND gzip -9nf ${pages} ${doc}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)

# Directories come with the umask of whoever builds, files as they were installed.
execute_process(COMMAND chmod -R u=rwX,go=rX ${CPACK_TEMPORARY_INSTALL_DIRECTORY} COMMAND_ERROR_IS_FATAL ANY)

# The packages whose libraries the programs need; CPack reads the variable afterwards.
set(scratch ${CPACK_TOPLEVEL_DIRECTORY}/shlibdeps)
file(WRITE ${scratch}/debian/control "Source: ${CPACK_PACKAGE_NAME}\n\nPackage: ${CPACK_PACKAGE_NAME}\nArchitecture: any\n")
file(GLOB_RECURSE binaries ${usr}/bin/* ${usr}/lib*/*.so.*.*)
execute_process(COMMAND dpkg-shlibdeps -O ${binaries} WORKING_DIRECTORY ${scratch} OUTPUT_VARIABLE depends
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "^shlibs:Depends=" "" CPACK_DEBIAN_PACKAGE_DEPENDS "${depends}")
