#pragma once

#include <sys/types.h>

#include <string>

namespace semabench {

/// A name for a segment, named semaphore or file: "semabench.<pid>.<count>", so that whatever a killed run leaves can be
/// told from what others use, and two runs never meet.
std::string unique_name();

/// The key of this process's one System V semaphore set: 'S' and the low 24 bits of the process id.
key_t sysv_key();

}  // namespace semabench
